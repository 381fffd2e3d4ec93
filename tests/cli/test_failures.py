from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from penstock.cli.failures import explained
from penstock.errors import ConfigurationError, Problem, SinkError, UnknownPluginError

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


def test_what_is_logged_hides_secrets_too(capsys: pytest.CaptureFixture[str]) -> None:
    with explained(verbose=False) as context:
        context.settings = KNOWN
        logging.getLogger("a.library").warning("asked with %s", "hunter2-hunter2")

    assert capsys.readouterr().err == "asked with ***\n"
