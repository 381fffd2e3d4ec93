"""Whole runs: a real API on a socket, a real catalog file, and what the report says of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport, RunReport
from penstock.sync.run import run_sync
from penstock.values import StopReason
from support.project import USER, Project, resource, user
from support.server import Handler, Received, Reply, routes, serve

USERS = [user(number) for number in range(1, 251)]


def paged(users: list[dict[str, Any]], cap: int = 100) -> Callable[[Received], object]:
    """A list with ``page`` and ``size``, which caps the size."""

    def answer(request: Received) -> object:
        page, size = int(request.param("page", "1")), min(int(request.param("size", "100")), cap)
        return {"users": users[(page - 1) * size : page * size]}

    return answer


def always(body: Callable[[], object]) -> Callable[[Received], object]:
    """The same answer to every request, made anew each time."""
    return lambda _: body()


def test_a_paged_list_arrives_complete_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    with serve(routes({"/users": paged(USERS)})) as api:
        project = Project(tmp_path, api.url, [USER], paginationType="page")
        first = project.sync()
        second = project.sync()
    assert first.exit_code == 0
    [kind] = first.kinds
    assert (kind.status, kind.pages, kind.fetched, kind.created) == ("complete", 3, 250, 250)
    assert second.kinds[0].unchanged == 250
    assert project.identifiers() == {str(number) for number in range(1, 251)}
    [(title, properties)] = project.rows("SELECT title, properties FROM entities WHERE identifier = '7'")
    assert (title, json.loads(properties)) == ("User 7", {"email": "u7@acme.test"})


def test_what_the_source_no_longer_has_is_deleted_and_what_changed_is_updated(tmp_path: Path) -> None:
    users = [user(number) for number in range(1, 11)]
    with serve(routes({"/users": always(lambda: {"users": users})})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.sync()
        users[0]["name"] = "Ada"
        del users[-1]
        kind = project.sync_kind()
    assert (kind.updated, kind.unchanged, kind.deleted, kind.held) == (1, 8, 1, 0)
    assert project.identifiers() == {str(number) for number in range(1, 10)}


def test_a_failing_page_deletes_nothing_and_delivers_the_rest(tmp_path: Path) -> None:
    broken = False

    def answer(request: Received) -> object:
        if broken and request.param("page") == "2":
            return Reply({"error": "boom"}, 400)
        return paged(USERS[:150])(request) if not broken else paged([user(999), *USERS])(request)

    with serve(routes({"/users": answer})) as api:
        project = Project(tmp_path, api.url, [USER], paginationType="page")
        project.sync()
        broken = True
        report = project.sync()
    [kind] = report.kinds
    assert (report.exit_code, kind.status, kind.deleted) == (1, "incomplete", 0)
    assert dict(kind.stop_reasons) == {"request_failed": 1}
    assert "400" in kind.errors[0].message
    assert project.identifiers() == {"999", *(str(number) for number in range(1, 151))}


def test_a_kind_that_comes_back_empty_is_held_until_it_is_seen_again(tmp_path: Path) -> None:
    users = [user(1), user(2)]
    with serve(routes({"/users": always(lambda: {"users": users})})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.sync()
        users.clear()
        empty = project.sync()
        kept = project.identifiers()
        users.append(user(1))
        users.append(user(2))
        good = project.sync()
    assert (empty.exit_code, empty.status, empty.kinds[0].held) == (3, "held", 2)
    assert kept == {"1", "2"}
    assert (good.exit_code, good.kinds[0].held, good.kinds[0].unchanged) == (0, 0, 2)


NESTED = resource(
    "/orgs/{org}/teams/{team}/members",
    blueprint="member",
    selector={
        "path_parameters": {
            "org": {"endpoint": "/orgs", "field": ".name"},
            "team": {"endpoint": "/orgs/{org}/teams", "field": ".slug", "filter": ".archived | not"},
        }
    },
)
ORGS: dict[str, dict[str, list[str]]] = {"a b": {"x/y": ["1", "2"], "z": ["3"]}, "c": {"z": ["4", "1"]}}


def organisations(broken: set[str]) -> Handler:
    def answer(request: Received) -> Reply:
        if request.path in broken:
            return Reply({"message": "no"}, 400)
        match request.path.replace("%20", " ").replace("%2F", "|").split("/")[1:]:
            case ["orgs"]:
                return Reply([{"name": name} for name in [*ORGS, *ORGS]])
            case ["orgs", org, "teams"]:
                teams = [{"slug": slug, "archived": False} for slug in ORGS[org]]
                return Reply({"teams": [*teams, {"slug": "old", "archived": True}]})
            case ["orgs", org, "teams", team, "members"]:
                return Reply([{"id": one, "name": f"N{one}"} for one in ORGS[org][team.replace("|", "/")]])
            case _:
                return Reply({}, 404)

    return answer


def test_nested_endpoints_are_read_once_each_with_values_as_one_encoded_segment(tmp_path: Path) -> None:
    with serve(organisations(set())) as api:
        project = Project(tmp_path, api.url, [NESTED])
        report = project.sync()
        targets = api.targets()
    assert report.exit_code == 0, report.kinds[0].errors
    assert sorted(targets) == [
        "/orgs",
        "/orgs/a%20b/teams",
        "/orgs/a%20b/teams/x%2Fy/members",
        "/orgs/a%20b/teams/z/members",
        "/orgs/c/teams",
        "/orgs/c/teams/z/members",
    ]
    assert project.identifiers("member") == {"1", "2", "3", "4"}


def test_one_failed_child_makes_only_its_own_partition_incomplete(tmp_path: Path) -> None:
    broken: set[str] = set()
    with serve(organisations(broken)) as api:
        project = Project(tmp_path, api.url, [NESTED])
        project.sync()
        broken.add("/orgs/a%20b/teams/z/members")
        ORGS["a b"]["x/y"].remove("2")
        try:
            reports = [project.sync() for _ in range(3)]
        finally:
            ORGS["a b"]["x/y"].append("2")
    report = reports[-1]
    [kind] = report.kinds
    assert [one.kinds[0].missing for one in reports] == [1, 1, 0]  # 2 might have moved to the team that failed
    assert (report.exit_code, kind.deleted) == (1, 1)
    assert dict(kind.stop_reasons) == {"single_request": 2, "request_failed": 1}
    assert kind.errors[0].where == "/orgs/{org}/teams/{team}/members org=a b team=z"
    assert project.identifiers("member") == {"1", "3", "4"}


def test_a_failed_parent_keeps_its_children(tmp_path: Path) -> None:
    broken: set[str] = set()
    with serve(organisations(broken)) as api:
        project = Project(tmp_path, api.url, [NESTED])
        project.sync()
        broken.add("/orgs/a%20b/teams")
        report = project.sync()
    assert report.exit_code == 1
    assert report.kinds[0].stop_reasons[StopReason.PARENT_FAILED] == 1
    assert project.identifiers("member") == {"1", "2", "3", "4"}


def test_a_list_that_is_a_kind_and_a_parent_is_fetched_once(tmp_path: Path) -> None:
    members = resource(
        "/teams/{team}/members",
        blueprint="member",
        selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}},
    )
    table = {
        "/teams": [{"id": "t1", "name": "T1"}, {"id": "t2", "name": "T2"}],
        "/teams/t1/members": [{"id": 1}],
        "/teams/t2/members": [{"id": 2}],
    }
    with serve(routes(table)) as api:
        project = Project(tmp_path, api.url, [resource("/teams", blueprint="team"), members])
        report = project.sync()
        assert api.targets().count("/teams") == 1
    assert report.exit_code == 0
    assert (project.identifiers("team"), project.identifiers("member")) == ({"t1", "t2"}, {"1", "2"})


def test_path_values_are_injected_under_both_names(tmp_path: Path) -> None:
    comments = resource(
        "/tickets/{ticket_id}/comments",
        blueprint="comment",
        selector={"path_parameters": {"ticket_id": {"endpoint": "/tickets", "field": ".id"}}},
    )
    comments["port"]["entity"]["mappings"]["relations"] = {"a": ".__ticket_id", "b": ".ticket_id"}
    table = {"/tickets": {"tickets": [{"id": 101}]}, "/tickets/101/comments": [{"id": 5}]}
    with serve(routes(table)) as api:
        project = Project(tmp_path, api.url, [comments])
        report = project.sync()
    assert report.exit_code == 0, report.kinds[0].errors
    [(relations,)] = project.rows("SELECT relations FROM entities")
    assert json.loads(relations) == {"a": "101", "b": "101"}


def test_no_more_requests_are_in_flight_than_allowed(tmp_path: Path) -> None:
    members = resource(
        "/teams/{team}/members",
        selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}},
    )
    teams = [{"id": number} for number in range(40)]
    table = {"/teams": teams} | {f"/teams/{number}/members": [{"id": number}] for number in range(40)}

    def slowly(request: Received) -> Reply:
        time.sleep(0.01)
        return routes(table)(request)

    with serve(slowly) as api:
        project = Project(tmp_path, api.url, [members], maxConcurrentRequests=4)
        assert project.sync_kind().created == 40
        assert 1 < api.most_in_flight <= 4


BAD_ANSWERS: list[tuple[str, object, str, str]] = [
    ("html", Reply(b"<html>log in</html>", headers={"Content-Type": "text/html"}), "unreadable_answer", "text/html"),
    ("truncated", Reply(b'{"users": [{"id": 1}'), "unreadable_answer", "JSON"),
    ("slack", {"ok": False, "error": "invalid_auth"}, "error_answer", "invalid_auth"),
    ("graphql", {"data": None, "errors": [{"message": "denied"}]}, "error_answer", "denied"),
    ("no such key", {"items": [{"id": 1}]}, "nothing_matched", ".items"),
    ("scalars", {"users": [1, 2]}, "unexpected_items", "object"),
    ("unauthorized", Reply({"error": "bad token"}, 401), "auth_failed", "401"),
    ("forbidden", Reply({"error": "no"}, 403), "auth_failed", "403"),
    ("gone", Reply({"error": "no"}, 404), "request_failed", "404"),
]


@pytest.mark.parametrize(
    ("answer", "reason", "said"), [case[1:] for case in BAD_ANSWERS], ids=[c[0] for c in BAD_ANSWERS]
)
def test_an_answer_that_is_no_list_ends_the_read_with_its_reason(
    tmp_path: Path, answer: object, reason: str, said: str
) -> None:
    good = True
    with serve(routes({"/users": always(lambda: {"users": USERS[:3]} if good else answer)})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.sync()
        good = False
        report = project.sync()
    [kind] = report.kinds
    assert (report.exit_code, dict(kind.stop_reasons)) == (1, {reason: 1})
    assert said in kind.errors[0].message
    assert project.identifiers() == {"1", "2", "3"}


def test_an_unreachable_host_is_an_error_of_the_kind(tmp_path: Path) -> None:
    project = Project(tmp_path, "http://127.0.0.1:9", [USER], maxRetries=1)
    report = project.sync()
    assert report.exit_code == 1
    assert "127.0.0.1:9" in report.kinds[0].errors[0].message


def test_an_object_where_a_list_was_meant_names_the_arrays_that_are_there(tmp_path: Path) -> None:
    with serve(routes({"/users": {"total": 1, "users": [{"id": 1}], "tags": []}})) as api:
        report = Project(tmp_path, api.url, [resource("/users")]).sync()
    assert report.exit_code == 1
    assert ".users" in report.kinds[0].errors[0].message


def test_null_identifiers_are_skipped_and_duplicates_counted(tmp_path: Path) -> None:
    users = [user(1), {"id": None, "name": "Nobody"}, user(2), user(1) | {"name": "Last"}]
    mapped = resource("/users", selector={"data_path": ".users"})
    mapped["port"]["entity"]["mappings"]["identifier"] = ".id"
    with serve(routes({"/users": {"users": users}})) as api:
        project = Project(tmp_path, api.url, [mapped])
        kind = project.sync_kind()
    assert kind.skipped == 1
    assert (kind.status, kind.fetched, kind.duplicates) == ("complete", 4, 1)
    assert "1 entities came more than once" in kind.warnings[-1].message
    assert project.rows("SELECT title FROM entities WHERE identifier = '1'") == [("Last",)]


def test_a_next_link_to_another_origin_ends_the_read_and_gets_no_credentials(tmp_path: Path) -> None:
    with serve(routes({"/users": {"users": []}})) as foreign:
        link = {"users": [user(1)], "next": f"{foreign.url}/users"}
        with serve(routes({"/users": link})) as api:
            project = Project(
                tmp_path,
                api.url,
                [USER],
                paginationType="next_link",
                nextLinkPath="next",
                authType="bearer_token",
                apiToken="s3cret",
            )
            report = project.sync()
        assert foreign.received == []
    assert dict(report.kinds[0].stop_reasons) == {"foreign_link": 1}
    assert project.identifiers() == {"1"}


@pytest.mark.parametrize(
    ("connection", "answer"),
    [
        ({"paginationType": "offset"}, {"users": USERS[:100]}),
        ({"paginationType": "page"}, {"users": USERS[:100]}),
        ({"paginationType": "cursor"}, {"users": USERS[:100], "next_cursor": "same"}),
        ({"paginationType": "next_link", "nextLinkPath": "next"}, {"users": USERS[:100], "next": "/users"}),
    ],
)
def test_a_source_that_repeats_itself_ends_in_an_error_after_at_most_two_requests(
    tmp_path: Path, connection: dict[str, Any], answer: object
) -> None:
    with serve(routes({"/users": answer})) as api:
        project = Project(tmp_path, api.url, [USER], prefetchPages=1, **connection)
        report = project.sync()
        assert len(api.received) <= 2
    assert report.exit_code == 1
    assert set(report.kinds[0].stop_reasons) <= {"repeated_page", "repeated_request"}
    assert len(project.identifiers()) == 100


def test_a_server_that_caps_the_page_size_loses_nothing(tmp_path: Path) -> None:
    def offset(request: Received) -> object:
        start, size = int(request.param("offset", "0")), min(int(request.param("limit")), 50)
        return {"users": USERS[start : start + size]}

    with serve(routes({"/users": offset})) as api:
        project = Project(tmp_path, api.url, [USER], paginationType="offset", pageSize=100)
        report = project.sync()
    assert report.exit_code == 0
    assert len(project.identifiers()) == 250


def test_pages_are_read_ahead_and_those_beyond_the_end_do_no_harm(tmp_path: Path) -> None:
    def answer(request: Received) -> object:
        if int(request.param("page")) > 4:
            return Reply({"error": "no such page"}, 404)
        return paged(USERS)(request)

    with serve(routes({"/users": answer})) as api:
        project = Project(tmp_path, api.url, [USER], paginationType="page", pageSize=70, prefetchPages=8)
        report = project.sync()
    assert (report.exit_code, len(project.identifiers())) == (0, 250)


def test_only_reads_and_reconciles_the_kinds_it_names(tmp_path: Path) -> None:
    table: dict[str, object] = {"/users": {"users": [user(1), user(2)]}, "/teams": [{"id": "t1"}, {"id": "t2"}]}
    with serve(routes(table)) as api:
        project = Project(tmp_path, api.url, [USER, resource("/teams", blueprint="team")])
        project.sync()
        table["/users"] = {"users": [user(1)]}
        table["/teams"] = [{"id": "t1"}]
        with serve(routes(table)) as changed:
            project.config["connection"]["baseUrl"] = changed.url
            report = project.sync(only=["/users"])
            assert changed.targets() == ["/users"]
    assert [kind.kind for kind in report.kinds] == ["/users"]
    assert (project.identifiers(), project.identifiers("team")) == ({"1"}, {"t1", "t2"})


def test_a_kind_removed_from_the_mapping_deletes_nothing(tmp_path: Path) -> None:
    with serve(routes({"/users": {"users": [user(1)]}, "/teams": [{"id": "t1"}]})) as api:
        project = Project(tmp_path, api.url, [USER, resource("/teams", blueprint="team")])
        project.sync()
        del project.config["resources"][1]
        report = project.sync()
    assert (report.exit_code, project.identifiers("team")) == (0, {"t1"})


def test_a_run_told_to_stop_delivers_what_it_read_and_deletes_nothing(tmp_path: Path) -> None:
    stop = asyncio.Event()

    class StopAfterTwoPages(Observer):
        def page_read(self, kind: KindReport) -> None:
            if kind.pages == 2:
                stop.set()

    with serve(routes({"/users": paged(USERS)})) as api:
        project = Project(tmp_path, api.url, [USER], paginationType="page", pageSize=50, prefetchPages=1)
        project.sync()
        project.config["connection"]["pageSize"] = 10

        async def run() -> RunReport:
            return await run_sync(project.settings(), Secrets(), observer=StopAfterTwoPages(), stop=stop)

        report = asyncio.run(run())
    assert (report.status, report.exit_code) == ("interrupted", 130)
    assert len(project.identifiers()) == 250
