"""``penstock runs``: earlier runs and their reports."""

from __future__ import annotations

import threading
from pathlib import Path

from support.commands import config_for, penstock, start, write_config
from support.project import USER, Project, user
from support.server import ApiServer, Received, Reply, routes, serve


class Api:
    """Users; a request waits for ``go_on``."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.status = 200

    def __call__(self, _: Received) -> Reply:
        self.reached.set()
        self.go_on.wait(20)
        return Reply({"users": [user(1), user(2)]}, self.status)


def configured(folder: Path, api: ApiServer) -> Path:
    write_config(folder, config_for(api.url, [USER], maxRetries=0))
    return folder


def test_runs_are_listed_newest_first_and_shown_with_their_reports(tmp_path: Path) -> None:
    api = Api()
    with serve(api) as server:
        folder = configured(tmp_path, server)
        first = penstock("sync", "--report", "-", folder=folder).json()
        api.status = 404
        second = penstock("sync", "--report", "-", folder=folder).json()

    listed = penstock("runs", "list", "--format", "json", folder=folder)
    assert (listed.code, listed.err) == (0, "")
    assert [(run["run"], run["status"], run["created"], run["resumed"]) for run in listed.json()] == [
        (second["run"], "incomplete", 0, False),
        (first["run"], "complete", 2, False),
    ]
    table = penstock("runs", "list", folder=folder).out.splitlines()
    assert [line.split()[0] for line in table[2:]] == [second["run"][:8], first["run"][:8]]

    for name in (first["run"], first["run"][:8]):
        assert penstock("runs", "show", name, "--format", "json", folder=folder).json() == first
    shown = penstock("runs", "show", "last", folder=folder)
    assert shown.out.startswith(f"run {second['run']}: incomplete, started ")
    assert "error: /users: " in shown.out


def test_a_run_that_is_under_way_is_listed_and_not_disturbed(tmp_path: Path) -> None:
    api = Api()
    with serve(api) as server:
        folder = configured(tmp_path, server)
        penstock("sync", folder=folder)
        api.reached.clear()
        api.go_on.clear()
        running = start("sync", "--quiet", folder=folder)
        assert api.reached.wait(20)
        listed = penstock("runs", "list", "--format", "json", folder=folder)
        shown = penstock("runs", "show", "last", folder=folder)
        held = penstock("holds", "list", "--format", "json", folder=folder)
        api.go_on.set()
        running.communicate(timeout=30)
    assert [run["status"] for run in listed.json()] == ["unfinished", "complete"]
    assert (listed.json()[0]["seconds"], listed.json()[0]["fetched"]) == (None, None)
    assert "It has left no report" in shown.out
    assert held.json() == []
    assert running.returncode == 0


def test_a_run_that_was_killed_and_taken_up_is_one_run(tmp_path: Path) -> None:
    api = Api()
    with serve(api) as server:
        folder = configured(tmp_path, server)
        api.go_on.clear()
        running = start("sync", "--quiet", folder=folder)
        assert api.reached.wait(20)
        running.kill()
        running.communicate(timeout=30)
        killed = penstock("runs", "list", "--format", "json", folder=folder).json()
        api.go_on.set()
        penstock("sync", folder=folder)
    [run] = penstock("runs", "list", "--format", "json", folder=folder).json()
    assert [one["status"] for one in killed] == ["unfinished"]
    assert (run["run"], run["status"], run["resumed"]) == (killed[0]["run"], "complete", True)
    assert "yes" in penstock("runs", "list", folder=folder).out


def test_a_run_that_is_not_known_or_one_of_several_is_a_mistake(tmp_path: Path) -> None:
    with serve(routes({"/users": {"users": []}})) as server:
        project = Project(tmp_path, server.url, [USER])
        runs = [project.sync().run for _ in range(2)]
    ran = penstock("runs", "show", "zz", folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == 'ID: there is no run "zz"; `penstock runs list` lists those that are known\n'
    ran = penstock("runs", "show", "", folder=tmp_path)
    assert (ran.code, ran.err) == (2, f'ID: 2 runs begin with "": {", ".join(runs)}\n')


def test_before_the_first_run_that_is_said_and_nothing_is_created(tmp_path: Path) -> None:
    with serve(routes({"/users": {"users": []}})) as server:
        folder = configured(tmp_path, server)
    listed = penstock("runs", "list", "--format", "json", folder=folder)
    assert (listed.code, listed.json()) == (0, [])
    assert listed.err == (
        'there is no run of "test" yet (.penstock/test.db does not exist); `penstock sync` makes one\n'
    )
    shown = penstock("runs", "show", "last", folder=folder)
    assert (shown.code, shown.out) == (1, "")
    assert [path.name for path in folder.iterdir()] == ["penstock.yml"]
