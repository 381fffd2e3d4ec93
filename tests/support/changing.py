"""An API over a socket whose lists change, that can be asked for changes, and that tells whether pages have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

from penstock.sync.change_times import SECOND, in_utc
from support.project import Project, resource
from support.server import ApiServer, Received, Reply, serve

START = 1_600_000_000
"""September 2020: the seconds of the API's clock, which are those of its records too, count from here."""


class Changing:
    """Lists of ``{id, name, at}`` by path, asked for with ``since`` and by page; ``clock`` ticks when a record changes.

    ``etags`` has every page tell its state, and answer 304 to those who know it. ``broken`` paths answer 500.
    """

    def __init__(self, *, etags: bool = False, size: int = 0) -> None:
        self.lists: dict[str, dict[str, dict[str, Any]]] = {}
        self.broken: set[str] = set()
        self.etags = etags
        self.size = size
        """Of a page; 0 gives everything at once."""
        self.clock = START
        self.headers: dict[str, str] = {}
        """Beside those of every answer."""

    def put(self, path: str, *names: str, **more: object) -> None:
        """Create or change records, each at a moment of its own."""
        for name in names:
            self.clock += 1
            self.lists.setdefault(path, {})[name] = {
                "id": name,
                "name": f"{name} {self.clock}",
                "at": self.at(),
                **more,
            }

    def remove(self, path: str, *names: str) -> None:
        for name in names:
            del self.lists[path][name]

    def at(self) -> str:
        return in_utc(self.clock * SECOND).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __call__(self, request: Received) -> Reply:
        if request.path in self.broken:
            return Reply({"message": "broken"}, 400)
        if request.path not in self.lists:
            return Reply({"message": "no such list"}, 404)
        since = request.param("since")
        rows = [row for row in self.lists[request.path].values() if str(row["at"]) >= since]
        if self.size:
            page = int(request.param("page", "1")) - 1
            rows = rows[page * self.size : (page + 1) * self.size]
        headers = {"date": formatdate(self.clock, usegmt=True), **self.headers}
        if self.etags:
            tag = f'"{hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"'
            headers["etag"] = tag
            if request.headers.get("If-None-Match") == tag:
                return Reply(b"", 304, headers)
        return Reply(rows, headers=headers)


def incremental(kind: str = "/users", *, blueprint: str = "user", selector: Any = None, **settings: object) -> Any:  # noqa: ANN401
    """A resource that asks for changes."""
    block = {"field": ".at", "param": "since", "lookback": "0s", **settings}
    return resource(kind, blueprint=blueprint, selector={**(selector or {}), "incremental": block})


@contextmanager
def project_for(
    folder: Path, api: Changing, resources: list[dict[str, Any]], **connection: object
) -> Generator[tuple[Project, ApiServer]]:
    with serve(api) as server:
        yield Project(folder, server.url, resources, maxRetries=0, **connection), server


def names(project: Project, blueprint: str = "user") -> dict[str, str]:
    """What the catalog has: titles by identifier."""
    return dict(project.rows("SELECT identifier, title FROM entities WHERE blueprint = ?", blueprint))


def titles(api: Changing, *paths: str) -> dict[str, str]:
    """What the source has."""
    return {name: row["name"] for path in paths for name, row in api.lists.get(path, {}).items()}
