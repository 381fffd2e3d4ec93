"""A sink that stands before SQLite's and does some things its own way, and runs into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Self

from penstock import Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Sink, SinkContext, SinkStrategy
from penstock.config.models import Chosen
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.run import run_sync
from penstock_sinks.sqlite import Sqlite, SqliteConfig
from support.project import Project


class SinkBefore(Sink):
    """Hands everything on; what is to be different is overridden."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def __aenter__(self) -> Self:
        await self._sink.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sink.__aexit__(kind, error, trace)

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        return await self._sink.write(batch)

    def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        return self._sink.owned()

    def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        return self._sink.entities(blueprint)

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        return await self._sink.delete(keys)


class StrategyBefore(SinkStrategy[SqliteConfig]):
    """Opens SQLite's sink with another before it; a subclass has the ``name``."""

    Config = SqliteConfig

    def __init__(self, before: Callable[[Sink], Sink]) -> None:
        self._before = before

    def open(self, config: SqliteConfig, context: SinkContext) -> Sink:
        return self._before(Sqlite().open(config, context))


def sync_through(strategy: SinkStrategy[Any], project: Project) -> RunReport:
    """Sync once into the project's catalog."""
    settings = project.settings()._replace(sink=Chosen(strategy, SqliteConfig(path=project.catalog)))
    return asyncio.run(run_sync(settings, Secrets(), observer=Observer(), stop=asyncio.Event()))
