"""Plans and what a person has decided about held deletions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.journal import Decision, Holds, JournalFile
from support.planning import apply, plan
from support.project import USER, Project, user
from support.server import ApiServer, Received, Reply, routes, serve


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": {"users": [user(1), user(2)]}})) as server:
        yield server


@pytest.fixture
def held(api: ApiServer, tmp_path: Path) -> Project:
    """A project of which all entities are gone from the source, and held."""
    project = Project(tmp_path, api.url, [USER])
    project.sync()
    api.handler = routes({"/users": {"users": []}})
    assert project.sync_kind().held == 2
    return project


def _decide(project: Project, decision: Decision) -> None:
    with JournalFile(project.folder / ".penstock" / "test.db") as file:
        assert Holds(file).decide("/users", decision)


def _states(project: Project) -> list[tuple[str, int]]:
    with JournalFile(project.folder / ".penstock" / "test.db") as file:
        return [(hold.state, hold.entities) for hold in Holds(file).all()]


def test_what_was_approved_is_planned_and_applied(held: Project, tmp_path: Path) -> None:
    _decide(held, "approved")

    planned = plan(held, out=tmp_path / "plan.jsonl")
    assert [(one.action, one.identifier) for one in planned.changes] == [("delete", "1"), ("delete", "2")]
    assert _states(held) == [("approved", 2)]

    apply(held, tmp_path / "plan.jsonl")
    assert held.identifiers() == set()
    assert _states(held) == []


def test_what_was_rejected_is_no_part_of_a_plan(held: Project) -> None:
    _decide(held, "rejected")

    planned = plan(held)

    assert planned.changes == []
    assert (planned.report.status, planned.report.kinds[0].kept) == ("complete", 2)


@pytest.mark.parametrize(("decision", "left"), [("approved", set[str]()), ("rejected", {"1", "2"})])
def test_what_is_decided_while_a_plan_is_applied_counts_for_the_next_run(
    held: Project, api: ApiServer, tmp_path: Path, decision: Decision, left: set[str]
) -> None:
    plan(held, out=tmp_path / "plan.jsonl")

    def deciding(request: Received) -> Reply:
        del request
        _decide(held, decision)
        return Reply({"users": []})

    api.handler = deciding
    assert apply(held, tmp_path / "plan.jsonl").report.status == "held"

    assert _states(held) == [(decision, 2)]
    assert held.identifiers() == {"1", "2"}
    api.handler = routes({"/users": {"users": []}})
    held.sync()
    assert held.identifiers() == left
