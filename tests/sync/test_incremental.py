"""Asking for what has changed only: what that is, what it can never do, and when everything is read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.sync.report import KindReport
from support.changing import START, Changing, incremental, names, project_for, titles
from support.project import Project, resource
from support.server import ApiServer, Received, Reply


@pytest.fixture
def api() -> Changing:
    found = Changing()
    found.put("/users", "a", "b", "c")
    return found


@pytest.fixture
def run(tmp_path: Path, api: Changing) -> Iterator[tuple[Project, ApiServer]]:
    with project_for(tmp_path, api, [incremental()]) as found:
        yield found


def marks(project: Project) -> list[int]:
    """The seconds after ``START`` of every mark in the journal."""
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db:
        rows = db.execute("SELECT mark FROM marks WHERE mark IS NOT NULL ORDER BY partition").fetchall()
    return [mark // 1_000_000 - START for (mark,) in rows]


def how(report: KindReport) -> tuple[str, str | None, int, int]:
    return report.extent, report.full_because, report.fetched, report.deleted


def test_the_first_run_reads_everything_and_the_next_ones_what_has_changed(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, server = run
    assert how(project.sync_kind()) == ("full", "first", 3, 0)
    api.put("/users", "b", "d")
    assert how(project.sync_kind()) == ("changes", None, 3, 0)
    assert names(project) == titles(api, "/users")
    assert server.targets() == ["/users", "/users?since=2020-09-13T12:26:43Z"]
    assert marks(project) == [5]


def test_an_incremental_run_deletes_nothing_and_the_next_full_one_does(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, _ = run
    project.config["entityDeletionThreshold"] = 1
    project.sync()
    api.remove("/users", "a", "b")
    for _ in range(3):
        report = project.sync_kind()
        assert (report.deleted, report.missing, report.held) == (0, 0, 0)
    assert set(names(project)) == {"a", "b", "c"}
    project.config["resources"] = [incremental(fullEvery="2 runs")]
    assert how(project.sync_kind()) == ("full", "changed", 1, 2)
    assert set(names(project)) == {"c"}


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("1 runs", ["full", "full", "full", "full"]),
        ("2 runs", ["full", "changes", "full", "changes"]),
        ("3 runs", ["full", "changes", "changes", "full"]),
        ("1d", ["full", "changes", "changes", "changes"]),
    ],
)
def test_everything_is_read_as_often_as_it_says(tmp_path: Path, api: Changing, every: str, expected: list[str]) -> None:
    with project_for(tmp_path, api, [incremental(fullEvery=every)]) as (project, _):
        assert [project.sync_kind().extent for _ in expected] == expected


def test_a_full_read_is_due_after_a_duration_or_when_the_clock_was_put_back(
    run: tuple[Project, ApiServer],
) -> None:
    project, _ = run
    for moment, expected in [("2020-01-01T00:00:00+00:00", "due"), ("2999-01-01T00:00:00+00:00", "due")]:
        project.sync()
        with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db, db:
            db.execute("UPDATE extents SET full_at = ?", (moment,))
        assert project.sync_kind().full_because == expected
    assert marks(project) == [3]


def edited(**change: object) -> list[dict[str, Any]]:
    [one] = [incremental()]
    one["port"]["entity"]["mappings"] |= change
    return [one]


@pytest.mark.parametrize(
    "change",
    [
        {"resources": edited(title=".id")},
        {"resources": [incremental(selector={"query": '.id != "x"'})]},
        {"resources": [incremental(lookback="1s")]},
        {"enableMergeEntity": False},
        {"connection": {"customHeaders": {"x-tenant": "2"}}},
        {"connection": {"paginationType": "page"}},
    ],
)
def test_what_decides_about_entities_has_everything_read_once_it_is_changed(
    run: tuple[Project, ApiServer], change: dict[str, Any]
) -> None:
    project, _ = run
    project.sync()
    project.config["connection"] |= change.pop("connection", {})
    project.config |= change
    assert project.sync_kind().full_because == "changed"


@pytest.mark.parametrize("loss", ["DELETE FROM entities", "DELETE FROM entities WHERE identifier = 'a'", None])
def test_a_catalog_that_has_lost_entities_gets_everything(
    run: tuple[Project, ApiServer], api: Changing, loss: str | None
) -> None:
    project, _ = run
    project.sync()
    if loss is None:
        project.catalog.unlink()
    else:
        with closing(sqlite3.connect(project.catalog)) as db, db:
            db.execute(loss)
    assert project.sync_kind().full_because == "catalog"
    assert names(project) == titles(api, "/users")


def test_another_catalog_gets_everything(run: tuple[Project, ApiServer], api: Changing, tmp_path: Path) -> None:
    project, _ = run
    project.sync()
    project.catalog = tmp_path / "other.db"
    project.config["sink"]["path"] = str(project.catalog)
    assert project.sync_kind().extent == "full"
    assert names(project) == titles(api, "/users")


def test_a_journal_that_is_lost_costs_a_full_read(run: tuple[Project, ApiServer]) -> None:
    project, _ = run
    project.sync()
    for file in (project.folder / ".penstock").glob("test.db*"):
        file.unlink()
    assert project.sync_kind().full_because == "first"


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        ("2020-09-13T12:26:50Z", 10),
        ("2020-09-13T14:26:50+02:00", 10),
        ("2020-09-13T12:26:50.999999999", 10),
        ("20200913T122650Z", 10),
        (None, 3),
        ("yesterday", 3),
        (1_600_000_010, 3),
        ("1600000010", 3),
        (True, 3),
        ({"at": "2020-09-13T12:26:50Z"}, 3),
        ("2099-01-01T00:00:00Z", 3),
        ("9999-12-31T23:59:59-14:00", 3),
        ("0001-01-01T00:00:00Z", 3),
        ("2020-09-13", 3),
    ],
)
def test_a_record_is_delivered_whatever_its_time_and_only_a_sound_one_moves_the_mark(
    run: tuple[Project, ApiServer], api: Changing, value: object, mark: int
) -> None:
    project, _ = run
    api.clock += 20
    api.lists["/users"]["x"] = {"id": "x", "name": "X", "at": value}
    api.headers["date"] = "Sun, 13 Sep 2020 12:27:00 GMT"
    report = project.sync_kind()
    assert (report.status, report.created) == ("complete", 4)
    assert marks(project) == [mark]
    noted = [message for message in report.warnings if "incremental.field" in message.message]
    assert bool(noted) == (mark == 3 and value != "2020-09-13")


@pytest.mark.parametrize(
    ("fmt", "values", "asked"),
    [
        ("epoch", [START, START + 5.75], str(START + 5)),
        ("epoch", [str(START), "1600000005.75"], str(START + 5)),
        ("epoch_ms", [START * 1000, START * 1000 + 5750], str(START * 1000 + 5750)),
        ("epoch", ["2020-09-13T12:26:45Z"], str(START + 5)),
        ("%Y/%m/%d %H:%M", ["2020-09-13T12:26:45Z"], "2020/09/13 12:26"),
        ("%Y/%m/%d %H:%M", ["2020/09/13 12:26"], "2020/09/13 12:26"),
        ("%d.%m.%Y", ["13.09.2020"], "13.09.2020"),
        ("iso8601", ["2020-09-13T12:26:45.75Z"], "2020-09-13T12:26:45Z"),
    ],
)
def test_moments_are_read_and_written_in_the_format(tmp_path: Path, fmt: str, values: list[object], asked: str) -> None:
    seen: list[str] = []

    def answer(request: Received) -> Reply:
        seen.append(request.param("since"))
        return Reply([{"id": str(number), "name": "", "at": value} for number, value in enumerate(values)])

    with project_for(tmp_path, Changing(), [incremental(format=fmt)]) as (project, server):
        server.handler = answer
        project.sync()
        project.sync()
    assert seen == ["", asked]


def test_times_without_an_offset_are_of_the_zone_and_patterns_are_written_in_it(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(request: Received) -> Reply:
        seen.append(request.param("since"))
        return Reply(
            [{"id": "a", "name": "", "at": "2020-09-13T20:26:45"}], headers={"date": "Sun, 13 Sep 2020 18:30:00 GMT"}
        )

    zoned = incremental(format="%Y-%m-%dT%H:%M:%S", timezone="Europe/Oslo", lookback="1h")
    with project_for(tmp_path, Changing(), [zoned]) as (project, server):
        server.handler = answer
        assert project.sync_kind().warnings == []
        project.sync()
    assert seen == ["", "2020-09-13T19:26:45"]


def test_the_moment_goes_where_the_request_expression_puts_it(tmp_path: Path, api: Changing) -> None:
    place = incremental(
        param=None,
        request='{params: {q: "updated >= \\"\\(.)\\""}, body: {filter: {after: .}}, headers: {"x-since": .}}',
        selector={"method": "POST", "body": {"filter": {}, "sort": "id"}},
    )
    del place["selector"]["incremental"]["param"]
    with project_for(tmp_path, api, [place]) as (project, server):
        project.sync()
        project.sync()
        first, second = server.received
    assert (first.query, first.body) == ({}, b'{"filter":{},"sort":"id"}')
    assert second.param("q") == 'updated >= "2020-09-13T12:26:43Z"'
    assert second.body == b'{"filter":{"after":"2020-09-13T12:26:43Z"},"sort":"id"}'
    assert second.headers["x-since"] == "2020-09-13T12:26:43Z"


@pytest.mark.parametrize("expression", ["{since: .}", ".", "{params: 1}", "{headers: {a: 1}}", "error"])
def test_a_request_expression_that_gives_no_request_ends_the_read(
    tmp_path: Path, api: Changing, expression: str
) -> None:
    wrong = incremental(request=expression)
    del wrong["selector"]["incremental"]["param"]
    with project_for(tmp_path, api, [wrong]) as (project, server):
        project.sync()
        report = project.sync_kind()
        assert (report.status, dict(report.stop_reasons), len(server.received)) == (
            "incomplete",
            {"expression_failed": 1},
            1,
        )
        assert "incremental.request" in report.errors[0].message


def test_the_mark_stays_where_it_was_when_the_read_fails_or_a_record_cannot_be_judged(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, server = run
    project.config["resources"] = [incremental(selector={"query": '.name | startswith("")'})]
    project.sync()
    api.put("/users", "d")
    api.broken.add("/users")
    project.sync()
    assert marks(project) == [3]
    api.broken.clear()
    api.put("/users", "e", name=7)
    assert project.sync_kind().status == "incomplete"
    assert marks(project) == [3]
    api.put("/users", "e")
    assert project.sync_kind().status == "complete"
    assert marks(project) == [6]
    assert names(project) == titles(api, "/users")
    assert len({target for target in server.targets() if "since" in target}) == 1


def test_the_mark_does_not_pass_what_the_sink_has_refused(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    project.sync()
    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("INSERT INTO entities VALUES ('another', '/x', 'user', 'd', '', '', '', '{}', '{}', '', '')")
    api.put("/users", "d")
    api.put("/users", "e")
    report = project.sync_kind()
    assert (report.extent, report.refused, report.created) == ("changes", 1, 1)
    assert marks(project) == [3]
    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("DELETE FROM entities WHERE source = 'another'")
    assert project.sync_kind().extent == "changes"
    assert names(project) == titles(api, "/users")
    assert marks(project) == [5]


def test_a_mark_never_goes_back_though_the_newest_record_is_gone(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    project.config["resources"] = [incremental(fullEvery="1 runs")]
    project.sync()
    api.remove("/users", "c")
    project.sync()
    assert marks(project) == [3]
    project.config["resources"] = [incremental()]
    project.sync()
    assert marks(project) == [2]  # another mapping begins anew


@pytest.fixture
def paged() -> Changing:
    """A list of three pages."""
    found = Changing(size=2)
    found.put("/users", "a", "b", "c", "d", "e")
    return found


def test_what_changed_after_its_page_was_read_comes_with_the_next_run(tmp_path: Path, paged: Changing) -> None:
    with project_for(tmp_path, paged, [incremental()], paginationType="page", pageSize=2, prefetchPages=1) as found:
        project, server = found

        def change_meanwhile(request: Received) -> Reply:
            if request.param("page") == "3" and not request.param("since"):
                paged.put("/users", "a", "e")
            return paged(request)

        server.handler = change_meanwhile
        project.sync()
        server.handler = paged
        reports = [project.sync_kind() for _ in range(3)]
    assert [report.extent for report in reports] == ["full", "changes", "changes"]
    assert names(project) == titles(paged, "/users")


@pytest.mark.parametrize(
    ("written", "mark", "extents"),
    [
        ("after=p", [4], ["full", "changes", "changes"]),  # not 7, which page 3 has shown
        ("page=", [], ["full", "full", "changes"]),  # rows may have moved across the edges of counted pages
    ],
)
def test_links_need_one_read_where_the_source_tells_the_time_unless_they_count_pages(
    tmp_path: Path, paged: Changing, written: str, mark: list[int], extents: list[str]
) -> None:
    def linked(request: Received) -> Reply:
        request = replace(request, target=request.target.replace(written, "page="))
        reply = paged(request)
        rows = reply.body
        page = int(request.param("page", "1"))
        if page == 2 and not request.param("since"):
            paged.put("/users", "a", "e")
        following = f"/users?{written}{page + 1}&since={request.param('since')}" if rows else None
        return Reply({"rows": rows, "next": following}, headers=reply.headers)

    place = incremental(selector={"data_path": ".rows"})
    with project_for(tmp_path, paged, [place], paginationType="next_link", nextLinkPath="next") as (project, server):
        server.handler = linked
        first = project.sync_kind().extent
        assert marks(project) == mark
        assert [first, *(project.sync_kind().extent for _ in extents[1:])] == extents
    assert names(project) == titles(paged, "/users")


MEMBERS = incremental(
    "/teams/{team}/members",
    blueprint="member",
    selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}},
)


class TestChildren:
    """Children of parents: each has a mark of its own, and none vanishes because nobody has asked for it."""

    @pytest.fixture
    def api(self) -> Changing:
        found = Changing()
        found.put("/teams", "t1", "t2")
        found.put("/teams/t1/members", "a", "b")
        found.put("/teams/t2/members", "c")
        return found

    @pytest.fixture
    def project(self, tmp_path: Path, api: Changing) -> Iterator[Project]:
        teams = incremental("/teams", blueprint="team", fullEvery="4 runs")
        with project_for(tmp_path, api, [teams, MEMBERS]) as (project, _):
            yield project

    def test_parents_that_have_not_changed_still_have_their_children(self, project: Project, api: Changing) -> None:
        project.sync()
        api.put("/teams/t2/members", "d")
        teams, members = project.sync().kinds
        assert (teams.fetched, members.fetched, members.extent) == (1, 3, "changes")
        assert names(project, "member") == titles(api, "/teams/t1/members", "/teams/t2/members")
        assert marks(project) == [2, 4, 6]

    def test_a_parent_that_is_gone_takes_its_children_with_the_next_full_run(
        self, project: Project, api: Changing
    ) -> None:
        project.config["entityDeletionThreshold"] = 1
        project.sync()
        api.remove("/teams", "t1")
        assert [kind.deleted for kind in project.sync().kinds] == [0, 0]
        assert set(names(project, "member")) == {"a", "b", "c"}
        assert [kind.deleted for kind in project.sync(anew=True).kinds] == [1, 2]
        api.put("/teams", "t1")  # its members have not changed
        project.sync()
        assert names(project, "member") == titles(api, "/teams/t1/members", "/teams/t2/members")

    def test_a_child_that_fails_keeps_its_mark_and_the_others_go_on(self, project: Project, api: Changing) -> None:
        project.sync()
        api.put("/teams/t1/members", "a")
        api.put("/teams/t2/members", "c")
        api.broken.add("/teams/t1/members")
        assert project.sync().exit_code == 1
        assert marks(project) == [2, 4, 7]
        api.broken.clear()
        project.sync()
        assert names(project, "member") == titles(api, "/teams/t1/members", "/teams/t2/members")

    def test_a_new_child_is_read_whole(self, project: Project, api: Changing) -> None:
        project.sync()
        api.lists["/teams/t3/members"] = {"x": {"id": "x", "name": "old", "at": "2001-01-01T00:00:00Z"}}
        api.put("/teams", "t3")
        _, members = project.sync().kinds
        assert (members.extent, members.deleted) == ("changes", 0)
        assert "x" in names(project, "member")


def test_what_may_be_in_an_incremental_list_is_not_deleted_when_it_leaves_another(
    tmp_path: Path, api: Changing
) -> None:
    api.put("/guests", "g", "h")
    api.put("/rooms", "r", "s")
    kinds = [incremental(), resource("/guests"), resource("/rooms", blueprint="room")]
    with project_for(tmp_path, api, kinds) as (project, _):
        project.config["entityDeletionThreshold"] = 1
        project.sync()
        api.lists["/users"]["g"] = api.lists["/guests"].pop("g")
        api.lists["/users"]["g"]["at"] = "2001-01-01T00:00:00Z"  # moving is no change to this source
        api.remove("/rooms", "r")
        codes = [project.sync().exit_code for _ in range(4)]
        assert set(names(project)) == {"a", "b", "c", "g", "h"}
        assert set(names(project, "room")) == {"s"}, "what nothing incremental can show is deleted as ever"
        assert codes == [0, 0, 0, 0]


def test_resources_of_one_blueprint_are_read_whole_together(tmp_path: Path, api: Changing) -> None:
    api.put("/guests", "g")
    kinds = [incremental(fullEvery="2 runs"), incremental("/guests", fullEvery="100 runs")]
    with project_for(tmp_path, api, kinds) as (project, _):
        seen = [[kind.full_because for kind in project.sync().kinds] for _ in range(3)]
    assert seen == [["first", "first"], [None, None], ["due", "together"]]


def test_an_incomplete_full_read_stays_due(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    api.broken.add("/users")
    assert project.sync_kind().full_because == "first"
    api.broken.clear()
    assert [project.sync_kind().full_because for _ in range(2)] == ["first", None]


def test_a_full_read_that_is_asked_for_begins_anew(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, _ = run
    project.sync()
    api.remove("/users", "c")
    [report] = project.sync(anew=True).kinds
    assert how(report) == ("full", "asked", 2, 1)
    assert marks(project) == [2]
    assert project.sync_kind().extent == "changes"
