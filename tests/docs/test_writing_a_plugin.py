"""The page on writing a plugin: its examples run, and its reference is complete."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from penstock import AuthStrategy, PaginationStrategy, Sink, SinkStrategy, hookspecs
from support.server import Received, Reply, serve

PAGE = (Path(__file__).parents[2] / "docs" / "plugins" / "writing.md").read_text(encoding="utf-8")
SECRET = "a-secret-of-the-test"
USERS = [{"id": number, "name": f"user {number}"} for number in range(1, 6)]
CONFIG = """
source: docs
connection: {{baseUrl: "{url}", authType: signature, signingSecret: "{secret}", paginationType: keyset}}
sink: {{type: jsonfile, path: catalog.json}}
resources:
  - kind: /users
    port: {{entity: {{mappings: {{identifier: .id | tostring, title: .name, blueprint: '"user"'}}}}}}
"""


def _blocks(language: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == language]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the page's modules, and with what installing its ``pyproject.toml`` would add."""
    for block in _blocks("python"):
        if named := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / named[1]).write_text(block, encoding="utf-8")
    info = tmp_path / "penstock_signature-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: penstock-signature\nVersion: 1.0.0\n")
    groups = [tomllib.loads(block)["project"]["entry-points"] for block in _blocks("toml")]
    sections = [(name, points) for group in groups for name, points in group.items()]
    (info / "entry_points.txt").write_text(
        "".join(f"[{name}]\n{key} = {value}\n" for name, points in sections for key, value in points.items())
    )
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PENSTOCK_DISABLE_PLUGINS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def _api(request: Received) -> Reply:
    """Five users, two a page, for whoever signs correctly."""
    message = f"{request.method} {request.target}".encode()
    if request.headers["X-Signature"] != hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest():
        return Reply({"error": "signature"}, 401)
    return Reply([user for user in USERS if int(str(user["id"])) > int(request.param("after", "0"))][:2])


def test_the_examples_are_listed_and_work(installed: Path) -> None:
    done = _run(installed, "penstock", "plugins", "--format", "json")

    assert done.returncode == 0, done.stderr
    found = {info["name"]: info for info in json.loads(done.stdout) if info["distribution"] == "penstock-signature"}
    assert {(info["family"], name, info["state"]) for name, info in found.items()} == {
        ("auth", "signature", "ok"),
        ("pagination", "keyset", "ok"),
        ("sink", "jsonfile", "ok"),
    }


def test_the_examples_together_sync_an_api(installed: Path) -> None:
    with serve(_api) as api:
        (installed / "penstock.yml").write_text(CONFIG.format(url=api.url, secret=SECRET), encoding="utf-8")
        first = _run(installed, "penstock", "sync", "--report", "report.json")
        again = _run(installed, "penstock", "sync", "--report", "again.json")
        targets = api.targets()[:4]

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert targets == ["/users", "/users?after=2", "/users?after=4", "/users?after=5"]
    rows = json.loads((installed / "catalog.json").read_text(encoding="utf-8"))
    assert [(row["identifier"], row["title"]) for row in rows] == [(str(user["id"]), user["name"]) for user in USERS]
    [kind] = json.loads((installed / "report.json").read_text())["kinds"]
    [kind_again] = json.loads((installed / "again.json").read_text())["kinds"]
    assert (kind["created"], kind["stop_reasons"]) == (5, {"empty_page": 1})
    assert (kind_again["created"], kind_again["unchanged"]) == (0, 5)


def test_the_example_of_a_sink_can_be_planned_for(installed: Path) -> None:
    with serve(_api) as api:
        (installed / "penstock.yml").write_text(CONFIG.format(url=api.url, secret=SECRET), encoding="utf-8")
        before = _run(installed, "penstock", "plan", "--format", "json")
        assert not (installed / "catalog.json").exists()
        _run(installed, "penstock", "sync")
        after = _run(installed, "penstock", "plan", "--format", "json")

    assert (json.loads(before.stdout)["create"], json.loads(after.stdout)["changes"]) == (5, []), before.stderr


def test_the_example_of_a_test_passes(installed: Path) -> None:
    done = _run(installed, "pytest", "-q", "-p", "no:cacheprovider", "test_keyset.py")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


HOOKS = [name for name in vars(hookspecs) if name.startswith("penstock_")]


def _signature(function: Callable[..., Any]) -> str:
    """Return ``name(self, config: ConfigT) -> httpx.Auth``."""
    return f"{function.__name__}{inspect.signature(function)}".replace("'", "")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_reference_has_every_hook_with_its_signature(hook: str) -> None:
    assert f"def {_signature(getattr(hookspecs, hook))}: ...\n" in PAGE


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(method, id=f"{owner.__name__}.{name}")
        for owner in (AuthStrategy, PaginationStrategy, SinkStrategy, Sink)
        for name, method in vars(owner).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ],
)
def test_the_reference_has_every_method_with_its_signature(method: Callable[..., Any]) -> None:
    in_a_table = _signature(method).replace("|", "\\|")

    assert f"\n| `{in_a_table}` |" in PAGE
