"""A short run is mostly imports: a sync imports what it uses, and no feature that it does without."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from penstock.plugins import FAMILIES
from support.commands import config_for, write_config
from support.imports import modules_of
from support.project import USER, user
from support.server import routes, serve

ROOMS = {
    "cli",
    "config",
    "errors",
    "expressions",
    "hookspecs",
    "http",
    "journal",
    "jq_text",
    "listening",
    "plugin_calls",
    "plugins",
    "read_with_settings",
    "redaction",
    "snapshot",
    "sqlite_file",
    "strategies",
    "sync",
    "values",
    "veiled",
    "version",
}
COMMAND_LINE = {
    "application",
    "console",
    "ending",
    "failures",
    "files",
    "groups",
    "mapped",
    "options",
    "plugged",
    "progress",
    "running",
    "settings",
    "signals",
    "summary",
    "sync",
    "traces",
}
PLUGINS = {"penstock_auth.none", "penstock_pagination.offset", "penstock_sinks.sqlite"}
UNUSED = {
    "authlib",
    "cryptography",
    "dotenv",
    "html",
    "joserfc",
    "jq",
    "jwt",
    "multiprocessing",
    "opentelemetry",
    "penstock.config.identity",
    "penstock.config.reference",
    "penstock.config.schema",
    "penstock.config.service",
    "penstock.config.words",
    "penstock.expressions.worker",
    "penstock.sync.preview",
    "prometheus_client",
    "pygments",
    "rich",
    "starlette",
    "uvicorn",
}
_SYNC = """
import os, sys
from penstock.cli import main
os.chdir({folder!r})
sys.argv = ["penstock", "sync", "--quiet"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that a sync without secrets has imported, of one page of an API that pages by offset."""
    folder = tmp_path_factory.mktemp("start")
    with serve(routes({"/users": {"users": [user(1)]}})) as server:
        write_config(folder, config_for(server.url, [USER], paginationType="offset"))
        found = modules_of(_SYNC.format(folder=str(folder)))
    assert (folder / "catalog.db").exists()
    return found


def _below(package: str, modules: set[str]) -> set[str]:
    """The names below a package that lead to its modules."""
    return {name.removeprefix(f"{package}.").split(".")[0] for name in modules if name.startswith(f"{package}.")}


def test_a_sync_enters_no_room_that_it_does_without(loaded: set[str]) -> None:
    assert _below("penstock", loaded) == ROOMS


def test_a_sync_imports_no_other_command(loaded: set[str]) -> None:
    assert _below("penstock.cli", loaded) == COMMAND_LINE


def test_a_sync_imports_the_plugins_of_its_configuration_alone(loaded: set[str]) -> None:
    offered = {point.module for family in FAMILIES for point in entry_points(group=f"penstock.{family}")}

    assert offered & loaded == PLUGINS


def test_a_sync_imports_no_feature_that_it_does_without(loaded: set[str]) -> None:
    assert UNUSED & loaded == set()
