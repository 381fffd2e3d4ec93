"""What is installed must be what the tree declares, and every declared name must resolve to a module."""

from __future__ import annotations

import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import pytest

from penstock.version import VERSION

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {"auth": "penstock_auth", "pagination": "penstock_pagination", "sink": "penstock_sinks"}
INSTALLED = sorted(distribution("penstock").entry_points, key=lambda point: (point.group, point.name))


def _declared() -> set[tuple[str, str, str]]:
    points = {("console_scripts", name, value) for name, value in PROJECT["scripts"].items()}
    for group, names in PROJECT["entry-points"].items():
        points |= {(group, name, value) for name, value in names.items()}
    return points


def test_the_installed_entry_points_are_those_of_the_tree_or_it_wants_reinstalling() -> None:
    assert {(point.group, point.name, point.value) for point in INSTALLED} == _declared()


def test_the_distribution_has_the_version_that_the_code_tells() -> None:
    assert distribution("penstock").version == VERSION


@pytest.mark.parametrize("point", INSTALLED, ids=lambda point: f"{point.group}:{point.name}")
def test_an_entry_point_resolves(point: EntryPoint) -> None:
    assert point.load() is not None


@pytest.mark.parametrize("family", sorted(PACKAGES))
def test_every_plugin_module_is_an_entry_point_and_its_name_is_the_word_a_configuration_writes(family: str) -> None:
    package = import_module(PACKAGES[family])
    folder = Path(package.__file__ or "").parent
    modules = {file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")}
    plugins = {name for name in modules if hasattr(import_module(f"{package.__name__}.{name}"), f"penstock_{family}")}

    named = {point.name: point.module for point in INSTALLED if point.group == f"penstock.{family}"}
    assert named == {name: f"{package.__name__}.{name}" for name in plugins}
