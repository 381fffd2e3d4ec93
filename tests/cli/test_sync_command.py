from __future__ import annotations

import fcntl
import json
import os
import pty
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from support.commands import config_for, penstock, start, write_config
from support.project import USER, resource, user
from support.server import ApiServer, Received, Reply, routes, serve

TEAM = resource("/teams", blueprint="team")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    users = {"users": [user(number) for number in range(3)]}
    teams = [{"id": "core", "name": "Core"}, {"id": "web", "name": "Web"}]
    with serve(routes({"/users": users, "/teams": teams})) as server:
        yield server


@pytest.fixture
def folder(api: ApiServer, tmp_path: Path) -> Path:
    write_config(tmp_path, config_for(api.url, [USER, TEAM]))
    return tmp_path


def _count(folder: Path, name: str = "catalog.db") -> int:
    db = sqlite3.connect(folder / name)
    try:
        return int(db.execute("SELECT count(*) FROM entities").fetchone()[0])
    finally:
        db.close()


def test_a_complete_run_exits_with_0_and_says_what_is_where(folder: Path) -> None:
    ran = penstock("sync", folder=folder)

    assert (ran.code, ran.out) == (0, "")
    lines = ran.err.splitlines()
    assert lines[-1] == "complete: 5 entities in catalog.db (created 5)"
    assert "/users: reading" in lines
    assert "/users: 1 page, 3 records, 3 created" in lines
    assert _count(folder) == 5


def test_a_second_run_changes_nothing(folder: Path) -> None:
    penstock("sync", folder=folder)

    ran = penstock("sync", folder=folder)

    assert ran.code == 0
    assert ran.err.splitlines()[-1] == "complete: 5 entities in catalog.db (unchanged 5)"


def test_a_terminal_gets_a_bar_per_kind_and_its_cursor_back(folder: Path) -> None:
    master, slave = pty.openpty()
    process = start("sync", folder=folder, stderr=slave)
    os.close(slave)
    said = b""
    with suppress(OSError):  # what Linux says when the other side is closed
        while chunk := os.read(master, 65536):
            said += chunk
    os.close(master)

    out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, "")
    before, after = said.split(b"\x1b[?25h")
    assert before.rpartition(b"\x1b[?25l")[2].count(b"/users") >= 1
    assert b"/users: reading" not in said
    assert after.replace(b"\r", b"").endswith(b"complete: 5 entities in catalog.db (created 5)\n")


def test_quiet_says_nothing(folder: Path) -> None:
    ran = penstock("sync", "--quiet", folder=folder)

    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_only_reads_the_kinds_that_are_named(folder: Path, api: ApiServer) -> None:
    ran = penstock("sync", "--only", "/teams", folder=folder)

    assert ran.code == 0
    assert {request.path for request in api.received} == {"/teams"}
    assert _count(folder) == 2


def test_an_unknown_kind_is_a_mistake_and_nothing_is_fetched(folder: Path, api: ApiServer) -> None:
    ran = penstock("sync", "--only", "/team", "--only", "nothing", folder=folder)

    assert ran.code == 2
    assert ran.err.splitlines() == [
        '--only: the mapping has no kind "/team"; did you mean "/teams"? (kinds: /users, /teams)',
        '--only: the mapping has no kind "nothing" (kinds: /users, /teams)',
    ]
    assert api.received == []


def test_the_report_can_be_had_on_stdout(folder: Path) -> None:
    ran = penstock("sync", "--report", "-", folder=folder)

    report = ran.json()
    assert report["status"] == "complete"
    assert [(kind["kind"], kind["created"], kind["requests"]) for kind in report["kinds"]] == [
        ("/users", 3, 1),
        ("/teams", 2, 1),
    ]
    assert ran.err.splitlines()[-1].startswith("complete: ")


def test_the_report_can_be_a_file_which_is_replaced_whole(folder: Path) -> None:
    (folder / "report.json").write_text("x" * 100_000)

    ran = penstock("sync", "--report", "report.json", folder=folder)

    assert (ran.code, ran.out) == (0, "")
    assert json.loads((folder / "report.json").read_bytes())["status"] == "complete"
    assert sorted(path.name for path in folder.iterdir() if "report" in path.name) == ["report.json"]


@pytest.mark.parametrize(
    ("target", "message"),
    [("no/report.json", "the folder no does not exist"), (".", ". is a folder; name a file, or - for stdout")],
)
def test_a_report_that_cannot_be_written_is_found_before_anything_is_fetched(
    folder: Path, api: ApiServer, target: str, message: str
) -> None:
    ran = penstock("sync", "--report", target, folder=folder)

    assert (ran.code, ran.err) == (2, f"--report: {message}\n")
    assert api.received == []


def test_a_device_is_written_to_and_not_replaced(folder: Path) -> None:
    with start("sync", "--quiet", "--report", "/dev/stdout", folder=folder) as process:
        out, _ = process.communicate(timeout=60)
    into_a_file = penstock("sync", "--quiet", "--report", "/dev/stdout", folder=folder)

    assert json.loads(out)["status"] == "complete"
    assert into_a_file.json()["status"] == "complete"
    assert Path("/dev/stdout").is_symlink()


def test_an_incomplete_run_exits_with_1_and_delivers_the_rest(tmp_path: Path) -> None:
    table: dict[str, Any] = {"/users": Reply({"error": "gone"}, 404), "/teams": [{"id": "core", "name": "Core"}]}
    with serve(routes(table)) as api:
        write_config(tmp_path, config_for(api.url, [USER, TEAM]))
        ran = penstock("sync", "--report", "-", folder=tmp_path)

    assert ran.code == 1
    assert [kind["status"] for kind in ran.json()["kinds"]] == ["incomplete", "complete"]
    lines = ran.err.splitlines()
    assert lines[-1].startswith("incomplete: 1 of 2 kinds went wrong; 1 entities in catalog.db (created 1)")
    assert any(line.startswith("error: ") and "404" in line for line in lines)


