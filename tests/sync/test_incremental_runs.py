"""Asking for less together with everything else that a run may be: planned, applied, killed and taken up."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.journal import Journal
from support.changing import Changing, incremental, names, project_for, titles
from support.commands import penstock, start, write_config
from support.imports import modules_of
from support.planning import apply, plan
from support.project import Project, resource
from support.server import ApiServer, Received, Reply

FORMAT_2 = Path(__file__).parent / "journal-format-2.sql"
"""What a run before this one has left, as SQL."""
PAGED = {"paginationType": "page", "pageSize": 100, "prefetchPages": 1}


@pytest.fixture
def api() -> Changing:
    found = Changing(etags=True)
    found.put("/users", "a", "b", "c")
    found.put("/rooms", "r", "s", "t")
    return found


@pytest.fixture
def run(tmp_path: Path, api: Changing) -> Iterator[tuple[Project, ApiServer]]:
    with project_for(tmp_path, api, [incremental(), resource("/rooms", blueprint="room")]) as found:
        found[0].config["entityDeletionThreshold"] = 1
        yield found


def test_a_plan_asks_for_as_little_as_the_sync_and_says_so(run: tuple[Project, ApiServer], api: Changing) -> None:
    project, server = run
    project.sync()
    api.remove("/users", "a")
    api.put("/users", "d")
    server.received.clear()
    planned = plan(project)
    assert [(change.action, change.identifier) for change in planned.changes] == [("create", "d")]
    assert [(kind.extent, kind.not_modified) for kind in planned.report.kinds] == [("changes", 0), ("full", 1)]
    report = project.sync()
    assert [(kind.extent, kind.created, kind.not_modified) for kind in report.kinds] == [
        ("changes", 1, 0),
        ("full", 0, 1),
    ]
    assert server.targets()[:2] == server.targets()[2:]


def test_a_plan_of_everything_shows_what_is_gone_and_is_applied_as_such(
    run: tuple[Project, ApiServer], api: Changing, tmp_path: Path
) -> None:
    project, server = run
    write_config(tmp_path, project.config)
    project.sync()
    api.remove("/users", "a")
    api.remove("/rooms", "r")
    ran = penstock("plan", "--out", "changes.jsonl", folder=tmp_path)
    assert "- room/r" in ran.out
    assert "- user/a" not in ran.out
    assert "1 of 2 kinds asked for changes only, so that deletions wait" in ran.out
    ran = penstock("plan", "--full", "--out", "full.jsonl", folder=tmp_path)
    assert "- user/a" in ran.out
    server.received.clear()
    assert penstock("apply", "full.jsonl", folder=tmp_path).code == 0
    assert not any("since" in target for target in server.targets())
    assert (set(names(project)), set(names(project, "room"))) == ({"b", "c"}, {"s", "t"})


def test_after_a_plan_was_applied_the_next_run_asks_from_there(
    run: tuple[Project, ApiServer], api: Changing, tmp_path: Path
) -> None:
    project, server = run
    project.sync()
    api.put("/users", "d")
    api.put("/rooms", "s")
    plan(project, out=tmp_path / "plan.jsonl")
    assert apply(project, tmp_path / "plan.jsonl").report.exit_code == 0
    server.received.clear()
    report = project.sync()
    assert [(kind.fetched, kind.not_modified) for kind in report.kinds] == [(1, 0), (0, 1)]
    assert (names(project), names(project, "room")) == (titles(api, "/users"), titles(api, "/rooms"))


def test_a_plan_that_is_cut_short_while_it_is_applied_costs_nothing(
    run: tuple[Project, ApiServer], api: Changing, tmp_path: Path
) -> None:
    project, _ = run
    project.sync()
    before = dict(api.lists["/rooms"])
    api.put("/rooms", "s")
    api.remove("/rooms", "t")
    plan(project, out=tmp_path / "plan.jsonl")
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db, db:
        db.execute("CREATE TRIGGER dies BEFORE DELETE ON partitions BEGIN SELECT RAISE(ABORT, 'as if killed'); END")
    with pytest.raises(Exception, match="as if killed"):
        apply(project, tmp_path / "plan.jsonl")
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db, db:
        db.execute("DROP TRIGGER dies")
    api.lists["/rooms"] = before
    project.sync()
    assert names(project, "room") == titles(api, "/rooms")


def test_full_is_an_option_of_the_command(run: tuple[Project, ApiServer], api: Changing, tmp_path: Path) -> None:
    project, server = run
    write_config(tmp_path, project.config)
    project.sync()
    api.remove("/users", "a")
    ran = penstock("sync", folder=tmp_path)
    assert "changes only: /users; what is gone there goes when everything is read again (--full)" in ran.err
    assert "a" in names(project)
    ran = penstock("sync", "--full", folder=tmp_path)
    assert ran.code == 0
    assert "a" not in names(project)
    assert not any("If-None-Match" in request.headers or "since" in request.target for request in server.received[-2:])


def kill(project: Project, server: ApiServer, api: Changing, fatal: int) -> None:
    """Kill a run while its n-th request is answered."""
    victims: list[subprocess.Popen[str]] = []
    first = len(server.received)

    def answer(request: Received) -> Reply:
        if len(server.received) - first == fatal:
            victims[0].kill()
        return api(request)

    server.handler = answer
    write_config(project.folder, project.config)
    victims.append(start("sync", "--quiet", folder=project.folder))
    victims[0].communicate(timeout=60)
    server.handler = api


@pytest.mark.parametrize("fatal", [1, 3, 4])
def test_an_incremental_run_goes_on_where_it_was_with_the_moment_that_it_began_with(tmp_path: Path, fatal: int) -> None:
    api = Changing(size=100)
    api.put("/users", *(f"u{number:03}" for number in range(400)))
    with project_for(tmp_path, api, [incremental(fullEvery="5 runs")], **PAGED) as (project, server):
        for _ in range(2):  # rows may move, so the second read proves it
            assert project.sync_kind().extent == "full"
        for name in list(api.lists["/users"])[:300]:
            api.put("/users", name)
        kill(project, server, api, fatal)
        report = project.sync()
        [kind] = report.kinds
        assert (report.resumed, report.exit_code, kind.extent, kind.deleted) == (True, 0, "changes", 0)
        asked = server.targets()[10:]
        assert len({target.split("since=")[1].split("&")[0] for target in asked}) == 1
        assert len(asked) == len(set(asked)) + 1
        api.put("/users", "u007", "u399")
        for _ in range(2):
            assert project.sync_kind().extent == "changes"
        assert names(project) == titles(api, "/users")


def test_a_full_run_that_was_killed_deletes_what_is_gone_and_nothing_else(tmp_path: Path) -> None:
    api = Changing(size=100)
    api.put("/users", *(f"u{number:03}" for number in range(400)))
    with project_for(tmp_path, api, [incremental(fullEvery="1 runs")], **PAGED) as (project, server):
        for _ in range(2):
            project.sync()
        api.remove("/users", "u000", "u399")
        kill(project, server, api, 3)
        assert project.sync().resumed
        assert project.sync_kind().status == "complete"
        assert names(project) == titles(api, "/users")


def test_pages_that_are_the_same_are_not_asked_for_again(tmp_path: Path) -> None:
    api = Changing(etags=True, size=100)
    api.put("/users", *(f"u{number:03}" for number in range(400)))
    with project_for(tmp_path, api, [resource("/users")], **PAGED) as (project, server):
        project.sync()
        server.received.clear()
        kill(project, server, api, 4)
        report = project.sync()
        assert (report.resumed, report.exit_code) == (True, 0)
        assert len(server.received) <= 5 + 1
        assert names(project) == titles(api, "/users")
        assert project.sync_kind().not_modified == 5


def test_a_journal_of_an_earlier_format_is_taken_over_with_all_it_knows(
    run: tuple[Project, ApiServer], api: Changing
) -> None:
    project, _ = run
    project.sync()
    path = project.folder / ".penstock" / "test.db"
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FORMAT_2.read_text())
    api.remove("/users", "a")
    report = project.sync()
    assert [(kind.full_because, kind.deleted) for kind in report.kinds] == [("first", 1), (None, 0)]
    api.put("/users", "d")
    report = project.sync()
    assert [(kind.extent, kind.not_modified) for kind in report.kinds] == [("changes", 0), ("full", 1)]
    with Journal(path.parent, "test") as journal:
        assert [each.number for each in journal.runs.all()] == [1, 2, 3]


def test_a_sync_without_either_imports_nothing_of_it(tmp_path: Path) -> None:
    api = Changing()
    api.put("/users", "a")
    with project_for(tmp_path, api, [resource("/users")]) as (project, _):
        write_config(tmp_path, project.config)
        modules = modules_of(
            f"import os; os.chdir({str(tmp_path)!r})\n"
            "from penstock.cli import main\n"
            "import sys\nsys.argv = ['penstock', 'sync', '--quiet']\n"
            "try: main()\nexcept SystemExit: pass"
        )
    assert "penstock.sync.kind" in modules
    spared = {
        "sync.extent",
        "sync.changes",
        "sync.change_times",
        "sync.unchanged",
        "journal.extents",
        "journal.validators",
    }
    assert modules & {f"penstock.{name}" for name in spared} == set()
