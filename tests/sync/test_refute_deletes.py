"""A mapping that is edited between runs: what is deleted stays what the source, as it is mapped, no longer has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.project import USER, Project, resource, user
from support.server import Received, Reply, routes, serve


class Teams:
    """``/users?team=``, and the same list as ``/v2/users``; teams in ``broken`` cannot be read."""

    def __init__(self) -> None:
        self.users: dict[str, list[int]] = {"a": [1, 2, 3, 4, 5], "b": [6, 7, 8, 9, 10]}
        self.broken: set[str] = set()

    def __call__(self, request: Received) -> object:
        team = request.param("team", "a")
        if team in self.broken:
            return Reply({"error": "no"}, 400)
        return {"users": [user(number) for number in self.users[team]]}


def of_team(team: str) -> dict[str, Any]:
    return {**USER, "selector": {"data_path": ".users", "query_params": {"team": team}}}


@pytest.fixture
def teams() -> Teams:
    return Teams()


@pytest.fixture
def project(tmp_path: Path, teams: Teams) -> Iterator[Project]:
    with serve(routes({"/users": teams, "/v2/users": teams})) as api:
        yield Project(tmp_path, api.url, [of_team("a"), of_team("b")])


def numbers(project: Project) -> set[int]:
    return {int(identifier) for identifier in project.identifiers()}


def test_two_mappings_of_a_kind_may_change_places_although_one_cannot_be_read(project: Project, teams: Teams) -> None:
    project.sync()
    project.config["resources"] = [of_team("b"), of_team("a")]
    teams.broken = {"b"}
    teams.users["a"].remove(1)
    for missed in range(2):
        report = project.sync()
        assert (report.exit_code, [kind.missing for kind in report.kinds]) == (1, [0, 1])
        assert numbers(project) == set(range(1, 11)), missed
    report = project.sync()
    assert (report.exit_code, [kind.deleted for kind in report.kinds]) == (1, [0, 1])
    assert numbers(project) == {2, 3, 4, 5, 6, 7, 8, 9, 10}


def test_a_second_mapping_of_a_kind_costs_the_first_nothing_and_stops_no_deletion(
    project: Project, teams: Teams
) -> None:
    project.config["resources"] = [of_team("a")]
    project.sync()
    project.config["resources"] = [of_team("b"), of_team("a")]
    teams.broken = {"a"}
    project.sync()
    assert numbers(project) == set(range(1, 11))
    teams.broken = set()
    teams.users["a"].remove(1)
    teams.users["b"].remove(6)
    assert project.sync().exit_code == 0
    assert numbers(project) == {2, 3, 4, 5, 7, 8, 9, 10}


def test_what_one_of_two_mappings_of_a_kind_had_is_held_once_the_other_is_read_without_it(
    project: Project, teams: Teams
) -> None:
    project.sync()
    project.config["resources"] = [of_team("b")]
    teams.broken = {"b"}
    project.sync()
    assert numbers(project) == set(range(1, 11))
    teams.broken = set()
    report = project.sync()
    assert (report.exit_code, report.kinds[0].held) == (3, 5)
    assert numbers(project) == set(range(1, 11))
    [hold] = project.decide("/users", "approved")
    assert (hold.reason, hold.entities) == ("removed", 5)
    assert project.sync().exit_code == 0
    assert numbers(project) == {6, 7, 8, 9, 10}


def test_a_kind_with_a_new_name_deletes_what_it_has_shown_itself(project: Project, teams: Teams) -> None:
    project.config["resources"] = [USER]
    project.sync()
    project.config["resources"] = [{**USER, "kind": "/v2/users"}]
    teams.users["a"].remove(1)
    project.sync()
    teams.users["a"].remove(2)
    kind = project.sync_kind()
    assert (kind.status, kind.deleted) == ("complete", 1)
    assert numbers(project) == {1, 3, 4, 5}  # 1 was last seen by a kind that is no longer in the mapping


def test_what_two_kinds_show_stays_until_both_have_been_read_without_it(project: Project, teams: Teams) -> None:
    project.config["resources"] = [of_team("a"), {**of_team("b"), "kind": "/v2/users"}]
    teams.users["b"] += [1, 2]
    project.sync()
    teams.users["a"].remove(1)
    teams.broken = {"b"}
    project.sync()
    assert 1 in numbers(project)
    teams.broken = set()
    teams.users["b"].remove(1)
    project.sync()
    assert numbers(project) == set(range(2, 11))


@pytest.mark.parametrize(("threshold", "held", "left"), [(0, 1, 5), (0.5, 0, 4), (1, 0, 4)])
def test_one_of_five_that_is_gone(project: Project, teams: Teams, threshold: float, held: int, left: int) -> None:
    project.config["resources"] = [USER]
    project.config["entityDeletionThreshold"] = threshold
    project.sync()
    teams.users["a"].remove(1)
    report = project.sync()
    assert (report.exit_code, report.kinds[0].held) == (3 if held else 0, held)
    assert len(numbers(project)) == left


@pytest.mark.parametrize(("threshold", "held"), [(0, 5), (0.5, 5), (1, 0)])
def test_a_list_that_is_empty(project: Project, teams: Teams, threshold: float, held: int) -> None:
    project.config["resources"] = [USER]
    project.config["entityDeletionThreshold"] = threshold
    project.sync()
    teams.users["a"].clear()
    report = project.sync()
    assert (report.exit_code, report.kinds[0].held) == (3 if held else 0, held)
    assert len(numbers(project)) == held


@pytest.mark.parametrize("damage", ["gone", "another source's", "of another catalog"])
def test_without_its_own_journal_a_run_deletes_only_after_reading_everything(
    project: Project, teams: Teams, damage: str
) -> None:
    project.config["resources"] = [of_team("a"), {**of_team("b"), "kind": "/v2/users"}]
    project.sync()
    state = project.folder / ".penstock"
    [journal] = state.glob("*.db")
    if damage == "gone":
        journal.unlink()
    else:
        other = Project(project.folder, project.config["connection"]["baseUrl"], [USER])
        other.config["source" if damage == "another source's" else "sink"] = (
            "other" if damage == "another source's" else {"type": "sqlite", "path": str(project.folder / "other.db")}
        )
        if damage == "of another catalog":
            journal.unlink()
        other.sync()
        if damage == "another source's":
            (state / "other.db").replace(journal)
    teams.users["a"].remove(1)
    teams.broken = {"b"}
    project.sync()
    assert {2, 3, 4, 5, 6, 7, 8, 9, 10} <= numbers(project)
    teams.broken = set()
    teams.users["b"].remove(6)
    assert project.sync().exit_code == 0
    assert numbers(project) == {2, 3, 4, 5, 7, 8, 9, 10}


def test_a_catalog_that_is_lost_is_filled_again_and_loses_nothing_to_the_journal(
    project: Project, teams: Teams
) -> None:
    project.sync()
    project.catalog.unlink()
    teams.broken = {"b"}
    project.sync()
    assert numbers(project) == {1, 2, 3, 4, 5}
    teams.broken = set()
    report = project.sync()
    assert (report.exit_code, numbers(project)) == (0, set(range(1, 11)))


def test_two_nested_mappings_of_a_kind_may_change_places_although_an_endpoint_cannot_be_read(tmp_path: Path) -> None:
    broken: set[str] = set()

    def answer(request: Received) -> Reply:
        if request.path in broken:
            return Reply({"error": "no"}, 400)
        if request.path == "/teams":
            return Reply([{"id": team, "big": team < "c"} for team in "abcd"])
        return Reply([{"id": f"{request.path.split('/')[2]}{number}"} for number in range(3)])

    def mapping(condition: str) -> dict[str, Any]:
        parameters = {"team": {"endpoint": "/teams", "field": ".id", "filter": condition}}
        return resource("/teams/{team}/members", selector={"path_parameters": parameters})

    with serve(answer) as api:
        project = Project(tmp_path, api.url, [mapping(".big"), mapping(".big | not")])
        project.sync()
        project.config["resources"].reverse()
        broken.add("/teams/a/members")
        assert project.sync().exit_code == 1
    assert len(project.identifiers()) == 12


def test_a_read_in_which_one_item_cannot_be_judged_deletes_nothing_and_others_go_on(tmp_path: Path) -> None:
    members: dict[str, list[dict[str, Any]]] = {
        team: [{"id": f"{team}{number}", "level": number} for number in range(3)] for team in "ab"
    }

    def answer(request: Received) -> Reply:
        return Reply([{"id": "a"}, {"id": "b"}] if request.path == "/teams" else members[request.path.split("/")[2]])

    parameters = {"team": {"endpoint": "/teams", "field": ".id"}}
    mapping = resource("/teams/{team}/members", selector={"path_parameters": parameters, "query": ".level + 1 > 0"})
    with serve(answer) as api:
        project = Project(tmp_path, api.url, [mapping])
        project.sync()
        for team in "ab":
            members[team].pop()
        members["a"][0]["level"] = "high"
        reports = [project.sync() for _ in range(3)]
    assert [report.kinds[0].missing for report in reports] == [1, 1, 0]  # b2 might be the member that has moved
    report = reports[-1]
    assert (report.exit_code, report.kinds[0].failed, report.kinds[0].deleted) == (1, 1, 1)
    assert project.identifiers() == {"a0", "a1", "a2", "b0", "b1"}


def test_values_that_cannot_be_a_path_cost_only_their_own_partition(tmp_path: Path) -> None:
    good = ["a/b", "é ü", "a?b#c", "%2e%2e", 0, True, 1.5, "a/b"]

    def answer(request: Received) -> Reply:
        if request.path == "/teams":
            return Reply([{"id": team} for team in [*good, None, "..", ".", ""]])
        return Reply([{"id": request.target}])

    parameters = {"team": {"endpoint": "/teams", "field": ".id"}}
    mapping = resource("/teams/{team}/members", selector={"path_parameters": parameters})
    with serve(answer) as api:
        kind = Project(tmp_path, api.url, [mapping]).sync_kind()
        asked = sorted(target.split("/")[2] for target in api.targets()[1:])
    assert asked == sorted(["a%2Fb", "%C3%A9%20%C3%BC", "a%3Fb%23c", "%252e%252e", "0", "true", "1.5"])
    assert {str(reason): count for reason, count in kind.stop_reasons.items()} == {
        "single_request": 7,
        "request_failed": 3,
    }
