from __future__ import annotations

import errno
import logging
import os
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from penstock.cli.failures import explained
from penstock.errors import ConfigurationError, Problem, SinkError, UnknownPluginError
from support.commands import COMMAND, environment
from support.project import USER, Project
from support.server import Received, routes, serve

KNOWN = {"token": SecretStr("hunter2-hunter2")}


def _ended(error: Exception, capsys: pytest.CaptureFixture[str], *, verbose: bool = False) -> tuple[object, str]:
    def fail() -> None:
        with explained(verbose=verbose) as context:
            context.settings = KNOWN
            raise error

    with pytest.raises(SystemExit) as ended:
        fail()
    written = capsys.readouterr()
    assert written.out == ""
    return ended.value.code, written.err


def test_every_problem_of_a_configuration_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("connection.authType", "unknown", "penstock.yml:4"), Problem("resources", "is required")]

    code, said = _ended(ConfigurationError(problems), capsys)

    assert code == 2
    assert said.splitlines() == ["penstock.yml:4: connection.authType: unknown", "resources: is required"]


def test_an_error_raised_on_purpose_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _ended(SinkError("catalog.db is locked"), capsys) == (1, "error: catalog.db is locked\n")


def test_a_plugin_that_is_not_there_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _ended(UnknownPluginError("sqlit", family="sink", known=["sqlite"]), capsys)

    assert code == 2
    assert 'did you mean "sqlite"?' in said


def test_an_unexpected_error_is_short_and_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _ended(ValueError("oops"), capsys)

    assert code == 1
    assert said.splitlines() == [
        "unexpected error: ValueError: oops",
        "run the command again with -v for the traceback, which a bug report needs",
    ]


@pytest.mark.parametrize("verbose", [False, True])
def test_no_secret_is_in_an_unexpected_error(capsys: pytest.CaptureFixture[str], *, verbose: bool) -> None:
    error = ValueError("Bearer hunter2-hunter2 was refused by https://me:pa55word@api.test/")

    _, said = _ended(error, capsys, verbose=verbose)

    assert "hunter2" not in said
    assert "pa55word" not in said
    assert "was refused by" in said


def test_verbose_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = _ended(ValueError("oops"), capsys, verbose=True)

    assert "Traceback (most recent call last):" in said
    assert "test_failures.py" in said


def test_a_reader_that_went_away_is_no_error() -> None:
    with pytest.raises(BrokenPipeError), explained(verbose=False):
        raise BrokenPipeError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_machine_refuses_is_no_defect(capsys: pytest.CaptureFixture[str], number: int) -> None:
    reason = os.strerror(number)

    assert _ended(OSError(number, reason, "some/file"), capsys) == (1, f"error: some/file: {reason}\n")


def test_what_is_missing_among_our_own_files_is_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _ended(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "some/file"), capsys)

    assert code == 1
    assert said.startswith("unexpected error: FileNotFoundError: ")


def _into_full_device(folder: Path, *arguments: str) -> tuple[int, str]:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*COMMAND, *arguments], cwd=folder, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    return ran.returncode, ran.stderr.decode()


@pytest.mark.parametrize("command", [["schema"], ["plugins"], ["version"], ["--version"], ["--help"], ["sync", "-h"]])
def test_output_that_finds_no_room_is_one_message(tmp_path: Path, command: list[str]) -> None:
    code, said = _into_full_device(tmp_path, *command)

    assert (code, said) == (1, "error: stdout cannot be written: No space left on device\n")


def test_a_report_or_a_list_that_finds_no_room_is_one_message(tmp_path: Path) -> None:
    def users(_: Received) -> object:
        return {"users": [{"id": 1, "name": "One"}]}

    with serve(routes({"/users": users})) as api:
        Project(tmp_path, api.url, [USER]).settings()

        for target, named in (("-", "stdout"), ("/dev/full", "/dev/full")):
            code, said = _into_full_device(tmp_path, "sync", "-q", "--report", target)
            assert (code, said) == (1, f"error: {named} cannot be written: No space left on device\n")

    for command in (["entities"], ["entities", "--format", "jsonl"], ["runs", "list"], ["holds", "list"]):
        code, said = _into_full_device(tmp_path, *command)
        assert (code, said) == (1, "error: stdout cannot be written: No space left on device\n")


def test_what_is_logged_hides_secrets_too(capsys: pytest.CaptureFixture[str]) -> None:
    with explained(verbose=False) as context:
        context.settings = KNOWN
        logging.getLogger("a.library").warning("asked with %s", "hunter2-hunter2")

    assert capsys.readouterr().err == "asked with ***\n"
