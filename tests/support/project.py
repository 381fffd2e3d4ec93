"""A throw-away project: a configuration in a folder, run in this process, and its catalog read back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.journal import Decision, Hold, Holds, JournalFile
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport, RunReport
from penstock.sync.run import run_sync
from support.configuring import installed

USER = {
    "kind": "/users",
    "selector": {"data_path": ".users"},
    "port": {
        "entity": {
            "mappings": {
                "identifier": ".id | tostring",
                "title": ".name",
                "blueprint": '"user"',
                "properties": {"email": ".email"},
            }
        }
    },
}
"""A resource that most tests can do with."""


def user(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"User {number}", "email": f"u{number}@acme.test"}


def resource(kind: str, *, blueprint: str = "user", selector: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A resource whose items have ``id`` and ``name``."""
    mappings = {"identifier": ".id | tostring", "title": ".name", "blueprint": f'"{blueprint}"'}
    return {"kind": kind, "selector": dict(selector or {}), "port": {"entity": {"mappings": mappings}}}


class Project:
    """A configuration for one API; ``sync`` runs it."""

    def __init__(self, folder: Path, base_url: str, resources: list[dict[str, Any]], **connection: Any) -> None:  # noqa: ANN401
        self.folder = folder
        self.catalog = folder / "catalog.db"
        self.config: dict[str, Any] = {
            "source": "test",
            "connection": {"baseUrl": base_url, **connection},
            "sink": {"type": "sqlite", "path": str(self.catalog)},
            "resources": resources,
        }

    def settings(self) -> Settings:
        file = self.folder / "penstock.yml"
        file.write_text(json.dumps(self.config))  # JSON is YAML
        inputs = Inputs(config_file=file, mapping_file=None, environ={}, sink=None, catalog=None, dotenv=None)
        return load_settings(inputs, installed())

    def sync(self, *, only: Collection[str] = (), anew: bool = False) -> RunReport:
        settings = replace(self.settings(), anew=anew)

        async def run() -> RunReport:
            return await run_sync(settings, Secrets(), only=only, observer=Observer(), stop=asyncio.Event())

        return asyncio.run(run())

    def decide(self, kind: str, decision: Decision) -> list[Hold]:
        """Decide about what is held of a kind, as ``penstock holds`` does."""
        with JournalFile(self.folder / ".penstock" / "test.db") as file:
            return Holds(file).decide(kind, decision)

    def holds(self) -> dict[tuple[str, str, str], int]:
        """What is held: the number of entities by kind, reason and state."""
        with JournalFile(self.folder / ".penstock" / "test.db") as file:
            return {(hold.kind, hold.reason.value, hold.state): hold.entities for hold in Holds(file).all()}

    def sync_kind(self) -> KindReport:
        """Run, and return the report of the only kind."""
        [kind] = self.sync().kinds
        return kind

    def identifiers(self, blueprint: str = "user") -> set[str]:
        return {row[0] for row in self.rows("SELECT identifier FROM entities WHERE blueprint = ?", blueprint)}

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.catalog)) as db:
            return db.execute(query, values).fetchall()
