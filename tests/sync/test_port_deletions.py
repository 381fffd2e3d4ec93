"""What goes at Port, and what has to stay: relations, other runs of the same integration, a journal that is lost."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes.port import define, port, settings, users_of_teams
from penstock.demo.port.entities import Stored
from penstock.demo.port.faults import Fault
from penstock.demo.port.server import PortStandIn
from penstock.sync.report import RunReport
from support.project import Project, resource
from support.server import ApiServer, Handler, Received, Reply, routes, serve

Keys = set[tuple[str, str]]
ADA = {"id": "ada", "name": "Ada", "team": "core"}
BOB = {"id": "bob", "name": "Bob", "team": "edge"}
CORE, EDGE = ({"id": name, "name": name.title()} for name in ("core", "edge"))
ALL: Keys = {("user", "ada"), ("user", "bob"), ("team", "core"), ("team", "edge")}


def tagged(users: list[Any], teams: list[Any]) -> Handler:
    """An API that says when a page has not changed."""

    def answer(request: Received) -> Reply:
        rows = {"/users": users, "/teams": teams}[request.path]
        tag = f'"{hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"'
        same = request.headers.get("If-None-Match") == tag
        return Reply(b"" if same else rows, 304 if same else 200, {"etag": tag})

    return answer


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        define(running, "team")
        define(running, "user", {}, {"team": {"target": "team", "required": True}})
        yield running


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(tagged([ADA, BOB], [CORE, EDGE])) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, api: ApiServer, standin: PortStandIn) -> Project:
    made = users_of_teams(tmp_path, api.url, **settings(standin, maxRetries=0))
    made.config["connection"] |= {"maxRetries": 0}
    made.config["entityDeletionThreshold"] = 1
    return made


def held(standin: PortStandIn) -> Keys:
    return {(blueprint, name) for blueprint, entities in standin.entities.all.items() for name in entities}


def lose_the_journal(project: Project) -> None:
    shutil.rmtree(project.folder / ".penstock")


Second = Callable[[Project, ApiServer, PortStandIn], RunReport]


def _unchanged(project: Project, api: ApiServer, _: PortStandIn) -> RunReport:
    api.handler = tagged([ADA, BOB], [CORE])
    return project.sync()


def _failing(project: Project, api: ApiServer, _: PortStandIn) -> RunReport:
    api.handler = routes({"/users": Reply(None, 403), "/teams": [CORE]})
    return project.sync()


def _left_out(project: Project, api: ApiServer, _: PortStandIn) -> RunReport:
    api.handler = tagged([ADA, BOB], [CORE])
    return project.sync(only=["/teams"])


def _unsendable(project: Project, api: ApiServer, _: PortStandIn) -> RunReport:
    api.handler = tagged([ADA, BOB | {"name": "B\0b"}], [CORE])
    return project.sync()


def _unmappable(project: Project, api: ApiServer, _: PortStandIn) -> RunReport:
    api.handler = tagged([ADA, "bob"], [CORE])
    return project.sync()


def _without_blueprint(project: Project, api: ApiServer, standin: PortStandIn) -> RunReport:
    api.handler = tagged([ADA | {"name": "A."}, BOB], [CORE])
    standin.faults.pending.append(Fault("broken", "/blueprints/user"))
    return project.sync()


def _without_list(project: Project, api: ApiServer, standin: PortStandIn) -> RunReport:
    standin.faults.pending.append(Fault("missing", "/blueprints/user/entities/search"))
    return _unchanged(project, api, standin)


@pytest.mark.parametrize(
    "second",
    [_unchanged, _failing, _left_out, _unsendable, _unmappable, _without_blueprint, _without_list],
    ids=lambda second: second.__name__.strip("_"),
)
@pytest.mark.parametrize("dependents", [True, False], ids=["with dependents", "without dependents"])
def test_what_an_entity_that_stays_leads_to_stays(
    project: Project, api: ApiServer, standin: PortStandIn, second: Second, *, dependents: bool
) -> None:
    project.config["deleteDependentEntities"] = dependents
    assert project.sync().exit_code == 0
    assert held(standin) == ALL

    report = second(project, api, standin)

    assert held(standin) == ALL
    teams = report.kinds[-1]
    assert (teams.kind, teams.deleted, teams.missing) == ("/teams", 0, 1)
    why = "Port does not say what leads to it" if second is _without_list else "user/bob, which stays, leads to it"
    assert teams.warnings[-1].message == f"1 entities were not found, and stay for now; one of them is team/edge: {why}"

    api.handler = tagged([ADA], [CORE])
    standin.faults.pending.clear()
    assert project.sync(anew=True).exit_code == 0
    assert held(standin) == {("user", "ada"), ("team", "core")}


@pytest.mark.parametrize(
    "team", [None, {"combinator": "and", "rules": []}], ids=["can be told", "only Port can tell what is written"]
)
def test_what_an_entity_that_is_written_in_part_leads_to_stays(
    project: Project, api: ApiServer, standin: PortStandIn, team: object
) -> None:
    define(standin, "user", {"role": {"type": "string"}}, {"team": {"target": "team", "required": True}})
    roles = resource("/roles")
    mappings = roles["port"]["entity"]["mappings"]
    del mappings["title"]
    mappings |= {"properties": {"role": ".role"}, "team": ".of"}
    project.config["resources"].append(roles)
    api.handler = routes({"/users": [ADA, BOB], "/teams": [CORE, EDGE], "/roles": [{"id": "bob", "role": "member"}]})
    assert project.sync().exit_code == 0

    owner = {"id": "bob", "role": "owner", "of": team}
    api.handler = routes({"/users": Reply(None, 403), "/teams": [CORE], "/roles": [owner]})
    project.sync()

    assert held(standin) == ALL
    assert standin.entities.of("user")["bob"].properties == {"role": "owner"}


def test_what_port_made_for_a_relation_is_not_missed_while_it_leads_there(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    api.handler = tagged([ADA, BOB], [CORE])
    project.sync()
    api.handler = tagged([ADA, BOB], [CORE, {"id": "new", "name": "New"}])

    teams = project.sync().kinds[-1]

    assert (teams.missing, teams.warnings) == (0, [])
    assert held(standin) == ALL | {("team", "new")}


@pytest.mark.parametrize("dependents", [True, False], ids=["with dependents", "without dependents"])
def test_what_leads_to_each_other_goes_together(
    project: Project, api: ApiServer, standin: PortStandIn, *, dependents: bool
) -> None:
    define(standin, "team", {}, {"lead": {"target": "user"}})
    project.config["deleteDependentEntities"] = dependents
    project.config["resources"][1]["port"]["entity"]["mappings"]["relations"] = {"lead": ".lead"}
    api.handler = tagged([ADA, BOB], [CORE, EDGE | {"lead": "bob"}])
    assert project.sync().exit_code == 0

    api.handler = tagged([ADA], [CORE])
    report = project.sync()

    assert report.exit_code == 0
    assert [kind.deleted for kind in report.kinds] == [1, 1]
    assert held(standin) == {("user", "ada"), ("team", "core")}


def test_without_dependents_what_is_required_goes_last_however_many_there_are(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    crowd = [{"id": f"u{number:04}", "name": "", "team": "edge"} for number in range(700)]
    project.config |= {"deleteDependentEntities": False, "createMissingRelatedEntities": False}
    project.config["resources"].reverse()
    api.handler = tagged([ADA, *crowd], [CORE, EDGE])
    assert project.sync().exit_code == 0

    api.handler = tagged([ADA], [CORE])
    report = project.sync()

    assert (report.exit_code, [kind.deleted for kind in report.kinds]) == (0, [1, 700])
    assert held(standin) == {("user", "ada"), ("team", "core")}


@pytest.mark.parametrize(("minutes", "stays"), [(1, True), (-1, False)], ids=["since the run began", "before it began"])
def test_what_another_run_has_written_since_this_one_began_stays(
    project: Project, standin: PortStandIn, minutes: int, *, stays: bool
) -> None:
    project.sync()
    at = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    ours = standin.entities.of("team")["core"].datasource
    standin.entities.of("team")["other"] = Stored("team", "other", ours, updated_at=at.replace("+00:00", "Z"))
    lose_the_journal(project)

    report = project.sync()

    assert report.exit_code == 0
    assert (("team", "other") in held(standin)) is stays


def test_without_a_journal_what_is_gone_of_a_kind_that_gave_nothing_is_held_and_not_forgotten(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    define(standin, "ticket")
    del project.config["entityDeletionThreshold"]
    project.config["resources"].append(resource("/tickets", blueprint="ticket"))
    some = {"/users": [ADA], "/teams": [CORE]}
    api.handler = routes(some | {"/tickets": [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}]})
    project.sync()
    lose_the_journal(project)
    api.handler = routes(some | {"/tickets": []})

    report = project.sync()

    assert (report.exit_code, report.kinds[2].held, report.kinds[2].status) == (3, 2, "held")
    assert {("ticket", "1"), ("ticket", "2")} < held(standin)


def test_without_a_journal_what_no_resource_writes_any_more_is_held_by_its_blueprint(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.config["resources"].append(resource("/tickets", blueprint="ticket"))
    define(standin, "ticket")
    api.handler = routes({"/users": [ADA], "/teams": [CORE], "/tickets": [{"id": 1, "name": "One"}]})
    project.sync()
    lose_the_journal(project)
    del project.config["resources"][2]

    report = project.sync()

    assert (report.exit_code, [(kind.kind, kind.held) for kind in report.unmapped]) == (0, [("ticket", 1)])
    assert ("ticket", "1") in held(standin)
    project.decide("ticket", "approved")
    assert project.sync().exit_code == 0
    assert held(standin) == {("user", "ada"), ("team", "core")}


def test_an_entity_that_somebody_deleted_comes_back_though_its_page_has_not_changed(
    project: Project, standin: PortStandIn
) -> None:
    project.sync()
    del standin.entities.of("user")["bob"]

    assert project.sync().kinds[0].not_modified == 1  # learns that it is not there any more
    assert project.sync().kinds[0].created == 1
    assert held(standin) == ALL
