"""What is built: the four typed packages, from a source archive that is complete."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "penstock": "core/penstock",
    "penstock_auth": "plugins/auth/penstock_auth",
    "penstock_pagination": "plugins/pagination/penstock_pagination",
    "penstock_sinks": "plugins/sinks/penstock_sinks",
}


def _build(target: str, source: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [built] = folder.iterdir()
    return built


def _names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def _sources() -> set[str]:
    return {
        f"{name}/{file.relative_to(ROOT / folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sdist = _build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [top] = folder.iterdir()
    return top


def test_the_wheel_holds_the_four_packages_whole_and_nothing_else(wheel: Path) -> None:
    packaged = {name for name in _names(wheel) if ".dist-info/" not in name}

    assert packaged == _sources()
    assert {f"{package}/py.typed" for package in PACKAGES} <= packaged


def test_the_wheel_carries_the_licence(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in _names(wheel))


def test_a_wheel_built_from_the_source_archive_is_the_same(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    assert _names(_build("wheel", unpacked, tmp_path)) == _names(wheel)


@pytest.mark.parametrize(
    "needed",
    [
        "tox.ini",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        ".ci/run",
        ".pre-commit-config.yaml",
        "benchmarks/run.py",
        "docs/architecture.md",
        "examples/README.md",
        "tests/packaging/test_distribution.py",
        "tests/support/server.py",
    ],
)
def test_the_source_archive_can_be_developed_from(unpacked: Path, needed: str) -> None:
    assert (unpacked / needed).is_file()
