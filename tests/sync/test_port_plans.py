"""A plan for Port says what a sync would do, asks without writing, and can be applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.port import define, define_users_of_teams, port, settings, users_of_teams
from penstock.demo.port.server import PortStandIn
from penstock.plan.moved import PlanMovedError
from support.planning import Planned, apply, plan
from support.project import Project, resource
from support.server import ApiServer, routes, serve

READING = ("/access_token", "/search", "/datasource-entities")
TEAMS = [{"id": "t0", "name": "Team 0"}, {"id": "t1", "name": "Team 1"}]


def people(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"User {number}", "team": f"t{number % 2}"} for number in range(1, count + 1)]


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port(knows="ours") as running:
        define_users_of_teams(running)
        yield running


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": people(12), "/teams": TEAMS})) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, api: ApiServer, standin: PortStandIn) -> Project:
    return users_of_teams(tmp_path, api.url, **settings(standin, integrationIdentifier="ours", maxRetries=0))


def changes(planned: Planned) -> list[tuple[str, str, str]]:
    return [(one.action, one.blueprint, one.identifier) for one in planned.changes]


def contents(standin: PortStandIn) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (blueprint, name): entity.to_json()
        for blueprint, held in standin.entities.all.items()
        for name, entity in held.items()
    }


def only_reading(standin: PortStandIn, since: int) -> bool:
    return all(
        one.method == "GET" or (one.method == "POST" and one.target.partition("?")[0].endswith(READING))
        for one in standin.received[since:]
    )


def change(api: ApiServer) -> None:
    """Have one user come, one go and one change."""
    users = people(13)
    users[1]["name"] = "Somebody else"
    api.handler = routes({"/users": users[1:], "/teams": TEAMS})


def test_what_is_new_is_planned_without_one_request_that_writes(project: Project, standin: PortStandIn) -> None:
    planned = plan(project)

    assert (planned.report.exit_code, len(planned.changes)) == (0, 14)
    assert {one.action for one in planned.changes} == {"create"}
    assert only_reading(standin, 0)
    assert contents(standin) == {}


def test_what_would_be_created_updated_and_deleted_is_told_field_by_field(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.sync()
    change(api)
    before, since = contents(standin), len(standin.received)
    planned = plan(project)

    assert changes(planned) == [
        ("delete", "user", "1"),
        ("create", "user", "13"),
        ("update", "user", "2"),
    ]
    [differs] = planned.changes[2].differences
    assert (differs.field, differs.before, differs.after) == ("title", "User 2", "Somebody else")
    assert [kind.unchanged for kind in planned.report.kinds] == [10, 2]
    assert only_reading(standin, since)
    assert contents(standin) == before


def test_a_sync_does_what_was_planned(project: Project, api: ApiServer) -> None:
    project.sync()
    change(api)
    planned = plan(project)
    report = project.sync()

    counted = [(kind.created, kind.updated, kind.unchanged, kind.deleted, kind.failed) for kind in report.kinds]
    assert counted == [
        (kind.created, kind.updated, kind.unchanged, kind.deleted, kind.failed) for kind in planned.report.kinds
    ]


def test_a_plan_is_applied_and_only_then_anything_is_written(
    project: Project, api: ApiServer, standin: PortStandIn, tmp_path: Path
) -> None:
    project.sync()
    change(api)
    plan(project, out=tmp_path / "plan.jsonl")

    applied = apply(project, tmp_path / "plan.jsonl")

    assert (applied.begun, applied.report.exit_code) == (True, 0)
    assert set(standin.entities.of("user")) == {str(number) for number in range(2, 14)}
    assert standin.entities.of("user")["2"].title == "Somebody else"
    assert plan(project).changes == []


def test_a_plan_that_port_has_moved_away_from_changes_nothing(
    project: Project, api: ApiServer, standin: PortStandIn, tmp_path: Path
) -> None:
    project.sync()
    change(api)
    plan(project, out=tmp_path / "plan.jsonl")
    standin.entities.of("user")["2"].title = "by hand"
    before = contents(standin)

    with pytest.raises(PlanMovedError):
        apply(project, tmp_path / "plan.jsonl")

    assert contents(standin) == before


def test_deletions_that_would_be_held_are_told(project: Project, api: ApiServer) -> None:
    project.sync()
    api.handler = routes({"/users": [], "/teams": []})
    planned = plan(project)

    assert (planned.report.exit_code, planned.changes) == (3, [])
    assert [kind.held for kind in planned.report.kinds] == [12, 2]


def test_what_leads_nowhere_is_foretold_and_what_comes_later_is_waited_for(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.config["createMissingRelatedEntities"] = False
    api.handler = routes({"/users": [*people(2), {"id": 3, "name": "n", "team": "none"}], "/teams": TEAMS})
    planned = plan(project)

    assert changes(planned) == [("create", "team", "t0"), ("create", "team", "t1"), *_users("1", "2")]
    [error] = planned.report.kinds[0].errors
    assert "target entity" in error.message
    assert only_reading(standin, 0)


def _users(*names: str) -> list[tuple[str, str, str]]:
    return [("create", "user", name) for name in names]


def test_what_a_search_query_names_is_found_and_completed_in_the_plan_only(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.sync()
    found = resource("/found")
    rule = {"property": '"$title"', "operator": '"="', "value": ".name"}
    found["port"]["entity"]["mappings"] |= {
        "identifier": {"combinator": '"and"', "rules": [rule]},
        "title": '"Found"',
    }
    project.config["resources"] = [*project.config["resources"], found]
    api.handler = routes({"/users": people(12), "/teams": TEAMS, "/found": [{"name": "User 3"}, {"name": "Nobody"}]})
    before, since = contents(standin), len(standin.received)
    planned = plan(project)

    assert [(kind.updated, kind.skipped) for kind in planned.report.kinds][2] == (1, 1)
    assert only_reading(standin, since)
    assert contents(standin) == before


@pytest.mark.parametrize("merge", [True, False])
def test_what_is_not_mapped_stays_in_the_plan_or_goes(
    project: Project,
    api: ApiServer,
    standin: PortStandIn,
    merge: bool,  # noqa: FBT001
) -> None:
    define(standin, "user", {"more": {"type": "string"}}, {"team": {"target": "team"}})
    project.config["enableMergeEntity"] = merge
    project.sync()
    standin.entities.of("user")["2"].properties["more"] = "kept"
    change(api)
    [planned] = [one for one in plan(project).changes if one.identifier == "2"]

    assert [one.field for one in planned.differences] == ["title", *([] if merge else ["properties.more"])]


def test_a_blueprint_that_does_not_exist_is_told_in_the_plan(project: Project) -> None:
    project.config["resources"][0]["port"]["entity"]["mappings"]["blueprint"] = '"usr"'
    planned = plan(project)

    assert planned.report.exit_code == 1
    assert 'Port has no blueprint "usr"; did you mean "user"?' in planned.report.kinds[0].errors[0].message
