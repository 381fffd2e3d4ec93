"""Mounted plugins that are in order: found in every form, used after the host's own, probed once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.mounting import MountSettings, mount
from support.commands import Ran, config_for, penstock, write_config
from support.imports import modules_of
from support.packages import Package, auth_code
from support.project import resource
from support.server import Received, Reply, serve


class Mounts:
    """Folders of plugins in every form, and a host that is asked about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.one, self.other, self.config_map = (folder / name for name in ("one", "other", "config_map"))
        mark = f"open({str(folder / 'marks')!r}, 'a').write('x')\n"
        Package("by_wheel", code=mark + auth_code("by_wheel"), requires=("helper>=1", "httpx>=0.2")).wheel(self.one)
        Package("helper", version="1.5", code="", points={}).wheel(self.one)
        Package("by_folder", requires=("penstock>=0",)).tree(self.one / "by_folder")
        (self.one / "by_file.py").write_text(auth_code("by_file"))
        (self.one / "README.md").write_text("what is mounted here")
        Package("by_tree", files={"penstock-0.0.0.dist-info/METADATA": "Name: penstock\nVersion: 0.0.0\n"}).tree(
            self.other
        )
        (self.other / "penstock-0.0.0.dist-info" / "RECORD").write_text("penstock-0.0.0.dist-info/METADATA,,\n")
        Package("httpx", version="0.0.1", code="1 / 0", points={}).tree(self.other)
        (self.other / "bin").mkdir()
        kept = self.config_map / "..2026"
        wheel = Package("by_link").wheel(kept)
        (self.config_map / "..data").symlink_to("..2026")
        (self.config_map / wheel.name).symlink_to(f"..data/{wheel.name}")

    def run(self, *arguments: str, **variables: str) -> Ran:
        folders = os.pathsep.join(map(str, (self.one, self.other, self.config_map)))
        ours = {"PENSTOCK_PLUGINS_DIR": folders, "PENSTOCK_CACHE_DIR": str(self.folder / "cache"), **variables}
        return penstock(*arguments, folder=self.folder, variables=ours)

    def imports(self) -> int:
        """How often the plugin of the wheel was imported so far."""
        return len((self.folder / "marks").read_text())


@pytest.fixture(scope="module")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> Mounts:
    return Mounts(tmp_path_factory.mktemp("mounts"))


@pytest.fixture(scope="module")
def listed(mounts: Mounts) -> dict[str, dict[str, Any]]:
    ran = mounts.run("plugins", "--format", "json", "--strict-plugins")
    assert ran.code == 0, ran.err
    return {info["name"]: info for info in ran.json() if info["path"]}


@pytest.mark.parametrize(
    ("name", "version", "place"),
    [
        ("by_wheel", "1.0", "one/by_wheel-1.0-py3-none-any.whl"),
        ("by_folder", "1.0", "one/by_folder/by_folder-1.0.dist-info"),
        ("by_file", "0", "one/by_file.py"),
        ("by_tree", "1.0", "other/by_tree-1.0.dist-info"),
        ("by_link", "1.0", "config_map/by_link-1.0-py3-none-any.whl"),
    ],
)
def test_a_plugin_is_found_in_whatever_form_it_is_mounted(
    mounts: Mounts, listed: dict[str, dict[str, Any]], name: str, version: str, place: str
) -> None:
    info = listed[name]

    assert (info["family"], info["state"], info["version"], info["code"]) == ("auth", "ok", version, "")
    assert info["path"] == str(mounts.folder / place)


def test_a_single_file_is_said_to_be_for_development(mounts: Mounts, listed: dict[str, dict[str, Any]]) -> None:
    assert [name for name, info in listed.items() if "for development only" in info["reason"]] == ["by_file"]
    assert (
        "by_file.py): a single file has no version and no requirements: for development only"
        in mounts.run("schema").err
    )


