from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from penstock.cli.app import app
from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager


def _init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


def test_it_writes_a_file_that_is_valid_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = _init()

    assert (result.exit_code, result.stdout) == (0, "")
    assert "wrote penstock.yml" in result.stderr
    inputs = Inputs(config_file=tmp_path / "penstock.yml", environ={"API_TOKEN": "t"})
    settings = load_settings(inputs, PluginManager(disabled=()))
    assert [resource.kind for resource in settings.resources] == ["/v1/users"]
    assert settings.warnings == ()


def test_what_is_commented_out_is_valid_too(tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    _init("--config", str(file))
    lines = file.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if "# - kind:" in line)
    file.write_text("\n".join(lines[:start] + [line.replace("  # ", "  ", 1) for line in lines[start:]]))

    inputs = Inputs(config_file=file, environ={"API_TOKEN": "t"})
    settings = load_settings(inputs, PluginManager(disabled=()))
    assert [resource.kind for resource in settings.resources] == ["/v1/users", "/v1/teams/{team}/members"]


def test_every_block_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    _init("--config", str(file))
    lines = file.read_text().splitlines()

    for block in yaml.safe_load(file.read_text()):
        place = lines.index(f"{block}:")
        assert "#" in lines[place - 1] or "#" in "".join(lines[place + 1 : place + 4])


def test_it_leaves_a_file_that_is_there_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    file.write_text("mine")

    result = _init("--config", str(file))

    assert result.exit_code == 2
    assert f"{file} is there already" in result.stderr
    assert file.read_text() == "mine"


def test_a_folder_that_does_not_exist_is_explained(tmp_path: Path) -> None:
    result = _init("--config", str(tmp_path / "no" / "penstock.yml"))

    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr
