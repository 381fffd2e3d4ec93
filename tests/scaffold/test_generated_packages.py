"""What ``penstock plugins new`` writes: its tests pass, its types and style are clean, and bad names are refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from penstock.plugins import FAMILIES, Family
from penstock.scaffold import create
from penstock.scaffold.new import BadNameError

ROOT: Final = Path(__file__).parents[2]
USUAL: Final = {"auth": "acme_login", "pagination": "acme_pages", "sink": "acme_store"}
LENGTHS: Final = ("{}", "{}_of_24_characters_is_ok")
"""The shortest name and the longest: lines may be broken in other places."""


def _needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed; `tox -e type` has it")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each family."""
    folder = tmp_path_factory.mktemp("packages")
    for family in FAMILIES:
        create(family, USUAL[family], folder, taken=())
    return folder


@pytest.fixture(scope="module")
def extremes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages of the shortest and the longest names."""
    folder = tmp_path_factory.mktemp("extremes")
    for family in FAMILIES:
        for length in LENGTHS:
            create(family, length.format(family[0])[:24].rstrip("_"), folder, taken=())
    return folder


def _run(folder: Path, *command: str, sources: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, sources.glob("*/src")))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "MYPYPATH": path}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=env, check=False, capture_output=True, text=True
    )


def test_their_tests_pass_as_they_are(packages: Path) -> None:
    done = _run(packages, "pytest", "-q", "-p", "no:cacheprovider", ".", sources=packages)

    assert done.returncode == 0, done.stdout
    assert [word for word in ("failed", "error", "warning") if word in done.stdout] == []


@_needs("ruff")
@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["rules", "format"])
def test_they_are_in_good_style_whatever_their_name(packages: Path, extremes: Path, command: list[str]) -> None:
    done = _run(packages, "ruff", *command, "--no-cache", str(packages), str(extremes), sources=packages)

    assert done.returncode == 0, done.stdout


@_needs("mypy")
def test_their_types_are_strictly_right(packages: Path) -> None:
    files = [*packages.glob("*/src/*/*.py"), *packages.glob("*/tests/*.py")]
    cache = ROOT / ".mypy_cache"
    done = _run(packages, "mypy", "--strict", f"--cache-dir={cache}", *map(str, files), sources=packages)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("family", FAMILIES)
def test_they_say_who_they_are(packages: Path, family: Family) -> None:
    name = USUAL[family]
    folder = packages / f"penstock-{name.replace('_', '-')}"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]

    assert project["entry-points"][f"penstock.{family}"] == {name: f"penstock_{name}"}
    assert project["entry-points"]["penstock.api"] == {"1": "penstock"}
    assert (folder / project["readme"]).read_text().startswith(f"# {project['name']}\n")
    assert all((folder / file).is_file() for file in project["license-files"])
    assert "$" not in (folder / "LICENSE").read_text()


NAMES: Final = {
    "My-Auth": 'such as "my_auth"',
    "acme-login": 'such as "acme_login"',
    "2fa": "begins with a letter",
    "_acme": 'such as "acme"',
    "acme__login": 'such as "acme_login"',
    "ACME LOGIN!": 'such as "acme_login"',
    "": "begins with a letter",
    "../acme": 'such as "acme"',
    "ünï": "begins with a letter",
    "x" * 25: "at most 24 characters",
    "class": "a word of Python",
    "basic": 'there is a plugin of the family auth called "basic" already',
    "auth": "there is a module called penstock_auth already",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_name_is_refused_with_what_is_expected(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadNameError) as raised:
        create("auth", name, tmp_path, taken=["basic"])

    assert NAMES[name] in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "penstock-acme").mkdir()

    with pytest.raises(BadNameError, match="penstock-acme is there already"):
        create("sink", "acme", tmp_path, taken=())
    with pytest.raises(BadNameError, match="there is no folder"):
        create("sink", "acme", tmp_path / "nowhere", taken=())
