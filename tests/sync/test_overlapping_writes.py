"""A sink may take several batches at once; what is recorded of them is in order, and never ahead of the sink."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest

from penstock import EntityBatch, Outcome, Sink
from penstock.errors import SinkError
from penstock.http.client import ApiRequest, ApiResponse
from penstock.redaction import Secrets
from penstock.sync.forwarding import ForwardingSink
from penstock.sync.report import RunReport
from penstock.sync.spool import Spool
from support.project import USER, Project, user
from support.server import ApiServer, Received, routes, serve
from support.sink_before import StrategyBefore, sync_through

BATCHES = 5
ALL = {str(number) for number in range(1, BATCHES * 1000 + 1)}


@dataclass
class Told:
    """How the sink behaves, and what it was given."""

    at_once: Any = 3
    fails: frozenset[int] = frozenset()
    """Which batches, from 0."""
    dies: int | None = None
    """With which batch the process ends, when the one after it is in the catalog."""
    begun: list[int] = field(default_factory=list[int])
    ended: list[int] = field(default_factory=list[int])
    most: int = 0
    is_closed: bool = False
    late: list[int] = field(default_factory=list[int])
    """What was still at work when the sink was closed."""


class Overlapping(ForwardingSink):
    """A SQLite catalog that takes several batches, and is done with the later one of two first."""

    def __init__(self, sink: Sink, told: Told) -> None:
        super().__init__(sink)
        self._told = told
        self._done: dict[int, asyncio.Event] = {}
        self.writes_at_once = told.at_once

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._told.is_closed = True
        await self._sink.__aexit__(kind, error, trace)

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        told, number = self._told, len(self._told.begun)
        told.begun.append(number)
        told.most = max(told.most, len(told.begun) - len(told.ended))
        try:
            if number % 2 == 0:  # until the next one is done, or does not come
                for _ in range(100):
                    if number + 1 in told.ended:
                        break
                    await asyncio.sleep(0.001)
            if number == told.dies:
                os._exit(9)
            if number in told.fails:
                message = f"batch {number} cannot be written"
                raise SinkError(message)
            return await self._sink.write(batch)
        finally:
            told.ended.append(number)
            told.late += [number] * told.is_closed


class OverlappingStrategy(StrategyBefore):
    name = "overlapping"


def strategy_of(told: Told) -> OverlappingStrategy:
    return OverlappingStrategy(lambda sink: Overlapping(sink, told))


def sync(project: Project, told: Told) -> RunReport:
    return sync_through(strategy_of(told), project)


@pytest.fixture
def users() -> list[dict[str, Any]]:
    return [user(number) for number in range(1, BATCHES * 1000 + 1)]


@pytest.fixture
def api(users: list[dict[str, Any]]) -> Iterator[ApiServer]:
    def page(request: Received) -> object:
        start = int(request.param("offset"))
        return {"users": users[start : start + 1000], "total": len(users)}

    with serve(routes({"/users": page})) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, api: ApiServer) -> Project:
    return Project(tmp_path, api.url, [USER], paginationType="offset", pageSize=1000)


def test_a_sink_gets_as_many_batches_at_once_as_it_takes(project: Project) -> None:
    told = Told(at_once=2)
    report = sync(project, told)

    assert (report.exit_code, report.kinds[0].created) == (0, BATCHES * 1000)
    assert told.most == 2
    assert told.ended[:2] == [1, 0]
    assert project.identifiers() == ALL


def test_a_sink_that_says_nothing_gets_one_after_another(project: Project) -> None:
    told = Told(at_once=1)

    assert sync(project, told).exit_code == 0
    assert told.most == 1


def test_batches_with_a_key_in_common_are_written_one_after_another(
    project: Project, users: list[dict[str, Any]]
) -> None:
    for number in range(1, BATCHES):  # each page ends with an entity that the next one begins with, in a newer state
        users[number * 1000 - 1] = {**user(number * 1000 + 1), "name": "old"}
    told = Told()
    sync(project, told)

    assert told.most == 1
    assert not project.rows("SELECT identifier FROM entities WHERE title = 'old'")


@pytest.mark.parametrize("failing", [{0}, {1}, {0, 1}, {2}])
def test_nothing_is_recorded_after_a_batch_that_failed(project: Project, api: ApiServer, failing: set[int]) -> None:
    told = Told(fails=frozenset(failing))
    with pytest.raises(SinkError, match=rf"^batch {min(failing)} cannot be written$"):
        sync(project, told)
    assert not told.late

    report = sync(project, Told())

    assert (report.resumed, report.exit_code) == (True, 0)
    assert project.identifiers() == ALL
    assert len(api.received) <= 2 * BATCHES


def test_after_a_kill_all_that_was_not_recorded_comes_again_and_little_is_asked_for_again(
    project: Project, api: ApiServer
) -> None:
    pid = os.fork()
    if not pid:
        try:
            sync(project, Told(at_once=2, dies=2))  # 3 is in the catalog, 2 is not, 4 is being gathered
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    asked = len(api.received)

    report = sync(project, Told())

    assert report.resumed
    assert project.identifiers() == ALL
    assert len(api.received) - asked <= BATCHES - 3


@pytest.mark.parametrize(("at_once", "kept"), [(1, {3}), (2, {2, 3}), (3, {1, 2, 3})])
def test_answers_are_kept_for_as_many_batches_as_may_be_under_way(tmp_path: Path, at_once: int, kept: set[int]) -> None:
    asked: list[str] = []

    async def send(request: ApiRequest) -> ApiResponse:
        asked.append(request.url)
        return ApiResponse(200, request.url, httpx.Headers(), b"[]", 0.0)

    async def ask(number: int, spool: Spool) -> None:
        await spool.through(send)(ApiRequest("GET", f"https://a.test/{number}"))

    with Spool(tmp_path, Secrets()) as spool:
        for number in range(4):
            asyncio.run(ask(number, spool))
            spool.delivered(at_once)
    asked.clear()
    with Spool(tmp_path, Secrets()) as spool:
        for number in range(4):
            asyncio.run(ask(number, spool))

    assert asked == [f"https://a.test/{number}" for number in range(4) if number not in kept]


@pytest.mark.parametrize("number", [0, -1, "two", 1.5])
def test_a_number_of_writes_that_is_none_ends_the_run_and_names_the_plugin(project: Project, number: object) -> None:
    with pytest.raises(SinkError, match=r'the sink plugin "overlapping" failed: .*writes_at_once is'):
        sync(project, Told(at_once=number))
