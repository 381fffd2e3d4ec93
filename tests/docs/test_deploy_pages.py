"""The pages on containers: what they tell Docker is what penstock understands, and what the image and its files say."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from markdown_it import MarkdownIt

from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
WITH_VALUE = frozenset({"-e", "-v", "--tmpfs", "--cap-drop", "--security-opt"})
WITHOUT = frozenset({"--rm", "--read-only"})
CONFIGURATION = {
    "connection": {"baseUrl": "https://api.test"},
    "resources": [{"kind": "/users", "port": {"entity": {"mappings": {"identifier": ".id", "blueprint": '"user"'}}}}],
}


class DockerRun(NamedTuple):
    """``docker run``, taken apart."""

    variables: dict[str, str]
    volumes: list[str]
    command: Sequence[str]


def _blocks(page: str, language: str) -> list[str]:
    tokens = MarkdownIt().parse((DEPLOY / page).read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def _docker_runs() -> list[DockerRun]:
    lines = [block for block in _blocks("docker.md", "bash") if block.startswith("docker run")]
    lines += [
        line[2:]
        for block in _blocks("docker.md", "console")
        for line in block.splitlines()
        if line.startswith("$ docker run")
    ]
    return [_taken_apart(shlex.split(line.replace("\\\n", " "))[2:]) for line in lines]


def _taken_apart(words: list[str]) -> DockerRun:
    variables: dict[str, str] = {}
    volumes: list[str] = []
    while (word := words.pop(0)) != "penstock":
        if word in WITH_VALUE:
            value = words.pop(0)
            if word == "-e":
                name, _, text = value.partition("=")
                variables[name] = text or "s3cret"
            elif word == "-v":
                volumes.append(value)
        else:
            assert word in WITHOUT
    return DockerRun(variables, volumes, words)


@pytest.mark.parametrize("run", _docker_runs(), ids=lambda run: run.command[0])
def test_what_docker_is_told_is_understood(run: DockerRun, tmp_path: Path) -> None:
    config = tmp_path / "penstock.yml"
    config.write_text(json.dumps(CONFIGURATION))
    variables = {name: value for name, value in run.variables.items() if not name.endswith("CA_BUNDLE")}
    inputs = Inputs(config_file=config, mapping_file=None, environ=variables, sink=None, catalog=None, dotenv=None)

    settings = load_settings(inputs, PluginManager(disabled=()))
    helped = subprocess.run(
        [sys.executable, "-m", "penstock", *run.command, "--help"], check=False, capture_output=True, text=True
    )

    assert settings.warnings == ()
    assert (helped.returncode, helped.stderr) == (0, "")


def test_every_command_is_looked_at() -> None:
    assert [run.command[0] for run in _docker_runs()] == ["sync", "check", "demo"]


def test_folders_are_mounted_where_the_image_looks_for_them() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    inside = {volume.split(":")[1] for run in _docker_runs() for volume in run.volumes}

    assert {path for path in inside if not path.startswith("/config/")} == {"/plugins", "/data", "/data/penstock.yml"}
    assert "PENSTOCK_PLUGINS_DIR=/plugins" in dockerfile
    assert "WORKDIR /data" in dockerfile


def test_the_service_that_the_page_on_compose_shows_has_no_more_rights_than_that_of_the_file() -> None:
    [block] = _blocks("compose.md", "yaml")
    shown, kept = yaml.safe_load(block)["services"]["sync"], COMPOSE["services"]["sync"]

    for word in ("read_only", "tmpfs", "cap_drop", "security_opt", "volumes"):
        assert shown[word] == kept[word]


def test_the_commands_of_the_page_on_compose_are_those_of_the_file() -> None:
    [block] = _blocks("compose.md", "console")
    told = (ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8")

    commands = [line[2:] for line in block.splitlines()]
    assert commands[0] == "cd deploy/compose"
    assert [command for command in commands[1:] if f"#   {command}\n" not in told] == []
