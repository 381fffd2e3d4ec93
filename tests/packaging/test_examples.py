"""The examples, and the configurations that documents show, are valid to the last expression."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.plugins import PluginManager

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/penstock.yml"))
BENCHMARKS = sorted((ROOT / "benchmarks" / "config").glob("*.yml"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _load(config: Path, mapping: Path | None = None) -> Settings:
    wanted = re.findall(r"\$\{(\w+)\}", config.read_text(encoding="utf-8"))
    environ = {name: "https://api.test" if name.endswith("_URL") else "a-s3cret-long-enough" for name in wanted}
    inputs = Inputs(config_file=config, mapping_file=mapping, environ=environ, sink=None, catalog=None, dotenv=None)
    return load_settings(inputs, PluginManager(disabled=()))


def _shown() -> list[object]:
    found: list[object] = []
    for document in DOCUMENTS:
        if document.name == "tutorial.md":  # it needs the plugin that it shows how to write; a test follows it
            continue
        blocks = re.findall(r"^```yaml\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        configurations = [block for block in blocks if "resources" in yaml.safe_load(block)]
        found += [pytest.param(block, id=f"{document.name}-{n}") for n, block in enumerate(configurations)]
    return found


@pytest.mark.parametrize("config", [*EXAMPLES, *BENCHMARKS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_example_is_valid_and_gives_no_warning(config: Path) -> None:
    mapping = config.with_name("port-app-config.yml")
    settings = _load(config, mapping if mapping.exists() else None)

    assert settings.resources
    assert settings.warnings == ()


@pytest.mark.parametrize("block", _shown())
def test_a_configuration_that_a_document_shows_is_valid_and_gives_no_warning(block: str, tmp_path: Path) -> None:
    config = tmp_path / "penstock.yml"
    config.write_text(block, encoding="utf-8")
    settings = _load(config)

    assert settings.resources
    assert settings.warnings == ()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
