from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from penstock.cli.app import app, application
from support.imports import modules_of

COMMANDS = [
    (),
    ("sync",),
    ("plan",),
    ("apply",),
    ("check",),
    ("preview",),
    ("entities",),
    ("explain",),
    ("holds",),
    ("holds", "list"),
    ("holds", "show"),
    ("holds", "approve"),
    ("holds", "reject"),
    ("runs",),
    ("runs", "list"),
    ("runs", "show"),
    ("auth",),
    ("auth", "status"),
    ("auth", "login"),
    ("auth", "forget"),
    ("plugins",),
    ("plugins", "show"),
    ("plugins", "lock"),
    ("schema",),
    ("init",),
    ("import",),
    ("import", "ocean"),
    ("demo",),
    ("version",),
]
OPTIONS = {
    ("sync",): {
        "--only",
        "--report",
        "--sink",
        "--catalog",
        "--config",
        "--mapping",
        "--wait",
        "--verbose",
        "--quiet",
    },
    ("plan",): {
        "--format",
        "--out",
        "--only",
        "--report",
        "--sink",
        "--catalog",
        "--config",
        "--mapping",
        "--verbose",
        "--quiet",
    },
    ("apply",): {"--report", "--sink", "--catalog", "--config", "--mapping", "--verbose", "--quiet"},
    ("check",): {"--only", "--config", "--mapping"},
    ("preview",): {"--items", "--format", "--config", "--mapping"},
    ("entities",): {"--format", "--blueprint", "--catalog", "--config", "--mapping"},
    ("explain",): {
        "BLUEPRINT",
        "IDENTIFIER",
        "--offline",
        "--format",
        "--sink",
        "--catalog",
        "--config",
        "--mapping",
        "--verbose",
    },
    ("holds", "list"): {"--format", "--config", "--mapping"},
    ("holds", "show"): {"--format", "--config", "--mapping"},
    ("holds", "approve"): {"--all", "--config", "--mapping"},
    ("holds", "reject"): {"--all", "--config", "--mapping"},
    ("runs", "list"): {"--format", "--config", "--mapping"},
    ("runs", "show"): {"--format", "--config", "--mapping"},
    ("auth", "status"): {"--format", "--config"},
    ("auth", "login"): {"--browser", "--no-browser", "--config"},
    ("auth", "forget"): {"LABEL", "--all", "--config"},
    ("plugins",): {"--format", "--no-plugins", "--strict-plugins"},
    ("plugins", "show"): {"--family", "--format"},
    ("plugins", "lock"): {"FOLDER", "--out"},
    ("demo",): {"--dir"},
}


def _help(*command: str) -> str:
    result = CliRunner().invoke(app, [*command, "--help"], prog_name="penstock", env={"COLUMNS": "120"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does_and_shows_examples(command: tuple[str, ...]) -> None:
    text = _help(*command)

    usage, _, rest = text.partition("\n\n")
    assert usage.startswith(f"Usage: {' '.join(('penstock', *command))}")
    assert rest.lstrip()[0].isupper()
    assert "..." not in rest.partition("Commands:")[2].partition("\n\n")[0]  # no summary is cut off
    if command and command != ("version",):
        assert f"  penstock {' '.join(command)}" in text.partition("Examples:")[2]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_was_asked_for_is_what_it_is_among_all(command: tuple[str, ...]) -> None:
    arguments = [*command, "--help"]
    asked_for = CliRunner().invoke(application(arguments), arguments, prog_name="penstock", env={"COLUMNS": "120"})

    assert asked_for.output == _help(*command)


@pytest.mark.parametrize(("command", "options"), OPTIONS.items(), ids=lambda value: " ".join(sorted(value)))
def test_every_option_is_documented(command: tuple[str, ...], options: set[str]) -> None:
    text = _help(*command)

    assert {option for option in options if option not in text} == set()


def test_no_option_lacks_a_description() -> None:
    missing: list[str] = []

    def visit(command: object, path: str) -> None:
        parameters = getattr(command, "params", ())
        missing.extend(f"{path} {found.name}" for found in parameters if not getattr(found, "help", None))
        for name, child in getattr(command, "commands", {}).items():
            visit(child, f"{path} {name}")

    visit(app, "penstock")
    assert missing == []


def test_the_help_explains_the_exit_codes() -> None:
    text = _help().partition("Exit codes:")[2]

    assert re.findall(r"\d+", text) == ["0", "1", "2", "3", "4", "5", "75", "130", "143"]


def _loaded(script: str) -> set[str]:
    """The top-level modules that were imported when a script has run."""
    return {name.partition(".")[0] for name in modules_of(script)}


_RUN = """
import sys
from penstock.cli import main
sys.argv = ["penstock", {argument!r}]
try:
    main()
except SystemExit:
    pass
"""


def test_help_imports_nothing_that_only_a_run_needs() -> None:
    loaded = _loaded(_RUN.format(argument="--help"))

    assert loaded & {"httpx", "aiohttp", "pydantic", "rich", "jq", "yaml", "orjson", "asyncio", "sqlite3"} == set()


def test_a_run_does_without_the_command_line_of_httpx() -> None:
    loaded = _loaded(_RUN.format(argument="version") + "import httpx")

    assert loaded & {"httpx", "pygments", "rich", "click"} == {"httpx", "click"}  # click is our own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["snyc"], "No such command 'snyc'"),
        (["sync", "--onyl", "x"], "No such option '--onyl'. Did you mean '--only'?"),
        (["preview"], "Missing argument"),
        (["entities", "--format", "xml"], "'xml' is not one of"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 2
    assert message in result.output
