"""Deletions that wait for a person: what is held, what was decided, and what later runs make of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.sync.report import RunReport
from support.project import USER, Project, resource, user
from support.server import Received, Reply, routes, serve

PARAMETERS = {"team": {"endpoint": "/teams", "field": ".id"}}
MEMBERS = resource("/teams/{team}/members", blueprint="member", selector={"path_parameters": PARAMETERS})
PORT = {"entity": {"mappings": {"identifier": ".id | tostring", "blueprint": '"user"'}}}
KIND = "/users"


class Api:
    """``/users``, ``/people`` (the same), ``/teams`` and their members; what is in ``broken`` cannot be read."""

    def __init__(self) -> None:
        self.users = list(range(1, 11))
        self.members: dict[str, list[str]] = {"a": ["m1", "m2", "m3", "m4"], "b": ["m5", "m6", "m7", "m8"]}
        self.broken: set[str] = set()

    def __call__(self, request: Received) -> Reply:
        if request.path in self.broken:
            return Reply({"error": "no"}, 400)
        if request.path == "/teams":
            return Reply([{"id": team} for team in self.members])
        if request.path.startswith("/teams/"):
            return Reply([{"id": member} for member in self.members[request.path.split("/")[2]]])
        return Reply({"users": [user(number) for number in self.users]})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def project(tmp_path: Path, api: Api) -> Iterator[Project]:
    with serve(api) as server:
        yield Project(tmp_path, server.url, [USER])


def outcome(report: RunReport) -> tuple[int, int, int, int, int]:
    [kind] = report.kinds
    return report.exit_code, kind.deleted, kind.held, kind.kept, kind.missing


def numbers(project: Project) -> set[int]:
    return {int(identifier) for identifier in project.identifiers()}


@pytest.mark.parametrize(
    ("flags", "left", "reason"),
    [
        ({}, 0, "emptied"),
        ({"entityDeletionThreshold": 0.5}, 4, "share"),
        ({"entityDeletionLimit": 4}, 5, "count"),
        ({"entityDeletionLimit": "0"}, 9, "count"),
        ({"entityDeletionThreshold": 1, "entityDeletionLimit": 9}, 0, "count"),
    ],
)
def test_too_many_deletions_are_held_and_what_is_approved_is_deleted(
    project: Project, api: Api, flags: dict[str, Any], left: int, reason: str
) -> None:
    project.config |= flags
    project.sync()
    api.users = api.users[:left]
    assert outcome(project.sync()) == (3, 0, 10 - left, 0, 0)
    assert project.holds() == {(KIND, reason, "open"): 10 - left}
    assert len(numbers(project)) == 10
    project.decide(KIND, "approved")
    assert outcome(project.sync()) == (0, 10 - left, 0, 0, 0)
    assert len(numbers(project)) == left
    assert project.holds() == {}


@pytest.mark.parametrize("limit", [5, "none"])
def test_at_a_limit_or_without_one_nothing_is_held(project: Project, api: Api, limit: object) -> None:
    project.config["entityDeletionLimit"] = limit
    project.sync()
    api.users = api.users[:5]
    assert outcome(project.sync()) == (0, 5, 0, 0, 0)


def test_a_kind_of_one_entity_that_comes_back_empty_is_held(project: Project, api: Api) -> None:
    api.users = [1]
    project.sync()
    api.users = []
    assert outcome(project.sync()) == (3, 0, 1, 0, 0)


def test_a_hold_clears_itself_when_the_entities_are_seen_again(project: Project, api: Api) -> None:
    project.sync()
    users, api.users = api.users, []
    project.sync()
    api.users = users
    assert outcome(project.sync()) == (0, 0, 0, 0, 0)
    assert project.holds() == {}


def test_a_hold_clears_itself_when_so_few_are_missing_that_they_may_go(project: Project, api: Api) -> None:
    project.sync()
    api.users = []
    project.sync()
    api.users = [3, 4, 5, 6, 7, 8, 9, 10]
    assert outcome(project.sync()) == (0, 2, 0, 0, 0)
    assert project.holds() == {}


def test_a_hold_is_replaced_by_what_the_newest_run_finds(project: Project, api: Api) -> None:
    project.config["entityDeletionThreshold"] = 0.5
    project.sync()
    api.users = [1, 2, 3]
    project.sync()
    api.users = [1, 8]
    assert outcome(project.sync()) == (3, 0, 8, 0, 0)
    api.users = []
    assert outcome(project.sync()) == (3, 0, 10, 0, 0)
    assert project.holds() == {(KIND, "emptied", "open"): 10}


def test_an_incomplete_run_leaves_a_hold_as_it_is_and_deletes_nothing_of_the_kind(project: Project, api: Api) -> None:
    project.config["resources"] = [MEMBERS]
    project.config["entityDeletionThreshold"] = 0.6
    project.sync()
    api.members = {"a": ["m1"], "b": ["m5"]}
    assert outcome(project.sync()) == (3, 0, 6, 0, 0)
    api.broken = {"/teams/b/members"}
    for _ in range(4):  # often enough for what is missing to be due, were it not held
        assert outcome(project.sync()) == (1, 0, 6, 0, 0)
    assert len(project.identifiers("member")) == 8
    api.broken = set()
    assert outcome(project.sync()) == (3, 0, 6, 0, 0)


def test_what_came_back_after_it_was_approved_is_not_deleted(project: Project, api: Api) -> None:
    project.sync()
    api.users = []
    project.sync()
    project.decide(KIND, "approved")
    api.users = [1, 2, 3]
    assert outcome(project.sync()) == (0, 7, 0, 0, 0)
    assert numbers(project) == {1, 2, 3}


def test_what_came_back_and_went_again_needs_another_approval(project: Project, api: Api) -> None:
    project.config["entityDeletionLimit"] = 0
    project.config["deleteAfterAbsentRuns"] = 3
    project.sync()
    api.users = api.users[2:]
    project.sync()
    project.decide(KIND, "approved")
    api.users = [1, *api.users]
    assert outcome(project.sync()) == (0, 0, 0, 0, 1)
    api.users = api.users[1:]
    assert outcome(project.sync()) == (3, 1, 1, 0, 0)
    assert numbers(project) == {1, 3, 4, 5, 6, 7, 8, 9, 10}


def test_an_approval_covers_no_more_than_was_held(project: Project, api: Api) -> None:
    project.config["entityDeletionLimit"] = 3
    project.sync()
    api.users = [5, 6, 7, 8, 9, 10]
    project.sync()
    project.decide(KIND, "approved")
    api.users = [7, 8, 9, 10]
    assert outcome(project.sync()) == (3, 4, 2, 0, 0)
    assert numbers(project) == {5, 6, 7, 8, 9, 10}
    assert outcome(project.sync()) == (0, 2, 0, 0, 0)  # by themselves they are within the limit


def test_an_approval_waits_for_a_run_that_can_prove_it(project: Project, api: Api) -> None:
    project.config["resources"] = [MEMBERS]
    project.config["entityDeletionThreshold"] = 0.6
    project.sync()
    api.members = {"a": ["m1"], "b": ["m5"]}
    project.sync()
    project.decide("/teams/{team}/members", "approved")
    api.broken = {"/teams/b/members"}
    assert outcome(project.sync()) == (1, 0, 0, 0, 3)  # those of team a might be in team b
    api.broken = set()
    assert outcome(project.sync()) == (0, 6, 0, 0, 0)


def test_what_is_rejected_stays_is_not_held_again_and_not_counted(project: Project, api: Api) -> None:
    project.config["entityDeletionThreshold"] = 0.5
    project.sync()
    api.users = [1, 2, 3, 4]
    project.sync()
    project.decide(KIND, "rejected")
    for _ in range(2):
        assert outcome(project.sync()) == (0, 0, 0, 6, 0)
    api.users = [1, 2]
    assert outcome(project.sync()) == (0, 2, 0, 6, 0)  # two of four
    api.users = []
    assert outcome(project.sync()) == (3, 0, 2, 6, 0)  # two of two
    assert project.holds() == {(KIND, "share", "rejected"): 6, (KIND, "emptied", "open"): 2}


def test_what_was_rejected_and_is_seen_again_is_an_entity_like_any_other(project: Project, api: Api) -> None:
    project.config["entityDeletionThreshold"] = 0.5
    project.sync()
    api.users = [1, 2, 3, 4]
    project.sync()
    project.decide(KIND, "rejected")
    api.users = [1, 2, 3, 4, 5]
    assert outcome(project.sync()) == (0, 0, 0, 5, 0)
    api.users = [1, 2, 3, 4]
    assert outcome(project.sync()) == (0, 1, 0, 5, 0)


def test_a_decision_can_be_changed_and_open_holds_come_first(project: Project, api: Api) -> None:
    project.sync()
    api.users = []
    project.sync()
    for decision in ("rejected", "approved", "rejected"):
        assert [hold.entities for hold in project.decide(KIND, decision)] == [10]
    assert project.decide(KIND, "rejected") == []
    api.users = [11]
    assert outcome(project.sync()) == (0, 0, 0, 10, 0)
    api.users = []
    assert outcome(project.sync()) == (3, 0, 1, 10, 0)
    assert [hold.entities for hold in project.decide(KIND, "approved")] == [1]
    assert project.holds() == {(KIND, "emptied", "approved"): 1, (KIND, "emptied", "rejected"): 10}


def test_what_somebody_else_deleted_is_held_no_longer(project: Project, api: Api) -> None:
    project.sync()
    api.users = []
    project.sync()
    project.decide(KIND, "rejected")
    project.catalog.unlink()
    api.users = [1]
    assert outcome(project.sync()) == (0, 0, 0, 0, 0)
    assert project.holds() == {}


def test_what_is_held_of_one_kind_does_not_concern_a_run_of_another(project: Project, api: Api) -> None:
    project.config["resources"] = [USER, MEMBERS]
    project.sync()
    api.users = []
    assert project.sync().exit_code == 3
    assert project.sync(only=["/teams/{team}/members"]).exit_code == 0
    assert project.sync(only=[KIND]).exit_code == 3


def test_a_decision_may_be_taken_while_a_run_is_under_way(tmp_path: Path, api: Api) -> None:
    reached, go_on = threading.Event(), threading.Event()
    go_on.set()

    def answer(request: Received) -> Reply:
        reached.set()
        go_on.wait(20)
        return api(request)

    with serve(answer) as server:
        project = Project(tmp_path, server.url, [USER])
        project.sync()
        api.users = []
        project.sync()
        reached.clear()
        go_on.clear()
        running = threading.Thread(target=project.sync)
        running.start()
        assert reached.wait(20)
        assert [hold.entities for hold in project.decide(KIND, "approved")] == [10]
        go_on.set()
        running.join()
    assert numbers(project) == set()
    assert project.holds() == {}


def named(expression: str) -> dict[str, Any]:
    mappings = {"identifier": expression, "blueprint": '"user"'}
    return {**USER, "port": {"entity": {"mappings": mappings}}}


@pytest.mark.parametrize("left", [10, 6])
def test_entities_that_are_named_in_another_way_replace_nothing_without_approval(
    project: Project, api: Api, left: int
) -> None:
    project.sync()
    project.config["resources"] = [named('"u\\(.id)"')]
    api.users = api.users[:left]
    report = project.sync()
    assert (outcome(report), report.kinds[0].created) == ((3, 0, 10, 0, 0), left)
    assert project.holds() == {(KIND, "changed", "open"): 10}
    api.users = api.users[:5]  # what has been named so and is gone needs no approval
    assert outcome(project.sync()) == (3, left - 5, 10, 0, 0)
    project.decide(KIND, "approved")
    assert outcome(project.sync()) == (0, 10, 0, 0, 0)
    assert project.identifiers() == {f"u{number}" for number in range(1, 6)}


@pytest.mark.parametrize(
    "changed",
    [
        {"port": {"entity": {"mappings": {"identifier": ".id|tostring", "blueprint": '"person"'}}}},
        {"selector": {"data_path": ".users", "endpoint": "/people"}},
        {"port": {**PORT, "itemsToParse": "[.id]"}},
    ],
)
def test_one_deletion_after_an_edit_that_may_be_its_cause_is_held(
    project: Project, api: Api, changed: dict[str, Any]
) -> None:
    project.sync()
    project.config["resources"] = [{**USER, **changed}]
    api.users.remove(1)
    report = project.sync()
    assert (report.exit_code, report.kinds[0].deleted) == (3, 0)
    [((_, reason, state), entities)] = project.holds().items()
    assert (reason, state, entities) == ("changed", "open", 10 if "person" in str(changed) else 1)


def test_a_title_or_a_condition_that_is_edited_holds_nothing(project: Project, api: Api) -> None:
    project.sync()
    edited = {**USER, "selector": {"data_path": ".users", "query": ".id > 2"}}
    project.config["resources"] = [edited]
    api.users.remove(10)
    assert outcome(project.sync()) == (0, 3, 0, 0, 0)


def test_an_edit_that_is_taken_back_holds_what_it_has_made(project: Project, api: Api) -> None:
    project.sync()
    project.config["resources"] = [named('"u\\(.id)"')]
    project.sync()
    project.config["resources"] = [USER]
    assert outcome(project.sync()) == (3, 0, 10, 0, 0)
    project.decide(KIND, "approved")
    assert outcome(project.sync()) == (0, 10, 0, 0, 0)
    assert numbers(project) == set(api.users)


def test_a_kind_that_is_removed_from_the_mapping_stays_until_that_is_approved(project: Project) -> None:
    project.config["resources"] = [USER, MEMBERS]
    project.sync()
    project.config["resources"] = [MEMBERS]
    for _ in range(2):
        report = project.sync()
        assert (report.exit_code, [(kind.kind, kind.held) for kind in report.unmapped]) == (0, [(KIND, 10)])
    assert project.holds() == {(KIND, "removed", "open"): 10}
    project.decide(KIND, "approved")
    report = project.sync()
    assert (report.exit_code, [(kind.kind, kind.deleted) for kind in report.unmapped]) == (0, [(KIND, 10)])
    assert numbers(project) == set()
    assert len(project.identifiers("member")) == 8
    assert project.sync().unmapped == []


def test_a_removed_kind_that_is_rejected_is_not_mentioned_again(project: Project, api: Api) -> None:
    project.config["resources"] = [USER, MEMBERS]
    project.sync()
    project.config["resources"] = [MEMBERS]
    project.sync()
    project.decide(KIND, "rejected")
    assert project.sync().unmapped == []
    assert numbers(project) == set(api.users)


def test_a_kind_that_returns_to_the_mapping_is_held_no_longer(project: Project) -> None:
    project.config["resources"] = [USER, MEMBERS]
    project.sync()
    project.config["resources"] = [MEMBERS]
    project.sync()
    project.config["resources"] = [USER, MEMBERS]
    report = project.sync()
    assert (report.exit_code, report.unmapped, project.holds()) == (0, [], {})


def test_a_removed_kind_is_held_although_the_journal_is_lost(project: Project) -> None:
    project.config["resources"] = [USER, MEMBERS]
    project.sync()
    project.config["resources"] = [MEMBERS]
    (project.folder / ".penstock" / "test.db").unlink()
    report = project.sync()
    assert [(kind.kind, kind.held) for kind in report.unmapped] == [(KIND, 10)]


def test_what_is_approved_of_a_renamed_kind_waits_while_the_new_one_cannot_be_read(project: Project, api: Api) -> None:
    project.sync()
    project.config["resources"] = [{**USER, "kind": "/people"}]
    api.broken = {"/people"}
    project.sync()
    project.decide(KIND, "approved")
    project.sync()
    assert numbers(project) == set(api.users)
    api.broken = set()
    project.sync()
    assert numbers(project) == set(api.users)
    assert project.holds() == {}


def test_an_entity_that_moves_to_a_partition_that_fails_stays(project: Project, api: Api) -> None:
    project.config["resources"] = [MEMBERS]
    project.sync()
    api.members = {"a": ["m1", "m2", "m3"], "b": ["m4", "m5", "m6", "m7", "m8"]}
    api.broken = {"/teams/b/members"}
    for _ in range(2):
        assert outcome(project.sync()) == (1, 0, 0, 0, 1)
    api.broken = set()
    assert outcome(project.sync()) == (0, 0, 0, 0, 0)
    assert len(project.identifiers("member")) == 8


def test_an_entity_that_moves_to_a_kind_that_fails_or_is_not_read_stays(project: Project, api: Api) -> None:
    guests = resource("/teams/{team}/guests", blueprint="member", selector={"path_parameters": PARAMETERS})
    other = resource("/flags", blueprint="flag")
    table = {"/teams/a/guests": Reply([{"id": "g"}]), "/teams/b/guests": Reply([]), "/flags": Reply({}, 400)}
    with serve(lambda request: table.get(request.path) or api(request)) as server:
        project.config["connection"]["baseUrl"] = server.url
        project.config["resources"] = [MEMBERS, guests, other]
        project.sync()
        api.members["a"].remove("m1")
        members = "/teams/{team}/members"
        report = project.sync(only=[members])
        assert (report.exit_code, outcome(report)[4]) == (0, 1)
        table["/teams/b/guests"] = Reply({}, 400)
        assert project.sync().kinds[0].missing == 1
        table["/teams/b/guests"] = Reply([{"id": "m1"}])
        assert project.sync().kinds[0].missing == 0
        table["/teams/b/guests"] = Reply([])
        assert project.sync().kinds[1].deleted == 1  # /flags cannot be read, and never shows a member
    assert "m1" not in project.identifiers("member")


def test_a_partition_that_always_fails_delays_deletions_and_does_not_stop_them(project: Project, api: Api) -> None:
    project.config["resources"] = [MEMBERS]
    project.sync()
    api.members["a"].remove("m1")
    api.broken = {"/teams/b/members"}
    assert [outcome(project.sync())[1] for _ in range(3)] == [0, 0, 1]
    assert project.identifiers("member") == {f"m{number}" for number in range(2, 9)}


def test_a_resource_keeps_its_partitions_when_another_of_its_kind_comes_or_goes(tmp_path: Path) -> None:
    teams = {"a": [1, 2, 3], "b": [4, 5, 6]}

    def answer(request: Received) -> object:
        return {"users": [user(number) for number in teams[request.param("team")]]}

    def of_team(team: str) -> dict[str, Any]:
        return {**USER, "selector": {"data_path": ".users", "query_params": {"team": team}}}

    with serve(routes({"/users": answer})) as server:
        project = Project(tmp_path, server.url, [of_team("a")])
        project.sync()
        project.config["resources"] = [of_team("b"), of_team("a")]
        teams["a"].remove(1)
        report = project.sync()
        assert (report.exit_code, [kind.deleted for kind in report.kinds]) == (0, [0, 1])
        project.config["resources"] = [of_team("a")]
        teams["a"].remove(2)
        assert outcome(project.sync()) == (3, 1, 3, 0, 0)
        assert project.holds() == {(KIND, "removed", "open"): 3}
        project.config["resources"] = [of_team("a"), of_team("b")]
        assert project.sync().exit_code == 0
        assert project.holds() == {}


def test_what_was_approved_and_returns_where_it_cannot_be_read_stays(project: Project, api: Api) -> None:
    project.config["resources"] = [MEMBERS]
    project.config["entityDeletionLimit"] = 0
    project.sync()
    api.members["a"].remove("m1")
    for _ in range(3):
        assert outcome(project.sync()) == (3, 0, 1, 0, 0)
    project.decide("/teams/{team}/members", "approved")
    api.members["b"].append("m1")
    api.broken = {"/teams/b/members"}
    for _ in range(2):
        assert outcome(project.sync()) == (1, 0, 0, 0, 1)
    api.broken = set()
    assert outcome(project.sync()) == (0, 0, 0, 0, 0)
    assert len(project.identifiers("member")) == 8


def test_what_was_rejected_counts_for_nothing_where_it_could_not_be_read_either(project: Project, api: Api) -> None:
    project.config["resources"] = [MEMBERS]
    project.config["entityDeletionThreshold"] = 0.4
    project.sync()
    api.members = {"a": ["m1", "m2"], "b": []}
    project.sync()
    project.decide("/teams/{team}/members", "rejected")
    api.members["a"] = ["m1"]
    api.broken = {"/teams/b/members"}
    assert outcome(project.sync()) == (1, 0, 1, 2, 0)  # one of two, not of six
