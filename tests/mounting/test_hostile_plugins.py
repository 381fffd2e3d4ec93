"""The corpus of hostile plugins, all mounted at once: the host lives, each is named, and none runs in the host."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.commands import start
from support.hostile import CORPUS, Hostile
from support.packages import Package

CANARY = "c4nary-of-the-environment"


class Aftermath:
    """What is left when a host has listed its plugins with the whole corpus mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "marks").mkdir()
        for hostile in CORPUS:
            hostile.put(folder / hostile.name)
        Package("good").wheel(folder / "good")
        places = [str(folder / name) for name in ("good", *(hostile.name for hostile in CORPUS))]
        variables = {
            "PENSTOCK_PLUGINS_DIR": os.pathsep.join(places),
            "PENSTOCK_CACHE_DIR": str(folder / "cache"),
            "PENSTOCK_PLUGINS_PROBE_SECONDS": "8",
            "PENSTOCK_PLUGINS_PROBE_MIB": "768",
            "PENSTOCK__CONNECTION__API_TOKEN": CANARY,
        }
        with start("plugins", "--format", "json", folder=folder, variables=variables) as host:
            self.out, self.err = host.communicate(timeout=120)
            self.code, self.pid = host.returncode, host.pid
        self.infos: list[dict[str, Any]] = json.loads(self.out) if self.code == 0 else []

    def named(self, name: str) -> list[dict[str, Any]]:
        """What is said of everything in a folder."""
        place = str(self.folder / name)
        return [info for info in self.infos if info["path"].startswith(place + "/")]

    def marks(self, hostile: Hostile) -> list[int]:
        """The processes that imported it."""
        path = self.folder / "marks" / hostile.name
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    return Aftermath(tmp_path_factory.mktemp("corpus"))


def test_the_host_lives_and_a_good_plugin_among_them_works(aftermath: Aftermath) -> None:
    assert aftermath.code == 0, aftermath.err
    assert [(info["name"], info["state"]) for info in aftermath.named("good")] == [("good", "ok")]
    assert {info["state"] for info in aftermath.infos if info["distribution"] == "penstock"} == {"ok"}


@pytest.mark.parametrize("hostile", CORPUS, ids=[hostile.what for hostile in CORPUS])
def test_a_hostile_plugin_is_named_gated_and_never_run_in_the_host(aftermath: Aftermath, hostile: Hostile) -> None:
    infos = aftermath.named(hostile.name)

    assert infos, f"nothing is said of {hostile.name}"
    assert {info["state"] for info in infos} == {"gated"}
    assert hostile.code in {info["code"] for info in infos}, infos
    for info in infos:
        assert hostile.name in info["distribution"].replace("-", "_")
        assert info["reason"].endswith(type(hostile.code)(info["code"]).about.mend)
    ran_in = aftermath.marks(hostile)
    assert bool(ran_in) == hostile.runs
    assert aftermath.pid not in ran_in


def test_what_they_print_does_not_get_out(aftermath: Aftermath) -> None:
    assert CANARY not in aftermath.out + aftermath.err
    assert aftermath.err == ""


def test_none_of_them_writes_outside_its_own_folder(aftermath: Aftermath) -> None:
    assert list(aftermath.folder.rglob("outside.py")) == []
