"""Two runs of one source never write at the same time, however they were started, stopped or suspended."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.errors import AlreadyRunningError, LeaseLostError
from penstock.journal import Journal
from penstock.journal.lease import Lease
from support.commands import penstock, start, write_config
from support.project import USER, Project, user
from support.server import Received, routes, serve


class Gate:
    """An API whose first request is not answered before ``go_on`` is set."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.users = [user(1)]

    def __call__(self, _: Received) -> object:
        users = self.users
        if not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(20)
        return {"users": users}


def expire(project: Project) -> None:
    """Let the lease look as if its holder had not been heard of for long."""
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db", isolation_level=None)) as db:
        db.execute("UPDATE lease SET until = 0")


def test_a_second_run_of_a_source_ends_with_75_and_does_not_wait(tmp_path: Path) -> None:
    gate = Gate()
    with serve(routes({"/users": gate})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.settings()
        first = threading.Thread(target=project.sync)
        first.start()
        assert gate.reached.wait(20)
        second = penstock("sync", folder=tmp_path)
        gate.go_on.set()
        first.join()
    assert second.code == 75
    assert 'another run of the source "test" is under way' in second.err


def test_told_to_wait_a_second_run_begins_when_the_first_has_ended(tmp_path: Path) -> None:
    gate = Gate()
    with serve(routes({"/users": gate})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.settings()
        first = threading.Thread(target=project.sync)
        first.start()
        assert gate.reached.wait(20)
        second = start("sync", "--wait", folder=tmp_path)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(2)
        gate.go_on.set()
        first.join()
        second.communicate(timeout=30)
    assert second.returncode == 0
    assert len(api.received) == 2


def test_a_suspended_run_that_was_overtaken_writes_nothing_when_it_wakes_up(tmp_path: Path) -> None:
    gate = Gate()
    with serve(routes({"/users": gate})) as api:
        project = Project(tmp_path, api.url, [USER], maxRetries=0)
        project.config["sink"]["path"] = "catalog.db"
        write_config(tmp_path, project.config)
        asleep = start("sync", "--quiet", folder=tmp_path)
        assert gate.reached.wait(20)
        os.kill(asleep.pid, signal.SIGSTOP)
        busy = penstock("sync", folder=tmp_path)
        expire(project)
        gate.users = [user(1), user(2)]
        overtaking = penstock("sync", folder=tmp_path)
        os.kill(asleep.pid, signal.SIGCONT)
        gate.go_on.set()
        _, words = asleep.communicate(timeout=30)
    assert (busy.code, overtaking.code, asleep.returncode) == (75, 0, 75)
    assert "took over" in words
    assert project.identifiers() == {"1", "2"}


def test_with_another_state_folder_the_later_run_keeps_the_earlier_one_from_writing(tmp_path: Path) -> None:
    gate = Gate()
    with serve(routes({"/users": gate})) as api:
        project = Project(tmp_path, api.url, [USER])
        write_config(tmp_path, project.config)
        first = start("sync", "--quiet", folder=tmp_path)
        assert gate.reached.wait(20)
        gate.users = [user(1), user(2)]
        project.config["stateDir"] = str(tmp_path / "elsewhere")
        project.sync()
        gate.go_on.set()
        first.communicate(timeout=30)
    assert first.returncode == 75
    assert project.identifiers() == {"1", "2"}


def test_a_run_that_was_killed_keeps_nobody_waiting(tmp_path: Path) -> None:
    gate = Gate()
    with serve(routes({"/users": gate})) as api:
        project = Project(tmp_path, api.url, [USER])
        write_config(tmp_path, project.config)
        killed = start("sync", folder=tmp_path)
        assert gate.reached.wait(20)
        killed.kill()
        killed.communicate()
        gate.go_on.set()
        assert penstock("sync", "--quiet", folder=tmp_path).code == 0
    assert [path.name for path in (tmp_path / ".penstock").glob("*.lock")] == []


def test_runs_of_different_sources_do_not_know_each_other(tmp_path: Path) -> None:
    with Journal(tmp_path, "one") as one, Journal(tmp_path, "two") as two:
        assert one.path != two.path
        with pytest.raises(AlreadyRunningError), Journal(tmp_path, "one"):
            pass
    with Journal(tmp_path, "one") as again:
        assert again.path == one.path


def test_whoever_lost_the_lease_can_write_to_the_journal_no_more(tmp_path: Path) -> None:
    with Journal(tmp_path, "one") as journal:
        run = journal.runs.start("r", datetime.now(UTC))
        partition = journal.partition("/a", {})
        with closing(sqlite3.connect(journal.path, isolation_level=None)) as db:
            db.execute("UPDATE lease SET until = 0")
        later = Lease.take(journal.file, "one")
        with pytest.raises(LeaseLostError, match="took over"):
            journal.see(run, {(partition, 0): [("user", "ada")]})
        with pytest.raises(LeaseLostError, match="took over"):
            journal.forget_unseen(run, [partition])
        assert list(journal.sightings()) == []
        later.release()
