from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from penstock.config.reference import configuration_reference
from penstock.plugins import PluginManager
from support.configuring import with_acme

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
GROUPS = ("penstock.auth", "penstock.pagination", "penstock.sink")


def _built_in() -> PluginManager:
    points = [point for group in GROUPS for point in entry_points(group=group)]
    return PluginManager(
        [point for point in points if point.dist is not None and point.dist.name == "penstock"], disabled=()
    )


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == configuration_reference(_built_in()), (
        "docs/configuration.md is behind: python -m penstock.config.reference docs/configuration.md"
    )


def test_every_table_is_well_formed() -> None:
    rows = [line.replace("\\|", "") for line in configuration_reference(_built_in()).split("\n") if line[:1] == "|"]

    assert {row.count("|") for row in rows} == {3, 5, 6}
    assert rows.count("|---|---|---|---|---|") > 10


def test_a_setting_is_shown_with_type_default_variable_and_meaning() -> None:
    lines = configuration_reference(with_acme()).split("\n")

    assert (
        "| `acmeTicket` | secret | **required** | `PENSTOCK__CONNECTION__ACME_TICKET` | proof of who we are |" in lines
    )
    assert (
        "| `acmeRealm` | `north` or `south` | `north` | `PENSTOCK__CONNECTION__ACME_REALM` "
        "| where the ticket is valid |" in lines
    )
    assert "| `acmeScopes` | list of text |  | `PENSTOCK__CONNECTION__ACME_SCOPES` | what it is for |" in lines


def test_the_page_can_be_written_to_a_file_and_to_the_screen() -> None:
    command = [sys.executable, "-m", "penstock.config.reference"]
    subprocess.run([*command, "page.md"], check=True)
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert shown == Path("page.md").read_text(encoding="utf-8")
    assert shown.startswith("# Configuration\n")
