"""A strategy whose sink stands before SQLite's, and runs into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from penstock import Sink, SinkContext, SinkStrategy
from penstock.config.models import Chosen
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.run import run_sync
from penstock_sinks.sqlite import Sqlite, SqliteConfig
from support.project import Project


class StrategyBefore(SinkStrategy[SqliteConfig]):
    """Opens SQLite's sink with another before it; a subclass has the ``name``."""

    Config = SqliteConfig

    def __init__(self, before: Callable[[Sink], Sink]) -> None:
        self._before = before

    def open(self, config: SqliteConfig, context: SinkContext) -> Sink:
        return self._before(Sqlite().open(config, context))


def sync_through(strategy: SinkStrategy[Any], project: Project) -> RunReport:
    """Sync once into the project's catalog."""
    settings = replace(project.settings(), sink=Chosen(strategy, SqliteConfig(path=project.catalog)))
    return asyncio.run(run_sync(settings, Secrets(), observer=Observer(), stop=asyncio.Event()))
