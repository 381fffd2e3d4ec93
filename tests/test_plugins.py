"""The plugin manager: strangers' plugins, of which many are broken, and none takes the host down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.errors import BrokenPluginError, UnknownPluginError
from penstock.plugins import PluginInfo, PluginManager
from penstock.version import VERSION
from support.shelf import Shelf

AUTH = """
    import httpx
    from penstock import AuthStrategy, PluginConfig, hookimpl


    class AcmeConfig(PluginConfig):
        ticket: str = "t"


    class Acme(AuthStrategy[AcmeConfig]):
        name = "acme"
        Config = AcmeConfig

        def build(self, config, context):
            return httpx.Auth()


    @hookimpl
    def penstock_auth():
        return Acme()
"""
SINK_TOO = """

    from penstock import SinkStrategy


    class Place(SinkStrategy[AcmeConfig]):
        name = "acme"
        Config = AcmeConfig

        def open(self, config, context):
            raise NotImplementedError


    @hookimpl
    def penstock_sink():
        return Place()
"""
MARK = "from pathlib import Path\nPath(__file__).with_suffix('.imported').touch()\n"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType] - pytest leaves it untyped
    return Shelf(tmp_path)


def _info(manager: PluginManager, name: str = "acme") -> PluginInfo:
    [info] = [info for info in manager.infos() if info.name == name]
    return info


def _imported(shelf: Shelf) -> list[str]:
    return [path.stem for path in shelf.folder.glob("*.imported")]


def _changed(old: str, new: str) -> str:
    assert old in AUTH
    return AUTH.replace(old, new)


BROKEN = {
    "imports what is not there": ("import not_to_be_found", "ModuleNotFoundError: No module named 'not_to_be_found'"),
    "fails when imported": ("1 / 0", "ZeroDivisionError: division by zero"),
    "is no Python": ("def (:", "SyntaxError: invalid syntax"),
    "exits when imported": ("import sys\nsys.exit(3)", "it called sys.exit(3) when it was imported"),
    "raises SystemExit with a text": ("raise SystemExit('bye')", "it called sys.exit('bye') when it was imported"),
    "raises a BaseException": ("raise BaseException('odd')", "BaseException: odd"),
    "asks for arguments": (_changed("penstock_auth()", "penstock_auth(config)"), "PluginValidationError: "),
    "misspells its hook": (_changed("def penstock_auth", "def penstock_auht"), "unknown hook 'penstock_auht'"),
    "has no hook": (_changed("@hookimpl", ""), "implements no penstock_auth hook"),
    "fails in its hook": (_changed("return Acme()", "raise RuntimeError('no')"), "RuntimeError: no"),
    "exits in its hook": (
        _changed("return Acme()", "raise SystemExit(1)"),
        "it called sys.exit(1) when it was imported",
    ),
    "gives nothing": (
        _changed("return Acme()", "return None"),
        "TypeError: penstock_auth returned a value of NoneType, not an instance of AuthStrategy",
    ),
    "gives its class": (
        _changed("return Acme()", "return Acme"),
        "TypeError: penstock_auth returned the class Acme, not an instance of AuthStrategy",
    ),
    "goes by another name": (
        _changed('name = "acme"', 'name = "apex"'),
        'TypeError: the entry point is called "acme" and the strategy "apex"; they must be the same word',
    ),
    "has no name": (_changed('name = "acme"', ""), "AttributeError: 'Acme' object has no attribute 'name'"),
    "has no Config": (_changed("Config = AcmeConfig", ""), "TypeError: Acme.Config is not a PluginConfig"),
    "has another Config": (
        _changed("Config = AcmeConfig", "Config = dict"),
        "TypeError: Acme.Config is not a PluginConfig",
    ),
    "takes too few arguments": (
        _changed("build(self, config, context)", "build(self, config)"),
        "TypeError: Acme.build has the wrong signature: too many positional arguments",
    ),
    "takes too many arguments": (
        _changed("build(self, config, context)", "build(self, config, context, more)"),
        "TypeError: Acme.build has the wrong signature: missing a required argument: 'more'",
    ),
    "lacks a method": (_changed("def build(", "def built("), "TypeError: Can't instantiate abstract class Acme"),
}


@pytest.mark.parametrize(("code", "reason"), list(BROKEN.values()), ids=list(BROKEN))
def test_a_broken_plugin_is_reported_and_only_using_it_is_an_error(shelf: Shelf, code: str, reason: str) -> None:
    shelf.put("acme-plugin", code, "auth:acme", version="2.3")
    shelf.put("good-plugin", _changed('name = "acme"', 'name = "good"'), "auth:good")
    manager = shelf.manager()

    info = _info(manager)

    assert (info.family, info.distribution, info.version, info.state) == ("auth", "acme-plugin", "2.3", "broken")
    assert reason in info.reason
    assert "\n" not in info.reason
    assert manager.auth("good").name == "good"
    assert [strategy.name for strategy in manager.usable("auth")] == ["good"]
    with pytest.raises(BrokenPluginError) as caught:
        manager.auth("acme")
    assert str(caught.value) == f'the auth plugin "acme" of acme-plugin cannot be used: {info.reason}'


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("auth:acme=nowhere.at_all", "ModuleNotFoundError: No module named 'nowhere'"),
        ("auth:acme={module}:absent", "AttributeError: module '{module}' has no attribute 'absent'"),
        ("auth:acme=not a module", "AttributeError: "),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_reported(shelf: Shelf, point: str, reason: str) -> None:
    module = shelf.put("acme-plugin", AUTH, point)

    info = _info(shelf.manager())

    assert info.state == "broken"
    assert reason.format(module=module) in info.reason


def test_of_several_plugins_with_one_name_none_is_imported(shelf: Shelf) -> None:
    shelf.put("acme-plugin", MARK, "auth:acme", version="1.0")
    shelf.put("zebra-plugin", MARK, "auth:acme", version="2.0")
    manager = shelf.manager()

    info = _info(manager)

    assert (info.state, info.distribution) == ("conflict", "acme-plugin, zebra-plugin")
    assert set(info.version.split(", ")) == {"1.0", "2.0"}
    assert info.reason == "the name is claimed by acme-plugin, zebra-plugin; uninstall all but one"
    with pytest.raises(BrokenPluginError, match="claimed by acme-plugin, zebra-plugin"):
        manager.auth("acme")
    assert _imported(shelf) == []


def test_a_built_in_name_that_a_stranger_claims_belongs_to_nobody(shelf: Shelf) -> None:
    shelf.put("aaa-plugin", MARK, "auth:bearer_token")
    manager = PluginManager(disabled=())

    with pytest.raises(BrokenPluginError, match="claimed by aaa-plugin, penstock"):
        manager.auth("bearer_token")

    assert manager.auth("basic").name == "basic"
    assert _imported(shelf) == []


def test_one_name_may_be_used_in_two_families_even_by_one_module(shelf: Shelf) -> None:
    shelf.put("acme-plugin", AUTH + SINK_TOO, "auth:acme", "sink:acme")
    manager = shelf.manager()

    assert manager.auth("acme").name == manager.sink("acme").name == "acme"
    assert {info.state for info in manager.infos()} == {"ok"}


def test_nothing_is_imported_before_it_is_asked_for(shelf: Shelf) -> None:
    module = shelf.put("acme-plugin", MARK + AUTH.replace("\n    ", "\n"), "auth:acme")
    shelf.put("other-plugin", MARK, "auth:other")
    manager = shelf.manager()

    assert manager.names("auth") == ["acme", "other"]
    assert _imported(shelf) == []

    manager.auth("acme")
    assert _imported(shelf) == [module]


@pytest.mark.parametrize("word", ["acme", "auth:acme"])
def test_a_disabled_plugin_is_not_imported_and_using_it_says_why_not(shelf: Shelf, word: str) -> None:
    shelf.put("acme-plugin", MARK, "auth:acme")
    manager = shelf.manager(word)

    info = _info(manager)

    assert (info.state, info.distribution, info.reason) == (
        "disabled",
        "acme-plugin",
        "listed in PENSTOCK_DISABLE_PLUGINS",
    )
    assert manager.names("auth") == []
    assert manager.usable("auth") == []
    with pytest.raises(BrokenPluginError, match="cannot be used: listed in PENSTOCK_DISABLE_PLUGINS"):
        manager.auth("acme")
    assert _imported(shelf) == []


def test_a_family_before_the_name_leaves_other_families_alone(shelf: Shelf) -> None:
    shelf.put("acme-plugin", AUTH + SINK_TOO, "auth:acme", "sink:acme")
    manager = shelf.manager("auth:acme")

    assert {info.family: info.state for info in manager.infos()} == {"auth": "disabled", "sink": "ok"}


def test_the_environment_disables_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DISABLE_PLUGINS", " basic, pagination:none ,,")
    manager = PluginManager()

    assert "basic" not in manager.names("auth")
    assert "none" in manager.names("auth")
    assert "none" not in manager.names("pagination")


def test_an_unknown_name_lists_what_is_installed_and_the_nearest(shelf: Shelf) -> None:
    shelf.put("acme-plugin", AUTH, "auth:acme")

    with pytest.raises(UnknownPluginError) as caught:
        shelf.manager().auth("amce")

    assert str(caught.value) == 'no auth plugin is called "amce"; did you mean "acme"? (installed: acme)'


def test_a_checkout_that_is_not_installed_says_how_to_install_it() -> None:
    with pytest.raises(UnknownPluginError, match=r"none is installed; run `pip install -e \.`"):
        PluginManager([]).auth("none")


def test_a_damaged_installation_has_no_name_and_does_no_harm(shelf: Shelf) -> None:
    shelf.put("acme-plugin", AUTH, "auth:acme", metadata=False)
    manager = shelf.manager()

    info = _info(manager)

    assert (info.state, info.distribution, info.version) == ("ok", "an unknown distribution", "")


UNSUITABLE: list[tuple[list[str], str, str]] = [
    (
        ["api:2=penstock"],
        "",
        "acme-plugin 2.3 was written for level 2 of the plugin API, and penstock {v} offers 1; upgrade penstock",
    ),
    (
        ["api:0=penstock"],
        "",
        "acme-plugin 2.3 was written for level 0 of the plugin API, and penstock {v} offers 1; upgrade acme-plugin",
    ),
    (
        ["api:new=penstock"],
        "",
        'acme-plugin 2.3 declares the plugin API level "new", which is no number; upgrade acme-plugin',
    ),
    ([], "penstock>=9", "acme-plugin 2.3 requires penstock>=9, and this is penstock {v}; upgrade penstock"),
    ([], "penstock (<0.0.1)", "acme-plugin 2.3 requires penstock<0.0.1, and this is penstock {v}; upgrade acme-plugin"),
]


@pytest.mark.parametrize(("levels", "requires", "reason"), UNSUITABLE)
def test_a_plugin_for_another_penstock_is_not_imported_and_says_what_to_upgrade(
    shelf: Shelf, levels: list[str], requires: str, reason: str
) -> None:
    shelf.put("acme-plugin", MARK, "auth:acme", *levels, version="2.3", requires=requires)

    info = _info(shelf.manager())

    assert (info.state, info.reason) == ("broken", reason.format(v=VERSION))
    assert _imported(shelf) == []


@pytest.mark.parametrize(
    ("levels", "requires"),
    [
        ([], "penstock"),
        (["api:1=penstock"], "penstock>=0.0.1"),
        (["api:1=penstock", "api:2=penstock"], ""),
        ([], 'penstock>=9; python_version < "3"'),
        ([], "penstock-of-another-name>=9"),
    ],
)
def test_a_plugin_for_this_penstock_is_used(shelf: Shelf, levels: list[str], requires: str) -> None:
    shelf.put("acme-plugin", AUTH, "auth:acme", *levels, requires=requires)

    assert _info(shelf.manager()).state == "ok"


def test_a_distribution_on_the_path_is_found(shelf: Shelf) -> None:
    shelf.put("acme-plugin", AUTH, "auth:acme")

    assert PluginManager(disabled=()).auth("acme").name == "acme"


def test_every_built_in_works() -> None:
    infos = PluginManager(disabled=()).infos()

    assert [info for info in infos if info.distribution == "penstock" and info.state != "ok"] == []
    assert len([info for info in infos if info.distribution == "penstock"]) > 10


def test_the_command_lists_a_plugin_that_exits_and_lives(shelf: Shelf) -> None:
    shelf.put("acme-plugin", "import sys\nsys.exit(7)", "auth:acme")

    done = subprocess.run(
        [sys.executable, "-m", "penstock", "plugins"],
        env={**os.environ, "PYTHONPATH": str(shelf.folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if "acme-plugin" in line]
    assert "broken" in line
    assert "it called sys.exit(7) when it was imported" in line
