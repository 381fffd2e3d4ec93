"""Whole syncs into the stand-in for Port: what arrives, what goes, what a person is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.port import define, define_users_of_teams, port, settings, users_of_teams
from penstock.demo.port.entities import Stored
from penstock.demo.port.faults import Fault, Name
from penstock.demo.port.server import PortStandIn
from penstock.errors import SinkError
from support.project import Project, resource
from support.server import ApiServer, routes, serve


def people(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"User {number}", "team": f"t{number % 3}"} for number in range(1, count + 1)]


TEAMS = [{"id": f"t{number}", "name": f"Team {number}"} for number in range(3)]


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        define_users_of_teams(running)
        yield running


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": people(60), "/teams": TEAMS})) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, api: ApiServer, standin: PortStandIn) -> Project:
    return users_of_teams(tmp_path, api.url, **settings(standin, maxRetries=1))


def names(standin: PortStandIn, blueprint: str = "user") -> set[str]:
    return set(standin.entities.of(blueprint))


def test_records_arrive_with_their_relations_and_stay_in_step(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    report = project.sync()

    assert report.exit_code == 0
    assert [(kind.created, kind.updated) for kind in report.kinds] == [(60, 0), (0, 3)]  # Port had made the teams
    assert {one.title for one in standin.entities.of("team").values()} == {"Team 0", "Team 1", "Team 2"}

    api.handler = routes({"/users": people(57), "/teams": TEAMS})
    standin.received.clear()
    report = project.sync()

    assert report.exit_code == 0
    assert [(kind.unchanged, kind.deleted) for kind in report.kinds] == [(57, 3), (3, 0)]
    assert names(standin) == {str(number) for number in range(1, 58)}
    assert standin.requests("/entities/bulk") == []


def test_without_making_targets_what_comes_first_waits_for_what_comes_last(
    project: Project, standin: PortStandIn
) -> None:
    project.config["createMissingRelatedEntities"] = False

    report = project.sync()

    assert report.exit_code == 0
    assert [(kind.created, kind.refused) for kind in report.kinds] == [(60, 0), (3, 0)]
    assert standin.entities.of("user")["7"].relations == {"team": "t1"}


def test_a_killed_run_is_taken_up_and_brings_again_what_was_waiting(project: Project, standin: PortStandIn) -> None:
    project.config["createMissingRelatedEntities"] = False

    def die(_: object) -> object:
        os._exit(9)

    pid = os.fork()
    if not pid:
        try:
            from penstock_sinks._port_sink import PortSink  # noqa: PLC0415

            PortSink.settle = die  # type: ignore[method-assign, assignment]
            project.sync()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert (names(standin), len(names(standin, "team"))) == (set(), 3)

    assert project.sync().exit_code == 0
    assert len(names(standin)) == 60


def test_one_bad_entity_is_told_and_keeps_its_former_self(project: Project, standin: PortStandIn) -> None:
    project.sync()
    standin.faults.rejected["7"] = "it does not please"
    standin.entities.of("user")["7"].title = "changed by hand"

    report = project.sync()

    assert (report.exit_code, report.kinds[0].refused, report.kinds[0].unchanged) == (1, 1, 59)
    [error] = report.kinds[0].errors
    assert (error.where, error.message) == (
        "/users user/7",
        "the sink refused it: it does not please (422 invalid_request)",
    )
    assert len(names(standin)) == 60


def test_an_identifier_that_ports_pattern_refuses_is_told_and_nothing_is_lost_or_deleted(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.sync()
    api.handler = routes({"/users": [{"id": "no blanks", "name": "n", "team": "t0"}, *people(60)], "/teams": TEAMS})
    report = project.sync()

    [error] = report.kinds[0].errors
    assert error.where == "/users user/no blanks"
    assert "identifier has ' ', and Port allows letters, digits and" in error.message
    assert (report.exit_code, len(names(standin))) == (1, 60)


def test_a_blueprint_that_does_not_exist_is_named_and_nothing_else_suffers(
    project: Project, standin: PortStandIn
) -> None:
    project.config["resources"][1]["port"]["entity"]["mappings"]["blueprint"] = '"tem"'

    report = project.sync()

    assert [(kind.status, kind.created, kind.refused) for kind in report.kinds] == [
        ("complete", 60, 0),
        ("incomplete", 0, 3),
    ]
    assert 'Port has no blueprint "tem"; did you mean "team"?' in report.kinds[1].errors[0].message
    assert len(names(standin)) == 60


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/entities/bulk", ""),
        ("", "the blueprint cannot be read: "),
        ("/entities/search", "the blueprint cannot be searched: "),
    ],
    ids=["writing", "reading", "searching"],
)
def test_a_blueprint_that_port_does_not_let_us_touch_costs_its_own_entities_only(
    project: Project, api: ApiServer, standin: PortStandIn, path: str, says: str
) -> None:
    project.sync()
    teams = [{"id": f"t{number}", "name": f"Renamed {number}"} for number in range(2)]
    users = [{**one, "team": "t0"} for one in people(59)]
    api.handler = routes({"/teams": teams, "/users": users})
    project.config["resources"].reverse()
    standin.faults.pending.append(Fault("forbidden", f"/blueprints/team{path}", times=1000))

    report = project.sync()

    assert [(one.status, one.updated, one.refused, one.deleted) for one in report.kinds] == [
        ("incomplete", 0, 2, 0),
        ("complete", 40, 0, 1),
    ]
    forbidden = f"{says}told to: forbidden (x-trace-id trace-of-a-fault) (403 forbidden)"
    assert report.kinds[0].errors[0].message == f"the sink refused it: {forbidden}"
    assert (len(names(standin)), len(names(standin, "team"))) == (59, 3)
    assert standin.entities.of("team")["t1"].title == "Team 1"


@pytest.mark.parametrize("path", ["/datasource-entities", "/access_token"])
def test_what_port_forbids_altogether_ends_the_run(project: Project, standin: PortStandIn, path: str) -> None:
    standin.faults.pending.append(Fault("forbidden", path, times=1000))

    with pytest.raises(SinkError, match="told to: forbidden"):
        project.sync()


def test_wrong_credentials_end_the_run_before_anything_is_written(project: Project, standin: PortStandIn) -> None:
    project.config["sink"]["clientSecret"] = "wr0ng-s3cret"

    with pytest.raises(SinkError, match="Port refuses the credentials") as raised:
        project.sync()

    assert "wr0ng" not in str(raised.value)
    assert standin.entities.all == {}


@pytest.mark.parametrize(
    ("name", "path"),
    [("unavailable", "/entities/bulk"), ("dropped", "/entities/bulk"), ("unavailable", "/datasource-entities")],
)
def test_a_port_that_is_down_costs_nothing_that_a_clean_run_does_not_make_good(
    project: Project,
    api: ApiServer,
    standin: PortStandIn,
    name: Name,
    path: str,
) -> None:
    project.sync()
    api.handler = routes({"/users": people(62)[1:], "/teams": TEAMS})
    standin.faults.pending.append(Fault(name, path, times=2))

    with pytest.raises(SinkError):
        project.sync()
    assert names(standin) >= {str(number) for number in range(1, 61)}

    assert project.sync().exit_code == 0  # takes up the one that was broken off, and waits for a second look
    assert project.sync().exit_code == 0
    assert names(standin) == {str(number) for number in range(2, 63)}


def test_a_port_that_answers_slowly_is_waited_for_as_long_as_it_answers(project: Project, standin: PortStandIn) -> None:
    project.config["plugins"] = {"timeout": 0.5}  # for a write twice that, as two may be under way
    for path in ("/blueprints/user", "/blueprints/user/entities/search", "/blueprints/user/entities/bulk"):
        standin.faults.pending.append(Fault("slow", path, times=3, seconds=0.4))

    assert project.sync().exit_code == 0
    assert len(names(standin)) == 60


def test_too_many_deletions_are_held_whoever_wrote_last(project: Project, api: ApiServer, standin: PortStandIn) -> None:
    project.sync()
    standin.entities.of("user")["60"].datasource = "port-ocean/custom/9.9/theirs/exporter"
    api.handler = routes({"/users": people(3), "/teams": TEAMS})

    report = project.sync()

    assert report.exit_code == 3
    assert project.holds() == {("/users", "share", "open"): 56}
    assert len(names(standin)) == 60


def test_with_a_new_journal_what_ocean_left_behind_is_found_and_deleted(project: Project, standin: PortStandIn) -> None:
    project.sync()
    gone, foreign = standin.entities.of("user")["1"], standin.entities.of("user")["2"]
    for entity, name, source in ((gone, "old", "test"), (foreign, "alien", "other")):
        clone = type(entity)("user", name, f"port-ocean/custom/0.6.1/{source}/exporter")
        standin.entities.of("user")[name] = clone
    for file in (project.folder / ".penstock").iterdir():
        file.unlink()

    report = project.sync()

    assert (report.exit_code, report.kinds[0].deleted) == (0, 1)
    assert names(standin) == {"alien", *(str(number) for number in range(1, 61))}


def test_no_token_and_no_secret_is_in_report_or_journal(project: Project, standin: PortStandIn) -> None:
    standin.faults.rejected["7"] = f"no: {standin.client_secret}"
    report = project.sync()

    tokens = list(standin.tokens)
    kept = b"".join(file.read_bytes() for file in (project.folder / ".penstock").rglob("*") if file.is_file())
    shown = json.dumps(report.to_json())
    assert tokens
    assert not any(token in shown or token.encode() in kept for token in tokens)


BY_MAIL = {
    "combinator": '"and"',
    "rules": [{"property": '"mail"', "operator": '"="', "value": ".mail"}],
}


def test_what_a_search_query_names_is_completed_and_not_taken_for_missing(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    define(standin, "person", {"mail": {"type": "string"}, "seen": {"type": "boolean"}})
    for name in ("ada", "bob"):
        person = Stored("person", name, "somebody else's", properties={"mail": f"{name}@acme.test"})
        standin.entities.of("person")[name] = person
    people_seen = resource("/people", blueprint="person")
    mappings = people_seen["port"]["entity"]["mappings"]
    mappings |= {"identifier": BY_MAIL, "properties": {"seen": "true"}}
    del mappings["title"]
    project.config["resources"] = [people_seen]
    project.config["entityDeletionThreshold"] = 1
    api.handler = routes({"/people": [{"mail": "ada@acme.test"}, {"mail": "bob@acme.test"}, {"mail": None}]})

    [kind] = [project.sync().kinds[0]]
    assert (kind.updated, kind.skipped, kind.errors) == (2, 1, [])
    assert all(one.properties["seen"] for one in standin.entities.of("person").values())
    assert project.sync().exit_code == 0
    assert names(standin, "person") == {"ada", "bob"}

    api.handler = routes({"/people": [{"mail": "cid@acme.test"}]})
    [kind] = [project.sync().kinds[0]]
    assert (kind.skipped, kind.deleted) == (1, 0)
    assert "1 search queries as identifier find nothing" in kind.warnings[0].message
    assert names(standin, "person") == {"ada", "bob"}

    api.handler = routes({"/people": [{"mail": "ada@acme.test"}]})
    project.sync()
    project.sync()
    assert names(standin, "person") == {"ada"}


def test_a_sink_that_cannot_search_refuses_what_a_query_names(project: Project, api: ApiServer) -> None:
    project.config["sink"] = {"type": "sqlite", "path": str(project.catalog)}
    people_seen = resource("/people", blueprint="person")
    people_seen["port"]["entity"]["mappings"]["identifier"] = BY_MAIL
    project.config["resources"] = [people_seen, resource("/teams", blueprint="team")]
    api.handler = routes({"/people": [{"mail": "ada@acme.test"}], "/teams": TEAMS})

    report = project.sync()

    assert [(kind.created, kind.refused) for kind in report.kinds] == [(0, 1), (3, 0)]
    assert report.kinds[0].errors[0].message == (
        "the sink refused it: a search query as identifier needs a sink that can search, and sqlite cannot"
    )
