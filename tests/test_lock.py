"""Two runs of one source never work at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from penstock.journal import Journal
from penstock.lock import AlreadyRunningError
from support.commands import penstock
from support.project import USER, Project
from support.server import Received, routes, serve


def test_a_second_run_of_a_source_ends_with_75_and_does_not_wait(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def answer(_: Received) -> object:
        reached.set()
        go_on.wait(20)
        return {"users": []}

    with serve(routes({"/users": answer})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.settings()
        first = threading.Thread(target=project.sync)
        first.start()
        assert reached.wait(20)
        second = penstock("sync", folder=tmp_path)
        go_on.set()
        first.join()
    assert second.code == 75
    assert 'another run of the source "test" is under way' in second.err


def test_runs_of_different_sources_do_not_know_each_other(tmp_path: Path) -> None:
    with Journal(tmp_path, "one") as one, Journal(tmp_path, "two") as two:
        assert one.path != two.path
        with pytest.raises(AlreadyRunningError), Journal(tmp_path, "one"):
            pass
    with Journal(tmp_path, "one") as again:
        assert again.path == one.path
