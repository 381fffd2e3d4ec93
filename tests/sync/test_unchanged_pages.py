"""Pages that the source says are the same count as read and seen, and are neither sent nor written again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock.sync.report import KindReport
from support.changing import Changing, incremental, names, project_for, titles
from support.project import Project, resource
from support.server import ApiServer, Received, Reply

PAGED: dict[str, Any] = {"paginationType": "page", "pageSize": 2, "prefetchPages": 1}


@pytest.fixture
def api() -> Changing:
    found = Changing(etags=True, size=2)
    found.put("/users", "a", "b", "c", "d", "e")
    return found


@pytest.fixture
def run(tmp_path: Path, api: Changing) -> Iterator[tuple[Project, ApiServer]]:
    with project_for(tmp_path, api, [resource("/users")], **PAGED) as found:
        found[0].config["entityDeletionThreshold"] = 1
        yield found


def numbers(report: KindReport) -> tuple[int, int, int, int]:
    return report.pages, report.not_modified, report.fetched, report.deleted


def journal(project: Project, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db, db:
        return db.execute(statement).fetchall()


def test_a_page_that_has_not_changed_is_seen_and_neither_sent_nor_written(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, server = run
    assert numbers(project.sync_kind()) == (3, 0, 5, 0)
    report = project.sync_kind()
    assert numbers(report) == (3, 3, 0, 0)
    assert (report.status, report.created, report.updated, report.unchanged) == ("complete", 0, 0, 0)
    assert dict(report.stop_reasons) == {"short_page": 1}
    assert names(project) == titles(api, "/users")
    assert server.targets()[:3] == server.targets()[3:]


def test_what_has_changed_or_gone_is_found_among_pages_that_are_the_same(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, _ = run
    project.sync()
    api.put("/users", "c")
    assert numbers(project.sync_kind()) == (3, 2, 2, 0)
    assert names(project) == titles(api, "/users")
    api.remove("/users", "e")
    assert [project.sync_kind().deleted for _ in range(2)] == [0, 1]
    assert names(project) == titles(api, "/users")


def test_what_was_deleted_comes_back_although_its_page_is_the_same_as_long_ago(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, _ = run
    project.sync()
    gone = dict(api.lists["/users"])
    api.remove("/users", "d", "e")
    for _ in range(3):
        project.sync()
    assert set(names(project)) == {"a", "b", "c"}
    api.lists["/users"] = gone
    project.sync()
    assert names(project) == titles(api, "/users")


@pytest.mark.parametrize("prefetch", [1, 4])
def test_pages_that_are_the_same_are_asked_for_ahead(tmp_path: Path, api: Changing, prefetch: int) -> None:
    api.put("/users", *(f"u{number}" for number in range(20)))
    with project_for(tmp_path, api, [resource("/users")], **{**PAGED, "prefetchPages": prefetch}) as (project, server):
        project.sync()
        server.received.clear()
        report = project.sync_kind()
        assert (report.pages, report.not_modified) == (13, 13)
        assert len(set(server.targets())) == len(server.received) == 13
        api.put("/users", "u3")
        assert (project.sync_kind().not_modified, names(project)) == (12, titles(api, "/users"))


@pytest.mark.parametrize(
    "change",
    [
        {"resources": [resource("/users", blueprint="person")]},
        {"resources": [resource("/users", selector={"query": '.id != "a"'})]},
        {"connection": {"customHeaders": {"x-tenant": "2"}}},
        {"enableMergeEntity": False},
    ],
)
def test_nothing_is_asked_for_by_validator_once_the_mapping_has_changed(
    run: tuple[Project, ApiServer], change: dict[str, Any]
) -> None:
    project, server = run
    project.sync()
    server.received.clear()
    project.config["connection"] |= change.pop("connection", {})
    project.config |= change
    assert project.sync_kind().not_modified == 0
    assert not any("If-None-Match" in request.headers for request in server.received)


def test_a_catalog_that_has_lost_entities_is_filled_again(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    project.sync()
    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("DELETE FROM entities WHERE identifier = 'a'")
    assert project.sync_kind().not_modified == 0
    assert names(project) == titles(api, "/users")


def test_a_page_is_read_whole_once_a_day(run: tuple[Project, ApiServer]) -> None:
    project, _ = run
    project.sync()
    journal(project, "UPDATE validators SET read_at = '2020-01-01T00:00:00+00:00' WHERE page = 1")
    assert project.sync_kind().not_modified == 2
    assert project.sync_kind().not_modified == 3


def test_it_can_be_switched_off_and_on_again(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, server = run
    project.sync()
    before = dict(api.lists["/users"])
    project.config["connection"]["conditionalRequests"] = False
    api.put("/users", "a")
    server.received.clear()
    assert project.sync_kind().not_modified == 0
    assert not any("If-None-Match" in request.headers for request in server.received)
    project.config["connection"]["conditionalRequests"] = True
    api.lists["/users"] = before  # as it was when its tag was known
    project.sync()
    assert names(project) == titles(api, "/users")


def test_a_state_that_comes_back_after_another_was_written_is_written_again(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, _ = run
    project.sync()
    before = dict(api.lists["/users"])
    api.put("/users", "a")
    project.sync()
    api.lists["/users"] = before
    project.sync()
    assert names(project) == titles(api, "/users")


def test_lists_that_share_entities_are_written_every_time(tmp_path: Path, api: Changing) -> None:
    api.put("/admins", "a", "x")
    kinds = [resource("/users"), resource("/admins")]
    with project_for(tmp_path, api, kinds, **PAGED) as (project, _):
        for change in [(), ("a",), ("b",), ()]:
            api.put("/users", *change)
            users, admins = project.sync().kinds
            assert names(project) == titles(api, "/users", "/admins")
    assert (users.not_modified, admins.not_modified) == (2, 1)  # what shares nothing


def test_a_list_that_gives_an_entity_twice_is_read_whole(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, server = run
    twice = Reply([{"id": "a", "name": "another"}], headers={"etag": '"twice"'})

    def answer(request: Received) -> Reply:
        return twice if request.param("page") == "3" else api(request)

    server.handler = answer
    for _ in range(2):
        report = project.sync_kind()
        assert (report.duplicates, report.not_modified) == (1, 0)
        assert names(project)["a"] == "another"


def test_what_the_sink_refused_is_offered_again(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    api.put("/users", "f")
    project.sync()
    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("UPDATE entities SET source = 'another' WHERE identifier = 'f'")
    project.sync()  # everything, for the catalog has one less of this source
    assert [project.sync_kind().not_modified for _ in range(2)] == [3, 3]  # all but the one with f
    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("DELETE FROM entities WHERE source = 'another'")
    project.sync()
    assert names(project) == titles(api, "/users")


def single(tmp_path: Path, *replies: Reply) -> tuple[list[KindReport], list[Received]]:
    """Run once for each answer of a list in one page."""
    left = list(replies)

    def answer(request: Received) -> Reply:
        del request
        return left.pop(0)

    with project_for(tmp_path, Changing(), [resource("/users")]) as (project, server):
        server.handler = answer
        return [project.sync_kind() for _ in range(len(replies)) if left], server.received


def conditions(request: Received) -> set[str]:
    return {name.lower() for name in request.headers if name.lower().startswith("if-")}


ROWS = [{"id": "a", "name": "a"}]
DATE = {"date": "Sun, 13 Sep 2020 12:27:00 GMT"}
OLD = "Sun, 13 Sep 2020 12:20:00 GMT"


@pytest.mark.parametrize(
    ("headers", "name", "value"),
    [
        ({"etag": '"1"'}, "If-None-Match", '"1"'),
        ({"etag": 'W/"1"', "last-modified": OLD, **DATE}, "If-None-Match", 'W/"1"'),
        ({"last-modified": OLD, **DATE}, "If-Modified-Since", OLD),
    ],
)
def test_a_page_is_asked_for_by_what_the_source_names_its_state_with(
    tmp_path: Path, headers: dict[str, str], name: str, value: str
) -> None:
    reports, (_, second) = single(tmp_path, Reply(ROWS, headers=headers), Reply(b"", 304))
    assert second.headers[name] == value
    assert conditions(second) == {name.lower()}
    assert (reports[1].status, reports[1].not_modified) == ("complete", 1)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"etag": '"1"', "vary": "Accept, *"},
        {"etag": '"1"', "cache-control": "private, no-store"},
        {"etag": '"' + "1" * 1000 + '"'},
        {"last-modified": OLD},
        {"last-modified": "yesterday", **DATE},
        {"last-modified": DATE["date"], **DATE},
    ],
)
def test_a_page_is_asked_for_whole_where_nothing_names_its_state_surely(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    _, (_, second) = single(tmp_path, Reply(ROWS, headers=headers), Reply(ROWS))
    assert conditions(second) == set()


def test_not_modified_is_an_error_where_nobody_has_asked(tmp_path: Path) -> None:
    [report], _ = single(tmp_path, Reply(b"", 304))
    assert (report.status, dict(report.stop_reasons)) == ("incomplete", {"request_failed": 1})
    assert "304" in report.errors[0].message


def test_not_modified_about_another_state_is_not_believed(tmp_path: Path) -> None:
    replies = [Reply(ROWS, headers={"etag": '"1"'}), Reply(b"", 304, {"etag": '"2"'}), Reply([*ROWS, {"id": "b"}])]
    reports, received = single(tmp_path, *replies)
    assert (reports[1].not_modified, reports[1].created) == (0, 1)
    assert "If-None-Match" not in received[2].headers


def test_a_page_with_an_error_is_read_whole(tmp_path: Path) -> None:
    broken = Reply([{"id": "a", "name": "a"}, 7], headers={"etag": '"1"'})
    _, (_, second) = single(tmp_path, broken, Reply(ROWS))
    assert "If-None-Match" not in second.headers


def test_nothing_that_holds_a_secret_is_remembered(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        del request
        return Reply(ROWS, headers={"etag": '"s3cret-t0ken-12345"'})

    with project_for(tmp_path, Changing(), [resource("/users")]) as (project, server):
        project.config["connection"] |= {"authType": "bearer_token", "apiToken": "s3cret-t0ken-12345"}
        server.handler = answer
        project.sync()
    assert b"s3cret-t0ken" not in b"".join(path.read_bytes() for path in tmp_path.rglob("test.db*"))
    assert journal(project, "SELECT count(*) FROM validators") == [(0,)]


def test_what_is_asked_for_changes_is_read_whole_when_it_is_read_whole(tmp_path: Path, api: Changing) -> None:
    api.size = 0
    with project_for(tmp_path, api, [incremental(fullEvery="2 runs")]) as (project, server):
        for _ in range(4):
            project.sync()
        assert not any("If-None-Match" in request.headers for request in server.received)


def test_a_shorter_list_is_forgotten_as_far_as_it_is_gone(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    project.sync()
    api.remove("/users", "c", "d", "e")
    project.sync()
    assert journal(project, "SELECT page FROM validators") == [(0,), (1,)]