def test_a_mounted_plugin_signs_the_requests_of_a_sync(mounts: Mounts) -> None:
    tickets: list[str] = []

    def users(request: Received) -> Reply:
        tickets.append(request.headers["X-Ticket"])
        return Reply([{"id": 1}])

    with serve(users) as api:
        config = config_for(api.url, [resource("/users")], authType="by_tree", byTreeTicket="mine")
        write_config(mounts.folder, config)
        ran = mounts.run("sync")

    assert ran.code == 0, ran.err
    assert tickets == ["by_tree"]


def test_its_settings_are_shown_and_in_the_schema(mounts: Mounts) -> None:
    shown = mounts.run("plugins", "show", "by_wheel", "--format", "json")
    schema = mounts.run("schema")

    assert [setting["name"] for setting in shown.json()["settings"]] == ["byWheelTicket"]
    assert "byWheelTicket" in schema.json()["$defs"]["connection"]["properties"]


def test_a_plugin_is_probed_once_and_then_only_imported(mounts: Mounts, listed: dict[str, dict[str, Any]]) -> None:
    assert listed
    before = mounts.imports()
    mounts.run("schema")  # imports all
    in_the_host = mounts.imports()
    mounts.run("init", "--help")

    assert in_the_host == before + 1
    assert mounts.imports() == in_the_host


def test_without_plugins_there_are_the_built_in_ones(mounts: Mounts) -> None:
    everywhere = [
        mounts.run("--no-plugins", "plugins", "--format", "json"),
        mounts.run("plugins", "--no-plugins", "--format", "json"),
    ]
    everywhere.append(mounts.run("plugins", "--format", "json", PENSTOCK_NO_PLUGINS="1"))

    for ran in everywhere:
        assert {info["distribution"] for info in ran.json()} == {"penstock"}


def test_mounted_modules_come_after_all_of_the_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", list(before))
    Package("comes_last").wheel(tmp_path / "plugins")
    settings = MountSettings((tmp_path / "plugins",), tmp_path / "cache")

    [verdict] = mount(settings, []).verdicts
    mount(settings, [])

    assert verdict.refusal is None
    assert sys.path[: len(before)] == before
    [added] = sys.path[len(before) :]
    assert Path(added).is_relative_to(tmp_path / "cache")
    assert {path.name for path in Path(added).iterdir()} - {"__pycache__"} == {
        "comes_last.py",
        "comes_last-1.0.dist-info",
    }


def test_a_configuration_that_names_a_gated_plugin_is_told_what_mends_it(tmp_path: Path) -> None:
    wheel = Package("gated", requires=("penstock>=99",)).wheel(tmp_path / "plugins")
    write_config(tmp_path, config_for("http://127.0.0.1:9", [resource("/users")], authType="gated"))
    variables = {"PENSTOCK_PLUGINS_DIR": str(tmp_path / "plugins"), "PENSTOCK_CACHE_DIR": str(tmp_path / "cache")}

    ran = penstock("sync", folder=tmp_path, variables=variables)
    strict = penstock("sync", "--strict-plugins", folder=tmp_path, variables=variables)

    assert (ran.code, strict.code) == (2, 2)
    assert f"warning: plugin gated 1.0 ({wheel}) is not used: api_level: gated 1.0 requires penstock>=99" in ran.err
    assert 'the auth plugin "gated" of gated cannot be used: api_level: gated 1.0 requires penstock>=99' in ran.err
    assert strict.err.startswith(f"plugins: gated 1.0 ({wheel}): api_level: ")


def test_where_nothing_is_mounted_nothing_is_loaded_for_it(tmp_path: Path) -> None:
    script = "from penstock.cli.plugged import plugin_manager\nplugin_manager()"

    for folder in ("", str(tmp_path)):
        modules = modules_of(f"import os\nos.environ['PENSTOCK_PLUGINS_DIR'] = {folder!r}\n{script}")
        assert [name for name in modules if name.startswith(("penstock.mounting", "packaging", "concurrent"))] == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    variables = {"PENSTOCK_PLUGINS_DIR": str(tmp_path / "nowhere"), "PENSTOCK_CACHE_DIR": str(tmp_path / "cache")}
    ran = penstock("schema", folder=tmp_path, variables=variables)

    assert ran.code == 0
    assert "nowhere cannot be read: No such file or directory" in ran.err
    assert json.loads(ran.out)
