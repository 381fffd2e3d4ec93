"""Plugins of pydantic see every value that a model validates: for penstock, that is every secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import penstock


@pytest.fixture
def onlooker(tmp_path: Path) -> Path:
    """A folder from which Python imports a distribution with a plugin of pydantic, which says that it is there."""
    info = tmp_path / "onlooker-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onlooker\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pydantic]\nonlooker = onlooker:plugin\n")
    (tmp_path / "onlooker.py").write_text(
        "import sys\n"
        "class Plugin:\n"
        "    def new_schema_validator(self, *arguments):\n"
        "        print('looking on', file=sys.stderr)\n"
        "        return None, None, None\n"
        "plugin = Plugin()\n"
    )
    return tmp_path


def test_they_are_not_used(onlooker: Path) -> None:
    assert "looking on" not in penstock("init", folder=onlooker).err
    assert "looking on" not in penstock("check", folder=onlooker).err


def test_they_are_used_by_whoever_insists(onlooker: Path) -> None:
    penstock("init", folder=onlooker)

    assert "looking on" in penstock("check", folder=onlooker, variables={"PYDANTIC_DISABLE_PLUGINS": "none"}).err
