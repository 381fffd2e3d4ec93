"""The page on explanations: its example runs and comes out as it is shown, and its JSON is that of an explanation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from penstock.cli.failures import ABSENT
from support.commands import penstock
from support.explaining import Api
from support.server import ApiServer, serve

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
ORIGIN = "https://hr.acme.test"


def _block(language: str) -> str:
    [block] = [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == language]
    return block


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with serve(Api()) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, server: ApiServer) -> Path:
    """The example of the page: synced, and then an address changes."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "penstock.yml").write_text(_block("yaml").replace(ORIGIN, server.url))
    assert penstock("sync", "--quiet", folder=folder).code == 0
    assert isinstance(server.handler, Api)
    server.handler.users[4]["email"] = "ada@acme.test"
    return folder


def _plain(text: str) -> list[str]:
    """The lines without what differs from run to run, and without what fills columns."""
    text = re.sub(r"\brun [0-9a-f]{8}\b", "run RUN", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", text)
    return [re.sub(r"  +", "  ", line) for line in text.splitlines() if not line.startswith("---")]


def test_the_example_comes_out_as_it_is_shown(folder: Path, server: ApiServer) -> None:
    ran = penstock("explain", "user", "5", folder=folder)

    assert (ran.code, ran.err) == (0, "")
    assert _plain(ran.out.replace(server.url, ORIGIN)) == _plain(_block("text"))


def test_the_json_on_the_page_is_that_of_the_example(folder: Path, server: ApiServer) -> None:
    shown = json.loads(_block("json"))

    made = penstock("explain", "user", "5", "--format", "json", folder=folder).json()

    made["expressions"] = made["expressions"][-1:]  # the page has room for one
    assert _without_times(json.loads(json.dumps(made).replace(server.url, ORIGIN))) == _without_times(shown)


def _without_times(found: dict[str, Any]) -> dict[str, Any]:
    [seen] = found["seen"]
    source = found["source"] if found["source"] == "hr.acme.test" else "hr.acme.test"
    return found | {"reasons": 1, "source": source, "owner": source, "seen": [seen | {"run": "", "started_at": ""}]}


def test_the_exit_code_of_what_is_absent_is_the_one_on_the_page(folder: Path) -> None:
    ran = penstock("explain", "user", "99", "--offline", folder=folder)

    assert ran.code == ABSENT
    assert f"| {ABSENT} | the catalog has no such entity |" in PAGE
    assert ran.out.startswith("user/99 is not in catalog.db: never seen\n")


def test_wrong_usage_exits_with_2(folder: Path) -> None:
    ran = penstock("explain", "user", "", folder=folder)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "IDENTIFIER: is empty: every entity has one\n"
