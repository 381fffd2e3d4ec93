"""The page on plans: its example of a pull request runs, and its JSON is that of a plan."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from penstock.plan.plan import HeldDeletion
from support.commands import config_for, environment, penstock, write_config
from support.project import USER, user
from support.server import ApiServer, Reply, routes, serve

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == language]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": {"users": [user(1), user(2)]}})) as server:
        yield server


@pytest.fixture
def repository(tmp_path: Path, api: ApiServer) -> Path:
    """A checkout with a catalog of JSON lines, and programs called ``penstock`` and ``gh``."""
    folder = tmp_path / "repository"
    folder.mkdir()
    config = config_for(api.url, [USER], authType="bearer_token", apiToken="${HR_TOKEN}")
    write_config(folder, {**config, "sink": {"type": "jsonl"}})
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, line in (
        ("penstock", f'exec {shlex.quote(sys.executable)} -m penstock "$@"'),
        ("gh", 'echo "$@" > ../gh.txt'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    return folder


def _steps() -> list[str]:
    """The commands of the example, but for those that install what is here already."""
    [block] = _blocks("yaml")
    steps: list[dict[str, str]] = yaml.safe_load(block)["jobs"]["plan"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands.pop(0) == "pip install penstock"
    return commands


def _run(command: str, repository: Path) -> int:
    """Run a step as GitHub does, in bash that stops at the first failure, with its expressions put in."""
    line = command.replace("${{ github.event.number }}", "7")
    path = f"{repository.parent / 'programs'}:{os.environ['PATH']}"
    variables = environment(HR_TOKEN="t0ken", PATH=path)
    return subprocess.run(["bash", "-e", "-c", line], cwd=repository, env=variables, check=False).returncode


def test_the_job_comments_the_plan_which_can_be_applied_later(repository: Path) -> None:
    assert [_run(command, repository) for command in _steps()] == [0, 0, 0]

    assert (repository.parent / "gh.txt").read_text() == "pr comment 7 --body-file comment.md\n"
    assert "### Plan: 2 to create" in (repository / "comment.md").read_text()
    assert not (repository / "catalog").exists()
    assert _run("penstock apply plan.jsonl", repository) == 0
    assert len((repository / "catalog" / "user.jsonl").read_text().splitlines()) == 2


def test_the_job_fails_where_the_plan_is_incomplete_and_comments_all_the_same(repository: Path, api: ApiServer) -> None:
    api.handler = routes({"/users": Reply({"message": "gone"}, 404)})

    _, plan, comment = [_run(command, repository) for command in _steps()]

    assert (plan, comment) == (1, 0)
    assert "1 of 1 kinds went wrong" in (repository / "comment.md").read_text()


def test_the_json_on_the_page_has_every_member_of_a_plan(repository: Path) -> None:
    [block] = _blocks("json")
    shown = json.loads(block)

    made = penstock("plan", "--format", "json", folder=repository, variables={"HR_TOKEN": "t0ken"}).json()

    assert list(shown) == list(made)
    assert list(shown["kinds"][0]) == list(made["kinds"][0])
    assert list(shown["holds"][0]) == list(HeldDeletion._fields)
    assert {name for one in shown["changes"] for name in one} == set(made["changes"][0])
    assert {name for one in shown["changes"] for each in one["fields"] for name in each} == {"field", "before", "after"}
