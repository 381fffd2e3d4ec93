"""Disks that are full or cannot be written to, where the journal, the answers or the catalog are: a real small one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from penstock.errors import PenstockError
from support.commands import penstock
from support.project import USER, Project, user
from support.server import Received, routes, serve

SIZE = 200
USERS = 1200
DISK = 2048
"""KiB."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, of ``DISK`` KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}k", "penstock-test", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def users() -> list[int]:
    return list(range(USERS))


@pytest.fixture
def url(users: list[int]) -> Iterator[str]:
    def answer(request: Received) -> object:
        page = int(request.param("page")) - 1
        return {"users": [user(number) for number in users[page * SIZE : (page + 1) * SIZE]]}

    with serve(routes({"/users": answer})) as api:
        yield api.url


def project_on(disk: Path, folder: Path, url: str, what: str) -> Project:
    """A project with its catalog, its state, or both on the disk."""
    project = Project(folder, url, [USER], paginationType="page", pageSize=SIZE)
    project.config["deleteAfterAbsentRuns"] = 1
    if what in {"catalog", "both"}:
        project.catalog = disk / "catalog.db"
        project.config["sink"]["path"] = str(project.catalog)
    if what in {"state", "both"}:
        project.config["stateDir"] = str(disk / "state")
    return project


def free(disk: Path) -> int:
    """Return the KiB that are left."""
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize // 1024


def change(users: list[int]) -> set[str]:
    """Lose some users, get others; return who was there before and still is."""
    stays = {str(number) for number in users[100:]}
    del users[:100]
    users.extend(range(5000, 5900))
    return stays


WHERE = ["catalog", "state", "both"]


@pytest.mark.parametrize("what", WHERE)
def test_a_full_disk_costs_nothing_that_exists(
    tmp_path: Path, disk: Path, url: str, users: list[int], what: str
) -> None:
    project = project_on(disk, tmp_path, url, what)
    assert project.sync().exit_code == 0
    stays = change(users)
    stopped: list[str] = []
    for left in (0, 16, 48, 96, 160, 240):
        filler = disk / "filler"
        filler.write_bytes(bytes(max(free(disk) - left, 0) * 1024))
        try:
            project.sync()
        except PenstockError as error:
            stopped.append(str(error))
        filler.unlink()
        assert stays <= project.identifiers()
    assert stopped
    assert all("full" in message or "No space left" in message for message in stopped), stopped
    for _ in range(2):
        assert project.sync().exit_code == 0
    assert project.identifiers() == {str(number) for number in users}


@pytest.mark.parametrize("what", WHERE)
def test_a_read_only_disk_is_named_and_costs_nothing(
    tmp_path: Path, disk: Path, url: str, users: list[int], what: str
) -> None:
    project = project_on(disk, tmp_path, url, what)
    assert project.sync().exit_code == 0
    stays = change(users)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(PenstockError, match=r"may this user read and write it|read-only") as raised:
        project.sync()
    assert str(disk) in str(raised.value)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert stays <= project.identifiers()
    for _ in range(2):
        assert project.sync().exit_code == 0
    assert project.identifiers() == {str(number) for number in users}


def test_a_disk_that_fills_up_and_a_kill_leave_files_that_can_be_read(
    tmp_path: Path, disk: Path, url: str, users: list[int]
) -> None:
    project = project_on(disk, tmp_path, url, "both")
    (disk / "filler").write_bytes(bytes((free(disk) - 200) * 1024))
    with pytest.raises(PenstockError):
        project.sync()
    (disk / "filler").unlink()
    for file in disk.rglob("*.db"):
        with closing(connect(file)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert project.sync().exit_code == 0
    assert project.identifiers() == {str(number) for number in users}


LOOKS = [
    ["entities", "--format", "jsonl"],
    ["runs", "list"],
    ["runs", "show", "last"],
    ["holds", "list"],
    ["holds", "show", "--format", "json"],
    ["explain", "user", "7", "--offline"],
]


@pytest.mark.parametrize("log", ["no log", "an empty log", "a log of somebody who writes"])
def test_what_is_on_a_read_only_disk_can_be_looked_at(tmp_path: Path, disk: Path, url: str, log: str) -> None:
    project = project_on(tmp_path, tmp_path, url, "both")
    assert project.sync().exit_code == 0
    state = tmp_path / "state" / "test.db"
    with closing(connect(project.catalog)) as catalog, closing(connect(state)) as journal:
        for db, change in (
            (catalog, "UPDATE entities SET title = 'Changed' WHERE identifier = '7'"),
            (journal, "UPDATE runs SET status = 'interrupted'"),
        ):
            if log == "a log of somebody who writes":
                db.execute(change)
                db.commit()
        shutil.copytree(tmp_path / "state", disk / "state")
        for file in tmp_path.glob("catalog.db*"):
            shutil.copy(file, disk)
    if log == "an empty log":
        (disk / "catalog.db-wal").touch()
        (disk / "state" / "test.db-wal").touch()
    project.config["stateDir"] = "state"
    project.config["sink"]["path"] = "catalog.db"
    (disk / "penstock.yml").write_text(json.dumps(project.config))

    before = {file.name: file.read_bytes() for file in disk.rglob("*.db*")}
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    seen = [penstock(*look, folder=disk) for look in LOOKS]
    refused = penstock("sync", folder=disk)

    assert [ran.code for ran in seen] == [0] * len(LOOKS), [ran.err for ran in seen]
    assert len(seen[0].lines()) == USERS
    assert ("Changed" in seen[0].out, "interrupted" in seen[1].out) == (log == "a log of somebody who writes",) * 2
    assert (refused.code, refused.out) == (1, "")
    assert before == {file.name: file.read_bytes() for file in disk.rglob("*.db*")}


def test_a_catalog_that_a_sync_cannot_write_to_is_called_read_only(tmp_path: Path, disk: Path, url: str) -> None:
    project = project_on(disk, tmp_path, url, "catalog")
    assert project.sync().exit_code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(PenstockError, match=r"catalog\.db: cannot write to the catalog: it is read-only"):
        project.sync()
