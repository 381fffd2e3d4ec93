"""A sink that fails at each of its operations in turn: the journal never claims more than it has, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pytest

from penstock import Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Sink, SinkContext, SinkStrategy
from penstock.config.models import Chosen
from penstock.errors import SinkError
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.run import run_sync
from penstock_sinks.sqlite import Sqlite, SqliteConfig
from support.project import USER, Project, user
from support.server import Received, routes, serve

Manner = Literal["before", "after", "refuse one", "refuse all"]
SIZE = 1000
USERS = [user(number) for number in range(1, 2601)]
"""Three pages, and as many batches."""
OPERATIONS = 5
"""A claim, three writes and a deletion."""


class Faulty(Sink):
    """A SQLite catalog that misbehaves at operation ``at``, counted from 0."""

    def __init__(self, sink: Sink, at: int, manner: Manner) -> None:
        self._sink = sink
        self._left = at
        self._manner = manner

    async def __aenter__(self) -> Self:
        await self._sink.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sink.__aexit__(kind, error, trace)

    def _is_due(self) -> bool:
        self._left -= 1
        return self._left == -1

    def _fail(self) -> None:
        message = "503: the catalog is away"
        raise SinkError(message)

    async def claim(self) -> None:
        due = self._is_due()
        if due and self._manner == "before":
            self._fail()
        await self._sink.claim()
        if due and self._manner == "after":
            self._fail()

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        due = self._is_due()
        if due and self._manner == "before":
            self._fail()
        refused = {"refuse one": 1, "refuse all": len(batch.entities)}.get(self._manner, 0) if due else 0
        outcomes = await self._sink.write(EntityBatch(batch.kind, batch.entities[refused:]))
        if due and self._manner == "after":  # done, and told otherwise
            self._fail()
        return [Outcome("refused", "it does not please")] * refused + list(outcomes)

    async def count(self) -> int | None:
        return await self._sink.count()

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        async for chunk in self._sink.owned():
            yield chunk

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        async for chunk in self._sink.entities(blueprint):
            yield chunk

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        due = self._is_due()
        if due and self._manner == "before":
            self._fail()
        if due and self._manner.startswith("refuse"):
            return [Outcome("refused", "it does not please")] * len(keys)
        outcomes = await self._sink.delete(keys)
        if due and self._manner == "after":
            self._fail()
        return outcomes


class FaultyStrategy(SinkStrategy[SqliteConfig]):
    """Opens a catalog that misbehaves once."""

    name = "faulty"
    Config = SqliteConfig

    def __init__(self, at: int, manner: Manner) -> None:
        self._at = at
        self._manner: Manner = manner

    def open(self, config: SqliteConfig, context: SinkContext) -> Sink:
        return Faulty(Sqlite().open(config, context), self._at, self._manner)


def sync_faultily(project: Project, at: int, manner: Manner) -> RunReport | SinkError:
    settings = project.settings()
    strategy: SinkStrategy[Any] = FaultyStrategy(at, manner)
    faulty = settings._replace(sink=Chosen(strategy, SqliteConfig(path=project.catalog)))

    async def run() -> RunReport:
        return await run_sync(faulty, Secrets(), observer=Observer(), stop=asyncio.Event())

    try:
        return asyncio.run(run())
    except SinkError as error:
        return error


@pytest.fixture
def users() -> list[dict[str, Any]]:
    return list(USERS)


@pytest.fixture
def project(tmp_path: Path, users: list[dict[str, Any]]) -> Iterator[Project]:
    def answer(request: Received) -> object:
        start = int(request.param("offset"))
        return {"users": users[start : start + SIZE], "total": len(users)}

    with serve(routes({"/users": answer})) as api:
        made = Project(tmp_path, api.url, [USER], paginationType="offset", pageSize=SIZE)
        made.config["deleteAfterAbsentRuns"] = 1
        yield made


@pytest.mark.parametrize("manner", ["before", "after", "refuse one", "refuse all"])
@pytest.mark.parametrize("at", range(OPERATIONS))
def test_whatever_operation_fails_a_clean_run_makes_good(
    project: Project, users: list[dict[str, Any]], at: int, manner: Manner
) -> None:
    assert project.sync().exit_code == 0
    before = project.identifiers()
    del users[:3]
    users.append(user(9999))

    ended = sync_faultily(project, at, manner)
    there = {str(one["id"]) for one in users}
    assert before & there <= project.identifiers()
    if isinstance(ended, RunReport):
        assert ended.exit_code == (0 if at == 0 else 1)  # a claim has nothing to refuse
    else:
        assert "503: the catalog is away" in str(ended)

    project.sync()  # takes up the one that was broken off, and so waits for a second look
    assert before & there <= project.identifiers()
    assert project.sync().exit_code == 0
    assert project.identifiers() == there
