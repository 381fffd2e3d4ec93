"""Answers that look like the end of a list and are not: none of them may cost an entity."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.sync.report import RunReport
from penstock.values import StopReason
from support.project import USER, Project, resource, user
from support.server import Handler, Received, Reply, routes, serve

USERS = [user(number) for number in range(1, 26)]
SIZE = 10


class Moody:
    """A list in pages of ten, until ``bad`` is what page ``at`` answers."""

    def __init__(self, shape: Callable[[list[dict[str, Any]]], object]) -> None:
        self.shape = shape
        self.bad: object = None
        self.at = 2

    def __call__(self, request: Received) -> object:
        page = int(request.param("page"))
        if self.bad is not None and page == self.at:
            return self.bad
        return self.shape(USERS[(page - 1) * SIZE : page * SIZE])


def read_twice(folder: Path, api: Moody, mapping: dict[str, Any], bad: object) -> tuple[RunReport, set[str]]:
    """Sync, then once more with the bad answer; return the second report and what is left."""
    with serve(routes({"/users": api})) as server:
        project = Project(folder, server.url, [mapping], paginationType="page", pageSize=SIZE)
        project.config["deleteAfterAbsentRuns"] = 1
        assert project.sync().exit_code == 0
        api.bad = bad
        return project.sync(), project.identifiers()


LATER: list[tuple[str, object, str]] = [
    ("another object", {"message": "internal error"}, "nothing_matched"),
    ("nothing at all", {}, "nothing_matched"),
    ("an error beside an empty list", {"users": [], "error": "search backend timed out"}, "error_answer"),
    ("errors beside an empty list", {"users": [], "errors": ["shard 3 is down"]}, "error_answer"),
    ("an empty body", Reply(b""), "unreadable_answer"),
    ("a list", [], "unexpected_items"),
]


@pytest.mark.parametrize(("bad", "reason"), [case[1:] for case in LATER], ids=[case[0] for case in LATER])
def test_a_later_page_without_the_list_is_no_end(tmp_path: Path, bad: object, reason: str) -> None:
    report, left = read_twice(tmp_path, Moody(lambda users: {"users": users}), USER, bad)
    assert (report.exit_code, dict(report.kinds[0].stop_reasons)) == (1, {reason: 1})
    assert len(left) == len(USERS)


@pytest.mark.parametrize("end", [{"users": None}, {"users": []}, Reply(b"", 204)], ids=["null", "empty", "204"])
def test_a_later_page_with_an_empty_list_is_the_end(tmp_path: Path, end: object) -> None:
    api = Moody(lambda users: {"users": users})
    api.at = 3
    report, left = read_twice(tmp_path, api, USER, end)
    assert (report.exit_code, dict(report.kinds[0].stop_reasons)) == (0, {"empty_page": 1})
    assert left == {str(number) for number in range(1, 21)}


@pytest.mark.parametrize(("answer", "left"), [(Reply(b""), 25), (Reply(b"", 202), 25), (Reply(b"", 204), 0)])
def test_a_first_page_without_a_body_is_no_items_and_only_204_proves_that(
    tmp_path: Path, answer: Reply, left: int
) -> None:
    api = Moody(lambda users: {"users": users})
    with serve(routes({"/users": api})) as server:
        project = Project(tmp_path, server.url, [USER], paginationType="page", pageSize=SIZE)
        project.config |= {"deleteAfterAbsentRuns": 1, "entityDeletionThreshold": 1, "entityDeletionLimit": "none"}
        project.sync()
        api.bad, api.at = answer, 1
        kind = project.sync_kind()
    assert (kind.status, len(project.identifiers())) == ("complete", left)
    assert any("without a body" in warning.message for warning in kind.warnings) == (left > 0)


@pytest.mark.parametrize("data_path", [".users", ".users[]", ".users | map(.a)", "."])
def test_204_is_an_empty_list_whatever_the_data_path_and_nothing_to_warn_of(tmp_path: Path, data_path: str) -> None:
    with serve(routes({"/users": Reply(b"", 204)})) as server:
        kind = Project(tmp_path, server.url, [resource("/users", selector={"data_path": data_path})]).sync_kind()
    assert (kind.status, kind.fetched, kind.errors, kind.warnings) == ("complete", 0, [], [])


@pytest.mark.parametrize(("answer", "left"), [(Reply(b""), 4), (Reply(b"", 204), 0)])
def test_parents_that_come_without_a_body_leave_their_children(tmp_path: Path, answer: Reply, left: int) -> None:
    broken = False
    with serve(teams(lambda _: answer if broken else TEAMS)) as api:
        project = Project(tmp_path, api.url, [members()])
        project.config |= {"deleteAfterAbsentRuns": 1, "entityDeletionThreshold": 1}
        project.sync()
        broken = True
        kind = project.sync_kind()
    assert (kind.status, len(project.identifiers())) == ("complete", left)
    assert any("without a body" in warning.message for warning in kind.warnings) == (left > 0)


SELECTED = resource("/users", selector={"query": '.id != null and (.name | type) == "string"'})


@pytest.mark.parametrize("mapping", [resource("/users"), SELECTED], ids=["all", "selected"])
@pytest.mark.parametrize(
    "bad",
    [{"message": "internal error"}, {"ok": False, "error": "no"}, {"id": "E-17", "name": "gateway"}],
    ids=["message", "not ok", "with an id"],
)
def test_an_object_after_lists_is_no_end(tmp_path: Path, mapping: dict[str, Any], bad: object) -> None:
    report, left = read_twice(tmp_path, Moody(list), mapping, bad)
    assert (report.exit_code, dict(report.kinds[0].stop_reasons)) == (1, {"unexpected_items": 1})
    assert len(left) == len(USERS)


def test_null_after_lists_is_an_empty_list(tmp_path: Path) -> None:
    api = Moody(list)
    api.at = 3
    report, left = read_twice(tmp_path, api, resource("/users"), Reply(b"null"))
    assert (report.exit_code, len(left)) == (0, 20)


def test_an_object_that_the_selector_drops_is_no_empty_list(tmp_path: Path) -> None:
    api = Moody(list)
    api.at = 1
    report, left = read_twice(tmp_path, api, SELECTED, {"message": "internal error"})
    assert (report.exit_code, dict(report.kinds[0].stop_reasons)) == (1, {"unexpected_items": 1})
    assert len(left) == len(USERS)


def test_an_object_that_was_asked_for_may_be_dropped_by_the_selector(tmp_path: Path) -> None:
    mapping = resource("/me", selector={"data_path": ".", "query": ".active"})
    with serve(routes({"/me": {"id": 1, "name": "Ada", "active": False}})) as api:
        kind = Project(tmp_path, api.url, [mapping]).sync_kind()
    assert (kind.status, kind.filtered) == ("complete", 1)


def members(**team: object) -> dict[str, Any]:
    """Members of teams, whose ``path_parameters.team`` is as told."""
    parameters = {"team": {"endpoint": "/teams", "field": ".id", **team}}
    return resource("/teams/{team}/members", selector={"path_parameters": parameters})


def teams(answer: Callable[[Received], object]) -> Handler:
    """``/teams`` as told; each team has one member."""

    def handler(request: Received) -> Reply:
        if request.path == "/teams":
            return routes({"/teams": answer})(request)
        team = request.path.split("/")[2]
        return Reply([{"id": f"{team}-1", "name": "N"}])

    return handler


TEAMS = [{"id": f"t{number}"} for number in range(4)]


@pytest.mark.parametrize("data_path", [".teams", None])
@pytest.mark.parametrize(
    "bad",
    [
        {"ok": False, "error": "ratelimited"},
        {"message": "internal error"},
        {"data": None, "errors": [{"message": "denied", "id": "E1"}]},
        {"teams": [], "error": "search backend timed out"},
    ],
    ids=["not ok", "another object", "graphql", "an error beside an empty list"],
)
@pytest.mark.parametrize("page", [1, 2])
def test_a_discovery_that_answers_with_an_error_is_no_list_of_parents(
    tmp_path: Path, data_path: str | None, bad: object, page: int
) -> None:
    broken = False

    def answer(request: Received) -> object:
        asked = int(request.param("page"))
        return bad if broken and asked == page else {"teams": TEAMS[2 * asked - 2 : 2 * asked], "has_more": asked < 2}

    mapping = members(**({"data_path": data_path} if data_path else {}))
    with serve(teams(answer)) as api:
        project = Project(tmp_path, api.url, [mapping], paginationType="page", pageSize=2)
        assert project.sync().exit_code == 0
        broken = True
        report = project.sync()
    [kind] = report.kinds
    assert (report.exit_code, kind.stop_reasons[StopReason.PARENT_FAILED], kind.held) == (1, 1, 0)
    assert len(project.identifiers()) == len(TEAMS)


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64 + 1, int("9" * 30), -(2**63) - 1])
def test_integers_of_any_length_name_endpoints_and_entities(tmp_path: Path, number: int) -> None:
    def answer(request: Received) -> object:
        return [{"id": number}] if request.path == "/teams" else [{"id": number, "name": number}]

    handler = routes({"/teams": answer, f"/teams/{number}/members": answer})
    with serve(handler) as api:
        project = Project(tmp_path, api.url, [members()])
        kind = project.sync_kind()
    assert (kind.status, kind.created) == ("complete", 1), kind.errors
    assert project.rows("SELECT identifier, title FROM entities") == [(str(number), str(number))]


def test_a_body_may_hold_integers_of_any_length_and_the_place_in_the_list(tmp_path: Path) -> None:
    def search(request: Received) -> object:
        asked = json.loads(request.body)
        assert asked["filter"] == [2**70, "x"]
        return {"users": USERS[asked["offset"] : asked["offset"] + asked["limit"]]}

    selector = {"data_path": ".users", "method": "POST", "body": {"filter": [2**70, "x"], "offset": 99}}
    searched = {**USER, "selector": selector}
    with serve(routes({"/users": search})) as api:
        connection = {"paginationType": "offset", "paginationIn": "body", "pageSize": 10, "prefetchPages": 1}
        project = Project(tmp_path, api.url, [searched, searched], **connection)
        report = project.sync()
        assert len(api.received) == 3  # the second resource shares the answers of the first
    assert report.exit_code == 0, report.kinds[0].errors
    assert len(project.identifiers()) == len(USERS)


@pytest.mark.parametrize("prefetch", [1, 4])
def test_a_server_that_starts_anew_after_the_last_page_is_noticed(tmp_path: Path, prefetch: int) -> None:
    def answer(request: Received) -> object:
        page = (int(request.param("page")) - 1) % 2
        return {"users": USERS[page * SIZE : (page + 1) * SIZE]}

    with serve(routes({"/users": answer})) as api:
        project = Project(
            tmp_path, api.url, [USER], paginationType="page", pageSize=SIZE, prefetchPages=prefetch, maxPages=50
        )
        kind = project.sync_kind()
        assert len(api.received) < 10
    assert dict(kind.stop_reasons) == {"repeated_page": 1}
    assert (kind.created, kind.duplicates) == (20, 0)


@pytest.mark.parametrize(("allowed", "prefetch"), [(1, 4), (3, 8)])
def test_pages_asked_for_ahead_and_given_up_still_count_as_in_flight(
    tmp_path: Path, allowed: int, prefetch: int
) -> None:
    def handler(request: Received) -> Reply:
        time.sleep(0.003)
        page, count = int(request.param("page")), 12 if request.path == "/teams" else 45
        team = request.path.split("/")[2:3]
        return Reply([{"id": "-".join([*team, f"{n}"])} for n in range((page - 1) * 5, min(page * 5, count))])

    with serve(handler) as api:
        connection = {"paginationType": "page", "pageSize": 5, "maxConcurrentRequests": allowed}
        project = Project(tmp_path, api.url, [members()], prefetchPages=prefetch, **connection)
        kind = project.sync_kind()
    assert (kind.status, kind.created) == ("complete", 12 * 45)
    assert api.most_in_flight == allowed
