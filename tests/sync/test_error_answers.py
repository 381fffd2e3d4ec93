"""Answers with a success status that are errors, those that only look so, and the user's word on it: failWhen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.sync.report import KindReport
from penstock.values import StopReason
from support.project import USER, Project, resource, user
from support.server import Received, Reply, routes, serve

USERS = [user(1), user(2)]


def read(folder: Path, answer: object, mapping: dict[str, Any], **connection: Any) -> KindReport:  # noqa: ANN401
    with serve(routes({"/users": answer})) as server:
        return Project(folder, server.url, [mapping], **connection).sync_kind()


ERRORS: list[tuple[str, object]] = [
    ("a message", {"error": "backend timed out"}),
    ("an object", {"error": {"code": 17, "message": "no"}}),
    ("a flag", {"error": True, "users": []}),
    ("beside an empty list", {"error": "backend timed out", "users": []}),
    ("beside null", {"error": "backend timed out", "users": None}),
    ("errors", {"errors": [{"message": "denied"}], "users": []}),
    ("errors by field", {"errors": {"page": ["too large"]}, "users": []}),
    ("not ok", {"ok": False, "error": "ratelimited"}),
    ("not ok, with records", {"ok": False, "users": USERS}),
    ("no success", {"success": False, "users": []}),
    ("status error", {"status": "error", "users": []}),
    ("status ERROR", {"status": "ERROR", "message": "no", "users": []}),
    ("status fail", {"status": "fail", "data": {"page": "too large"}, "users": []}),
    ("GraphQL without data", {"errors": [{"message": "denied"}], "data": None}),
    ("GraphQL with half of the data", {"errors": [{"message": "shard 3"}], "data": {}, "users": USERS}),
]


@pytest.mark.parametrize("answer", [case[1] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_an_answer_that_says_that_it_is_an_error_is_one(tmp_path: Path, answer: object) -> None:
    kind = read(tmp_path, answer, USER)
    assert (kind.status, dict(kind.stop_reasons), kind.created) == ("incomplete", {"error_answer": 1}, 0)


def test_a_login_page_is_no_empty_list(tmp_path: Path) -> None:
    page = Reply(b"<!doctype html><title>Log in</title>", headers={"Content-Type": "text/html"})
    assert dict(read(tmp_path, page, USER).stop_reasons) == {"unreadable_answer": 1}


def test_a_data_path_that_matches_nothing_is_no_empty_list(tmp_path: Path) -> None:
    assert dict(read(tmp_path, {"people": USERS}, USER).stop_reasons) == {"nothing_matched": 1}


FINE: list[tuple[str, object]] = [
    ("error null", {"error": None, "users": USERS}),
    ("no errors", {"errors": [], "users": USERS}),
    ("empty error", {"error": "", "users": USERS}),
    ("error false", {"error": False, "users": USERS}),
    ("error 0", {"error": 0, "users": USERS}),
    ("error none", {"error": "None", "users": []}),
    ("error code 0", {"error": {"code": 0, "message": ""}, "users": []}),
    ("errors null beside data", {"errors": None, "data": {}, "users": USERS}),
    ("no errors, by field", {"errors": {}, "users": []}),
    ("status ok", {"status": "ok", "users": []}),
    ("status success", {"status": "success", "users": USERS}),
    ("status 200", {"status": 200, "users": []}),
    ("status error beside records", {"status": "error", "users": USERS}),
    ("ok", {"ok": True, "users": []}),
    ("success", {"success": True, "users": []}),
    ("a count of errors", {"errors": 0, "success": 2, "users": USERS}),
    ("an error beside records", {"error": "3 rows are hidden", "users": USERS}),
    (
        "records with an error",
        {"users": [{**one, "error": "disk full", "ok": False, "status": "error"} for one in USERS]},
    ),
    ("an empty list", {"users": []}),
]


@pytest.mark.parametrize("answer", [case[1] for case in FINE], ids=[case[0] for case in FINE])
def test_an_answer_that_only_looks_like_an_error_is_none(tmp_path: Path, answer: object) -> None:
    kind = read(tmp_path, answer, USER)
    assert (kind.status, dict(kind.stop_reasons)) == ("complete", {"single_request": 1}), kind.errors


@pytest.mark.parametrize("list_of", [[{"id": 1, "error": "disk full", "ok": False}], [{"id": 1, "errors": ["x"]}], []])
def test_the_members_of_a_bare_list_are_records(tmp_path: Path, list_of: list[object]) -> None:
    kind = read(tmp_path, list_of, resource("/users"))
    assert (kind.status, kind.created) == ("complete", len(list_of))


CONSTANT = resource("/users")
CONSTANT["port"]["entity"]["mappings"]["identifier"] = '"only"'


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"error": "backend timed out"}, "incomplete"),
        ({"ok": False, "error": "ratelimited"}, "incomplete"),
        ({"success": False, "message": "no", "code": 17}, "incomplete"),
        ({"errors": [{"message": "denied"}]}, "incomplete"),
        ({"name": "nightly", "status": "error", "error": "disk full"}, "complete"),
        ({"name": "nightly", "ok": False}, "complete"),
        ({"status": "error", "message": "degraded"}, "complete"),
        ({"error": None, "message": "all is well"}, "complete"),
    ],
)
def test_one_object_is_an_error_only_where_it_is_nothing_else(tmp_path: Path, answer: object, status: str) -> None:
    kind = read(tmp_path, answer, CONSTANT)
    assert (kind.status, kind.created) == (status, int(status == "complete")), kind.errors


def judged(fail_when: str, *, data_path: str = ".users") -> dict[str, Any]:
    return resource("/users", selector={"data_path": data_path, "failWhen": fail_when})


@pytest.mark.parametrize(
    ("fail_when", "answer"),
    [
        (".response.body.code != 0", {"code": 17, "users": USERS}),
        (".response.status == 203", Reply({"users": USERS}, 203)),
        ('.response.headers["x-partial"] == "yes"', Reply({"users": USERS}, headers={"X-Partial": "yes"})),
        (".items | length == 2", {"users": USERS}),
        ("(.response.body.total > (.items | length)) and .page == 0", {"users": USERS, "total": 3}),
        ('.response.body.note | test("partial"; "i")', {"users": USERS, "note": "Partial result"}),
    ],
)
def test_fail_when_makes_an_answer_an_error(tmp_path: Path, fail_when: str, answer: object) -> None:
    kind = read(tmp_path, answer, judged(fail_when))
    assert (dict(kind.stop_reasons), kind.created) == ({"error_answer": 1}, 0)
    [error] = kind.errors
    assert error.message.startswith(f"the answer is an error by fail_when `{fail_when}`: {{")


@pytest.mark.parametrize("fail_when", [".response.body.code != 0", "null", "false", ".request.params.page != null"])
def test_an_answer_that_fail_when_lets_pass_is_read(tmp_path: Path, fail_when: str) -> None:
    kind = read(tmp_path, {"code": 0, "users": USERS}, judged(fail_when))
    assert (kind.status, kind.created) == ("complete", 2)


def test_what_fail_when_lets_pass_may_still_say_that_it_is_an_error(tmp_path: Path) -> None:
    kind = read(tmp_path, {"code": 0, "error": "no", "users": []}, judged(".response.body.code != 0"))
    assert dict(kind.stop_reasons) == {"error_answer": 1}


@pytest.mark.parametrize(
    ("fail_when", "message"),
    [
        (".response.body.code + 1 > 0", "fail_when `.response.body.code + 1 > 0` failed: "),
        (".response.body.code", 'fail_when `.response.body.code` gave "x"; it must give true, false or null'),
    ],
)
def test_fail_when_that_cannot_tell_ends_the_read(tmp_path: Path, fail_when: str, message: str) -> None:
    kind = read(tmp_path, {"code": "x", "users": USERS}, judged(fail_when))
    assert (dict(kind.stop_reasons), kind.created) == ({"expression_failed": 1}, 0)
    assert kind.errors[0].message.startswith(message)


def test_the_message_quotes_the_answer_and_no_secret_of_it(tmp_path: Path) -> None:
    secret = "s3cret-" + "x" * 400
    answer = {"message": f"the token {secret} is not yours", "users": USERS, "code": 17}
    mapping = judged(".response.body.code == 17")
    kind = read(tmp_path, answer, mapping, authType="bearer_token", apiToken=secret)
    assert kind.errors[0].message == (
        "the answer is an error by fail_when `.response.body.code == 17`: "
        '{"message":"the token *** is not yours","code":17}'
    )


def test_a_later_page_is_judged_as_the_first_one_is(tmp_path: Path) -> None:
    def answer(request: Received) -> object:
        page = int(request.param("page"))
        return {"users": [user(page)], "code": 17 if page == 2 else 0}

    mapping = judged(".response.body.code != 0")
    kind = read(tmp_path, answer, mapping, paginationType="page", pageSize=1, prefetchPages=1)
    assert (dict(kind.stop_reasons), kind.created) == ({"error_answer": 1}, 1)


FAILING = ".response.body.code != 0"


@pytest.mark.parametrize(
    ("own", "siblings"),
    [({"fail_when": FAILING}, []), ({}, [resource("/teams", selector={"data_path": ".teams", "failWhen": FAILING})])],
    ids=["its own", "that of the resource of the same endpoint"],
)
def test_the_answers_to_discovery_requests_are_judged_too(
    tmp_path: Path, own: dict[str, Any], siblings: list[dict[str, Any]]
) -> None:
    parameters = {"team": {"endpoint": "/teams", "field": ".id", "data_path": ".teams", **own}}
    members = resource("/teams/{team}/members", selector={"path_parameters": parameters})
    table: dict[str, object] = {"/teams": {"code": 17, "teams": []}, "/teams/a/members": []}
    with serve(routes(table)) as server:
        report = Project(tmp_path, server.url, [members, *siblings]).sync()
    assert report.kinds[0].stop_reasons[StopReason.PARENT_FAILED] == 1
    assert "the answer is an error by fail_when" in report.kinds[0].errors[0].message
