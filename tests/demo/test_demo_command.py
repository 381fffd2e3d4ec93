from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from penstock.demo.data import INCIDENTS, MEMBERS, SERVICES, TEAMS, USERS
from support.commands import Ran, environment, penstock, start, write_config

EXPECTED = {
    "incident": len(INCIDENTS),
    "membership": sum(map(len, MEMBERS.values())),
    "service": sum(not service["archived"] for service in SERVICES),
    "team": len(TEAMS),
    "user": sum(bool(user["active"]) for user in USERS),
}


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A folder in which the demo has run once."""
    folder = tmp_path_factory.mktemp("tour")
    return folder, penstock("demo", folder=folder)


def _arrived(ran: Ran) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in ran.out.splitlines()[2:]}


def _commands(ran: Ran) -> list[str]:
    lines = ran.err.partition("try next:\n")[2].splitlines()
    return [line.strip() for line in lines if line.startswith("    penstock ")]


def test_it_shows_what_arrived_with_an_example_of_each(toured: tuple[Path, Ran]) -> None:
    _, ran = toured

    assert ran.code == 0, ran.err
    assert _arrived(ran) == EXPECTED
    assert all(re.search(r"\S+$", line) for line in ran.out.splitlines()[2:])
    assert "team        " in ran.out
    assert "(Checkout)" in ran.out


def test_it_leaves_only_the_folder_it_names(toured: tuple[Path, Ran]) -> None:
    folder, _ = toured

    assert [path.name for path in folder.iterdir()] == ["penstock-demo"]
    assert sorted(path.name for path in (folder / "penstock-demo").iterdir()) == [
        ".penstock",
        "catalog.db",
        "penstock.yml",
    ]


def test_the_catalog_is_readable_by_others(toured: tuple[Path, Ran]) -> None:
    db = sqlite3.connect(toured[0] / "penstock-demo" / "catalog.db")
    try:
        rows = db.execute("SELECT severity, count(*) FROM incident GROUP BY severity ORDER BY severity").fetchall()
    finally:
        db.close()

    assert sum(count for _, count in rows) == len(INCIDENTS)
    assert [severity for severity, _ in rows] == ["critical", "high", "low", "medium"]


def test_no_token_is_written_anywhere(toured: tuple[Path, Ran]) -> None:
    config = (toured[0] / "penstock-demo" / "penstock.yml").read_text()

    assert "apiToken: ${PENSTOCK_DEMO_TOKEN}" in config


def test_it_names_three_commands_which_work_as_they_are(toured: tuple[Path, Ran], tmp_path: Path) -> None:
    folder, ran = toured
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "penstock"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m penstock "$@"\n')
    command.chmod(0o755)

    commands = _commands(ran)
    assert len(commands) == 3
    for line in commands:
        tried = subprocess.run(
            line,
            shell=True,
            cwd=folder,
            env=environment(PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert tried.returncode == 0, tried.stderr
        assert tried.stdout


def test_a_second_run_finds_everything_unchanged(toured: tuple[Path, Ran]) -> None:
    folder, _ = toured

    ran = penstock("demo", folder=folder)

    assert ran.code == 0
    total = sum(EXPECTED.values())
    assert f"complete: {total} entities in penstock-demo/catalog.db (unchanged {total})" in ran.err.splitlines()


def test_the_api_asks_to_wait_once_and_nothing_is_lost(toured: tuple[Path, Ran]) -> None:
    folder, _ = toured

    ran = penstock("demo", "sync", "--only", "/incidents", "--report", "-", folder=folder)

    [kind] = ran.json()["kinds"]
    assert (kind["requests"], kind["pages"], kind["fetched"]) == (4, 3, len(INCIDENTS))


def test_other_commands_can_be_run_against_its_api(toured: tuple[Path, Ran]) -> None:
    folder, _ = toured

    checked = penstock("demo", "check", folder=folder)
    shown = penstock("demo", "preview", "/services", "--items", "1", "--format", "json", folder=folder)
    listed = penstock("demo", "entities", "--blueprint", "team", "--format", "jsonl", folder=folder)

    assert (checked.code, checked.out.count(" ok ")) == (0, 5)
    assert shown.json()[0]["entities"][0]["blueprint"] == "service"
    assert len(listed.lines()) == len(TEAMS)


def test_it_syncs_into_a_stand_in_for_port_and_shows_what_arrived_there(tmp_path: Path) -> None:
    ran = penstock("demo", "--port", folder=tmp_path, variables={"OCEAN__PORT__BASE_URL": "http://127.0.0.1:9"})

    # Port makes what relations lead to: archived services that have incidents, and members that are not active
    members = {str(member["login"]) for team in MEMBERS.values() for member in team}
    inactive = sum(not user["active"] and user["login"] in members for user in USERS)
    archived = {str(one["key"]) for one in SERVICES if one["archived"]} & {str(one["service"]) for one in INCIDENTS}
    targets = {"user": EXPECTED["user"] + inactive, "service": EXPECTED["service"] + len(archived)}
    assert (ran.code, _arrived(ran)) == (0, {**EXPECTED, **targets}), ran.err
    assert "a stand-in for Port listens on http://127.0.0.1:" in ran.err
    assert not (tmp_path / "penstock-demo" / "catalog.db").exists()


def test_port_is_for_the_sync_alone(tmp_path: Path) -> None:
    ran = penstock("demo", "--port", "check", folder=tmp_path)

    assert ran.code == 2
    assert "--port: it syncs, and runs no check" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_has_nothing_to_do_with_it_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    ran = penstock("demo", "demo", folder=tmp_path)

    assert ran.code == 2
    assert list(tmp_path.iterdir()) == []
    assert "COMMAND: demo has nothing to do with the demo" in ran.err


def test_a_folder_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    mine = write_config(tmp_path, {"source": "mine"}).read_text()

    ran = penstock("demo", "--dir", ".", folder=tmp_path)

    assert ran.code == 2
    assert "--dir: . is there already and is not of an earlier demo" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["penstock.yml"]
    assert (tmp_path / "penstock.yml").read_text() == mine


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    ran = penstock("demo", "--dir", "file/tour", folder=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "--dir: file/tour cannot be written: Not a directory; name another folder\n"


def test_neither_proxies_nor_settings_of_the_environment_disturb_it(tmp_path: Path) -> None:
    variables = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
        "PENSTOCK__CONNECTION__BASE_URL": "http://127.0.0.1:9",
        "PENSTOCK__SINK__TYPE": "jsonl",
        "OCEAN__INTEGRATION__CONFIG__PAGE_SIZE": "7",
    }

    ran = penstock("demo", "--dir", "a tour", "--quiet", folder=tmp_path, variables=variables)

    assert (ran.code, ran.err) == (0, "")
    assert _arrived(ran) == EXPECTED
    assert [path.name for path in tmp_path.iterdir()] == ["a tour"]


def test_a_folder_with_blanks_is_quoted_in_the_commands(tmp_path: Path) -> None:
    ran = penstock("demo", "--dir", "a tour", folder=tmp_path)

    assert [shlex.split(line) for line in _commands(ran)] == [
        ["penstock", "entities", "--catalog", "a tour/catalog.db", "--blueprint", "incident"],
        ["penstock", "demo", "--dir", "a tour", "preview", "/services"],
        ["penstock", "demo", "--dir", "a tour"],
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_its_api_can_be_served_alone_until_a_signal_comes(number: signal.Signals, code: int, tmp_path: Path) -> None:
    variables = {"PENSTOCK_DEMO_TOKEN": "agreed-upon"}
    with start("demo", "--serve", "127.0.0.1:0", folder=tmp_path, variables=variables) as served:
        assert served.stderr is not None
        told = served.stderr.readline()
        [url] = re.findall(r"http://127\.0\.0\.1:\d+", told)
        variables |= {"PENSTOCK_DEMO_URL": url}
        config = Path(str(files("penstock.demo") / "penstock.yml"))
        ran = penstock("check", "--config", str(config), folder=tmp_path, variables=variables)
        served.send_signal(number)
        rest = served.communicate()

    assert told == f"an API with made-up records listens on {url}, and wants the token in PENSTOCK_DEMO_TOKEN\n"
    assert (ran.code, ran.out.count(" ok ")) == (0, 5)
    assert (served.returncode, *rest) == (code, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["8080"], "--serve: 8080 is not HOST:PORT, such as 127.0.0.1:8080"),
        (["127.0.0.1:http"], "--serve: 127.0.0.1:http is not HOST:PORT"),
        (["127.0.0.1:65536"], "--serve: 127.0.0.1:65536 is not HOST:PORT"),
        (["192.0.2.1:8080"], "--serve: cannot listen on 192.0.2.1:8080: Cannot assign requested address"),
        (["127.0.0.1:0", "check"], "--serve: the API alone runs no check"),
    ],
)
def test_what_cannot_be_served_is_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    ran = penstock("demo", "--serve", *arguments, folder=tmp_path)

    assert ran.code == 2
    assert message in ran.err
    assert list(tmp_path.iterdir()) == []
