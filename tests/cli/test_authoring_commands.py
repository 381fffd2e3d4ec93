"""``penstock plugins new`` and ``check``, as those who write plugins, or are given some, see them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest

from penstock.scaffold import create
from penstock.scaffold.build import build_wheel
from support.commands import Ran, penstock

SHORT: Final = "penstock_acme_pages/__init__.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of a pagination."""
    return create("pagination", "acme_pages", tmp_path_factory.mktemp("sources"), taken=())


@pytest.fixture(scope="module")
def wheel(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(package, tmp_path_factory.mktemp("wheels"))


def _check(path: Path, *options: str, folder: Path, **variables: str) -> Ran:
    return penstock("plugins", "check", str(path), *options, folder=folder, variables=variables, seconds=300)


def _changed(package: Path, folder: Path, old: str, new: str) -> Path:
    """Write the package again, with something else in its module."""
    copy = create("pagination", "acme_pages", folder, taken=())
    module = copy / "src" / SHORT
    text = module.read_text()
    assert old in text
    module.write_text(text.replace(old, new))
    assert package.name == copy.name
    return copy


def test_new_lists_what_it_wrote(tmp_path: Path) -> None:
    ran = penstock("plugins", "new", "sink", "acme_store", folder=tmp_path)

    written = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == sorted(written)


def test_new_refuses_a_bad_name_with_exit_code_2(tmp_path: Path) -> None:
    ran = penstock("plugins", "new", "auth", "Acme", folder=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert 'such as "acme"' in ran.err


def test_a_rule_that_is_broken_is_named_with_what_was_seen(package: Path, tmp_path: Path) -> None:
    copy = _changed(package, tmp_path, "if not page.items:", "if not page.items or page.index == 2:")

    ran = _check(copy, folder=tmp_path)

    assert ran.code == 1
    assert "  gates passed: pagination acme_pages" in ran.out
    assert "    test_an_api_that_behaves_is_read_whole[13-4]: AssertionError: 13 records came as " in ran.out


def _gate(ran: Ran) -> dict[str, Any]:
    [result] = ran.json()
    assert ran.code == 1
    assert result["kits"] == []
    return dict(result["gate"])


def test_a_gate_that_is_shut_is_named_and_the_kit_is_not_run(wheel: Path, tmp_path: Path) -> None:
    ran = _check(wheel, "--format", "json", folder=tmp_path, PENSTOCK_PLUGINS_ALLOW="another")

    assert _gate(ran)["code"] == "not_allowed"


def test_a_wheel_that_was_tampered_with_is_not_run(wheel: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / wheel.name
    with ZipFile(wheel) as old, ZipFile(spoilt, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content + b"\nopen('executed', 'w')\n" if name == SHORT else content)

    ran = _check(spoilt, "--format", "json", folder=tmp_path)

    assert _gate(ran)["code"] == "half_installed"
    assert os.listdir(tmp_path) == [wheel.name]  # noqa: PTH208


def test_without_a_case_the_gates_count_and_it_is_said(package: Path, tmp_path: Path) -> None:
    copy = create("pagination", "acme_pages", tmp_path, taken=())
    project = copy / "pyproject.toml"
    head, _, rest = project.read_text().partition('[project.entry-points."penstock.conformance"]')
    project.write_text(head + rest.partition("\n\n")[2])
    assert package.name == copy.name

    ran = _check(copy, folder=tmp_path)

    assert ran.code == 0, ran.err
    assert "it declares no case in the entry point group penstock.conformance, so the kit was not run" in ran.out


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[build-system]\nbuild-backend = 'not_to_be_found'\n", "No module named 'not_to_be_found'"),
        ("[build-system", "pyproject.toml cannot be read"),
    ],
)
def test_a_source_that_cannot_be_built_is_named(tmp_path: Path, toml: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(toml)

    ran = _check(tmp_path, folder=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_what_holds_no_plugin_is_named(tmp_path: Path) -> None:
    nothing, empty = _check(tmp_path / "nothing", folder=tmp_path), _check(tmp_path, folder=tmp_path)

    assert (nothing.code, empty.code) == (2, 2)
    assert "there is no such file or folder" in nothing.err
    assert "holds no plugin" in empty.err
