"""A sink may put an entity off until something else is there: it counts as read only when it is settled."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from penstock import Entity, EntityBatch, Outcome, Settled, Sink
from penstock.errors import SinkError
from penstock.sync.forwarding import ForwardingSink
from penstock.sync.report import RunReport
from penstock.values import DEFERRED
from support.project import USER, Project, resource, user
from support.server import ApiServer, Received, routes, serve
from support.sink_before import StrategyBefore, sync_through

LATE = {"2", "1001"}
"""Users, of the first and the second page, that wait for something."""


@dataclass
class Patient:
    """How the sink defers, and what it was told."""

    dies: Callable[[], None] = lambda: None
    tells: Callable[[Sequence[Settled]], Sequence[Settled]] = lambda chunk: chunk
    refuses: bool = False
    written: list[str] = field(default_factory=list[str])


class Deferring(ForwardingSink):
    """A SQLite catalog that writes some entities only when it is told to settle."""

    def __init__(self, sink: Sink, patient: Patient) -> None:
        super().__init__(sink)
        self._patient = patient
        self._late: list[tuple[str, Entity]] = []

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        late = {one.identifier for one in batch.entities if one.identifier in LATE}
        self._late += [(batch.kind, one) for one in batch.entities if one.identifier in late]
        self._patient.written += [one.identifier for one in batch.entities]
        now = [one for one in batch.entities if one.identifier not in late]
        outcomes = iter(await self._sink.write(EntityBatch(batch.kind, now)))
        return [DEFERRED if one.identifier in late else next(outcomes) for one in batch.entities]

    async def settle(self) -> AsyncIterator[Sequence[Settled]]:
        self._patient.dies()
        found: list[Settled] = []
        for kind, entity in self._late:
            [outcome] = await self._sink.write(EntityBatch(kind, [entity]))
            if self._patient.refuses:
                outcome = Outcome("refused", "what it needs never came")
            found.append(Settled(kind, entity.blueprint, entity.identifier, outcome))
        yield self._patient.tells(found)


class DeferringStrategy(StrategyBefore):
    name = "deferring"


def strategy_of(patient: Patient) -> DeferringStrategy:
    return DeferringStrategy(lambda sink: Deferring(sink, patient))


def sync(project: Project, patient: Patient) -> RunReport:
    return sync_through(strategy_of(patient), project)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    users = [user(number) for number in range(1, 2501)]

    def page(request: Received) -> object:
        start = int(request.param("offset"))
        return {"users": users[start : start + 1000], "total": len(users)}

    teams = [{"id": "core", "name": "Core"}]

    def rest(request: Received) -> object:
        return teams[int(request.param("offset")) :]

    with serve(routes({"/users": page, "/teams": rest})) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, api: ApiServer) -> Project:
    teams = resource("/teams", blueprint="team")
    return Project(tmp_path, api.url, [USER, teams], paginationType="offset", pageSize=1000)


def test_what_was_deferred_is_written_at_the_end_and_counted(project: Project) -> None:
    report = sync(project, Patient())

    assert report.exit_code == 0
    assert [(kind.created, kind.refused) for kind in report.kinds] == [(2500, 0), (1, 0)]
    assert project.identifiers() >= LATE
    assert [kind.unchanged for kind in sync(project, Patient()).kinds] == [2500, 1]


def test_what_is_refused_at_the_end_makes_the_kind_incomplete_and_says_why(project: Project) -> None:
    report = sync(project, Patient(refuses=True))

    users = report.kinds[0]
    assert (users.status, users.created, users.refused) == ("incomplete", 2498, 2)
    assert [one.message for one in users.errors] == ["the sink refused it: what it needs never came"] * 2


def test_after_a_kill_what_was_deferred_is_brought_again(project: Project) -> None:
    pid = os.fork()
    if not pid:
        try:
            sync(project, Patient(dies=lambda: os._exit(9)))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert not project.identifiers() & LATE

    patient = Patient()
    report = sync(project, patient)

    assert report.resumed
    assert set(patient.written) >= LATE
    assert "core" not in patient.written  # nothing of that list was put off
    assert project.identifiers() >= LATE


def _all_but_one(chunk: Sequence[Settled]) -> Sequence[Settled]:
    return chunk[1:]


def _deferred_again(chunk: Sequence[Settled]) -> Sequence[Settled]:
    return [one._replace(outcome=DEFERRED) for one in chunk]


def _of_another_kind(chunk: Sequence[Settled]) -> Sequence[Settled]:
    return [one._replace(kind="/x") for one in chunk]


@pytest.mark.parametrize(
    ("tells", "says"),
    [
        (_all_but_one, "settle() did not tell of 1 entities whose outcome was deferred"),
        (_deferred_again, "settle() returned the outcome deferred"),
        (_of_another_kind, 'of the kind "/x", of which none was deferred'),
    ],
)
def test_a_sink_that_settles_wrongly_ends_the_run(
    project: Project, tells: Callable[[Sequence[Settled]], Sequence[Settled]], says: str
) -> None:
    with pytest.raises(SinkError) as raised:
        sync(project, Patient(tells=tells))

    assert says in str(raised.value)
