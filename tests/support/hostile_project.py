"""The project that reads the hostile API, and what a catalog and a journal are held against."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from penstock.config.models import Chosen
from penstock.journal import Decision, Holds, JournalFile
from penstock.redaction import Secrets
from penstock.strategies import SinkStrategy
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.run import run_sync
from penstock_sinks.sqlite import SqliteConfig
from support.faulty_sink import FaultyStrategy, Mood
from support.hostile_api import PAGINATIONS, RATE_LIMIT_WHEN, HostileApi, Key
from support.project import Project, resource

_ITEMS: Final = {"data_path": ".items"}
USERS: Final = resource("/users", selector=_ITEMS)
TEAMS: Final = resource("/teams", blueprint="team", selector=_ITEMS)
MEMBERS: Final = resource(
    "/teams/{team}/members",
    blueprint="member",
    selector={**_ITEMS, "path_parameters": {"team": {"endpoint": "/teams", "data_path": ".items", "field": ".id"}}},
)


class HostileProject(Project):
    """Users, teams and their members, from an API that pages as ``pagination`` says."""

    def __init__(self, folder: Path, api: HostileApi, pagination: str, **connection: Any) -> None:  # noqa: ANN401
        usual = {"maxRetries": 1, "rateLimitWhen": RATE_LIMIT_WHEN, "maxPages": 12}
        settings = {**usual, **PAGINATIONS[pagination], **connection}
        super().__init__(folder, api.url, [USERS, TEAMS, MEMBERS], **settings)
        self.journal = folder / ".penstock" / "test.db"
        api.pagination = pagination

    def sync_with(self, mood: Mood, observer: Observer | None = None, stop: asyncio.Event | None = None) -> RunReport:
        """Run with a catalog in this mood."""
        strategy: SinkStrategy[Any] = FaultyStrategy(mood)
        settings = replace(self.settings(), sink=Chosen(strategy, SqliteConfig(path=self.catalog)))

        async def run() -> RunReport:
            return await run_sync(settings, Secrets(), observer=observer or Observer(), stop=stop or asyncio.Event())

        return asyncio.run(run())

    def titles(self) -> dict[Key, str]:
        """What the catalog holds."""
        if not self.catalog.exists() or _rows(self.catalog, "PRAGMA user_version") == [(0,)]:
            return {}
        rows = _rows(self.catalog, "SELECT blueprint, identifier, title FROM entities")
        return {(blueprint, identifier): title for blueprint, identifier, title in rows}

    def held(self, state: str) -> set[Key]:
        """The entities in holds of this state."""
        query = "SELECT blueprint, identifier FROM held JOIN holds ON holds.id = hold WHERE state = ?"
        return set(self._noted(query, state))

    def decide_all(self, decision: Decision) -> set[Key]:
        """Decide about everything that is held; return what that is."""
        held = self.held("open")
        with JournalFile(self.journal) as file:
            Holds(file).decide(None, decision)
        return held

    def seen(self) -> set[Key]:
        """What the newest run has seen, as the journal has it."""
        return set(self._noted("SELECT blueprint, identifier FROM seen WHERE run = (SELECT max(id) FROM runs)"))

    def finished(self) -> set[str]:
        """The endpoints that the newest run has read to their end, as the journal has it."""
        query = (
            "SELECT resource, path FROM progress JOIN partitions ON partitions.id = partition "
            "WHERE reason IS NOT NULL AND run = (SELECT max(id) FROM runs)"
        )
        return {resource.format(**json.loads(path)) for resource, path in self._noted(query)}

    def last_status(self) -> str | None:
        """How the newest run has ended; None while it has not, and empty where there is none."""
        rows = self._noted("SELECT status FROM runs ORDER BY id DESC LIMIT 1")
        return rows[0][0] if rows else ""

    def _noted(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the journal; nothing while it is being made."""
        made = self.journal.exists() and _rows(self.journal, "PRAGMA user_version") != [(0,)]
        return _rows(self.journal, query, *values) if made else []


def _rows(file: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as db:
        return db.execute(query, values).fetchall()