def test_held_deletions_exit_with_3(folder: Path, api: ApiServer) -> None:
    penstock("sync", folder=folder)
    api.handler = routes({"/users": {"users": []}, "/teams": [{"id": "core", "name": "Core"}, {"id": "web"}]})

    ran = penstock("sync", "--report", "-", folder=folder)

    assert ran.code == 3
    assert ran.json()["kinds"][0]["held"] == 3
    assert any(line.startswith("held: 3 deletions of kind /users were not done") for line in ran.err.splitlines())
    assert _count(folder) == 5


def test_all_problems_of_the_settings_are_listed_and_nothing_is_fetched(api: ApiServer, tmp_path: Path) -> None:
    config = config_for(api.url, [{"kind": "/users"}], authType="baerer_token", pageSiez=5)
    write_config(tmp_path, config)

    ran = penstock("sync", folder=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    for part in ('did you mean "bearer_token"?', "connection.pageSiez", "resources[0].port"):
        assert part in ran.err
    assert all(line.startswith("penstock.yml:1: ") for line in ran.err.splitlines())
    assert "Traceback" not in ran.err
    assert api.received == []


def test_without_any_configuration_it_says_what_is_needed(tmp_path: Path) -> None:
    ran = penstock("sync", folder=tmp_path)

    assert ran.code == 2
    assert "connection.baseUrl: is required" in ran.err
    assert "there is no penstock.yml in this folder; name a file with --config, or run `penstock init`" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_named_and_not_there_is_a_mistake(tmp_path: Path) -> None:
    ran = penstock("sync", "--config", "hr.yml", folder=tmp_path)

    assert ran.code == 2
    assert "hr.yml" in ran.err


def test_warnings_about_the_settings_are_shown(api: ApiServer, tmp_path: Path) -> None:
    write_config(tmp_path, config_for(api.url, []))
    write_config(tmp_path, {"resources": [USER], "nothingWeKnow": 1}, "port-app-config.yml")

    ran = penstock("sync", "--mapping", "port-app-config.yml", folder=tmp_path)

    assert ran.code == 0
    [warning] = [line for line in ran.err.splitlines() if line.startswith("warning: port-app-config.yml:1")]
    assert "nothingWeKnow" in warning


def test_the_options_choose_sink_and_catalog(folder: Path) -> None:
    penstock("sync", "--catalog", "other.db", folder=folder)
    ran = penstock("sync", "--sink", "jsonl", "--catalog", "out", folder=folder)

    assert ran.code == 0
    assert _count(folder, "other.db") == 5
    assert len((folder / "out" / "user.jsonl").read_text().splitlines()) == 3
    assert not (folder / "catalog.db").exists()


UNUSABLE: list[tuple[str, str, str]] = [
    ("sqlite", "no/such/dir/c.db", "no/such/dir/c.db: there is no folder no/such/dir"),
    ("sqlite", ".", ". is a folder; name a file"),
    ("sqlite", "text", "text: it is not an SQLite file"),
    ("sqlite", "text/c.db", "text/c.db: there is no folder text"),
    ("sqlite", "other.db", "other.db: it is an SQLite file of something else, not a penstock catalog"),
    ("jsonl", "no/such/dir", "no/such/dir: there is no folder no/such"),
    ("jsonl", "text", "text is a file; name a folder"),
]


@pytest.mark.parametrize(("sink", "path", "why"), UNUSABLE)
def test_a_path_where_no_catalog_can_be_is_a_mistake_and_nothing_is_fetched_or_made(
    folder: Path, api: ApiServer, sink: str, path: str, why: str
) -> None:
    (folder / "text").write_bytes(b"this is no database" * 100)
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("CREATE TABLE others (id)")
    file = folder / "penstock.yml"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "sink": {"type": sink, "path": path}}))
    before = {found: found.is_file() and found.read_bytes() for found in folder.rglob("*")}

    for command in (["check"], ["sync", "--report", "report.json"], ["plan"]):
        ran = penstock(*command, folder=folder)
        assert (ran.code, ran.out, ran.err) == (2, "", f"penstock.yml:1: sink.path: {why}\n")
    ran = penstock("sync", "--catalog", path, folder=folder)
    assert (ran.code, ran.err) == (2, f"--catalog: sink.path: {why}\n")

    assert api.received == []
    assert before == {found: found.is_file() and found.read_bytes() for found in folder.rglob("*")}


def test_a_catalog_that_another_process_is_using_exits_with_1_and_nothing_is_fetched(
    folder: Path, api: ApiServer
) -> None:
    catalog = folder / "lines"
    catalog.mkdir()
    lock = os.open(catalog, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    ran = penstock("sync", "--sink", "jsonl", "--catalog", "lines", folder=folder)

    os.close(lock)
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "error: lines: cannot open the catalog: another process is using it"
    assert api.received == []


def test_secrets_are_in_no_output(tmp_path: Path) -> None:
    def refuse(request: Received) -> Reply:
        return Reply({"error": f"not {request.headers['Authorization']}"}, 401)

    with serve(refuse) as api:
        write_config(tmp_path, config_for(api.url, [USER], authType="bearer_token", apiToken="s3cret-t0ken"))
        ran = penstock("sync", "--verbose", "--report", "-", folder=tmp_path)

    assert ran.code == 1
    assert "s3cret" not in ran.out + ran.err
