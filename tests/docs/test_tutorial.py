"""The tutorial: its very lines, in a folder of their own, and what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from markdown_it import MarkdownIt

from support.commands import environment

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "plugins" / "tutorial.md").read_text(encoding="utf-8")
INSTALLED_ALREADY: Final = ("python3 -m venv", "pip install")
MARK: Final = "--- step "


def _blocks(language: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == language]


def _steps() -> list[tuple[str, list[str]]]:
    """The commands of the page, each with the lines it is said to print."""
    steps: list[tuple[str, list[str]]] = []
    for line in "".join(_blocks("console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return [step for step in steps if not step[0].startswith(INSTALLED_ALREADY)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the page, beside one with the programs that its first two lines install."""
    work, programs = tmp_path / "work", tmp_path / "programs"
    work.mkdir()
    programs.mkdir()
    for block in [*_blocks("python"), *_blocks("yaml")]:
        if named := re.match(r"# (\w+\.(?:py|yml))\n", block):
            (work / named[1]).write_text(block, encoding="utf-8")
    python = shlex.quote(sys.executable)
    for name, line in (("python", python), ("penstock", f"{python} -m penstock"), ("pytest", f"{python} -m pytest")):
        (programs / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (programs / name).chmod(0o755)
    return work


def test_the_lines_of_the_tutorial_print_what_it_says(folder: Path) -> None:
    steps = _steps()
    script = "\n".join(f"echo '{MARK}{number}'\n{command}" for number, (command, _) in enumerate(steps))
    variables = {
        "PATH": f"{folder.parent / 'programs'}:{os.environ['PATH']}",
        "PENSTOCK_CACHE_DIR": str(folder.parent / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    # set -m makes each program in the background a job of its own, as a terminal does
    ran = subprocess.run(
        ["bash", "-e", "-m", "-c", script],
        cwd=folder,
        env=environment(**variables),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = [part.partition("\n")[2].splitlines() for part in ran.stdout.split(MARK)[1:]]
    assert len(printed) == len(steps)
    for (command, said), lines in zip(steps, printed, strict=True):
        missing = [line for line in said if not any(_shows(line, actual) for actual in lines)]
        assert missing == [], f"{command} printed {lines}"


def _shows(said: str, actual: str) -> bool:
    return actual.startswith(said.removesuffix("…")) if said.endswith("…") else actual == said
