"""The gates one by one, where nothing has to be run."""

from __future__ import annotations

import os
import py_compile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.app import app
from penstock.errors import ConfigurationError
from penstock.mounting import Code, MountSettings
from penstock.mounting.cache import Cache
from penstock.mounting.found import Found
from penstock.mounting.gates import close_gates
from penstock.mounting.host import Host
from penstock.mounting.scan import scan
from support.packages import Package


def _gated(folder: Path, *, allow: tuple[str, ...] | None = None, lock: Path | None = None) -> dict[str, Code | None]:
    """Close the gates for what is in a folder, and return what each distribution was refused for."""
    settings = MountSettings((folder,), folder.parent / "cache", allow, lock)
    found = [item for item in scan(folder) if isinstance(item, Found)]
    close_gates(found, settings, Host(settings.cache), [])
    return {one.name: one.refusal.code if one.refusal else None for one in found}


def _lock(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plugins", "lock", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin, what it needs, and another plugin."""
    Package("acme", requires=("helper",)).wheel(tmp_path / "plugins")
    Package("helper", code="", points={}).wheel(tmp_path / "plugins")
    Package("other").wheel(tmp_path / "plugins")
    return tmp_path / "plugins"


def test_an_allow_list_lets_in_what_it_names_and_what_that_needs(folder: Path) -> None:
    assert _gated(folder) == {"acme": None, "helper": None, "other": None}
    assert _gated(folder, allow=("ac*",)) == {"acme": None, "helper": None, "other": Code.NOT_ALLOWED}
    assert _gated(folder, allow=("Other",)) == {"acme": Code.NOT_ALLOWED, "helper": Code.NOT_ALLOWED, "other": None}
    assert set(_gated(folder, allow=()).values()) == {Code.NOT_ALLOWED}


def test_what_is_locked_is_used_and_nothing_else(folder: Path) -> None:
    locked = _lock(str(folder))
    assert (locked.exit_code, locked.stdout) == (0, "")
    assert "locked acme 1.0 (acme-1.0-py3-none-any.whl)\n" in locked.stderr
    assert set(_gated(folder).values()) == {None}

    Package("other", code="# other code").wheel(folder)
    Package("later").wheel(folder)

    assert _gated(folder) == {"acme": None, "helper": None, "other": Code.CHANGED, "later": Code.NOT_LOCKED}


def test_a_lock_file_may_be_elsewhere(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.lock"
    assert _lock(str(folder), "--out", str(file)).exit_code == 0
    Package("later").wheel(folder)

    assert not (folder / "plugins.lock").exists()
    assert _gated(folder)["later"] is None
    assert _gated(folder, lock=file)["later"] is Code.NOT_LOCKED


def test_what_does_not_pass_is_not_locked(folder: Path) -> None:
    Package("bad", requires=("penstock>=99",)).wheel(folder)
    locked = _lock(str(folder))

    assert locked.exit_code == 1
    assert f"not locked: bad 1.0 ({folder / 'bad-1.0-py3-none-any.whl'}): api_level: " in locked.stderr
    assert "bad" not in (folder / "plugins.lock").read_text()


def test_a_tree_has_one_digest_wherever_and_by_whatever_it_was_installed(tmp_path: Path) -> None:
    digests: set[str] = set()
    for name, installer in (("one", "pip"), ("other", "uv")):
        info = Package("acme", files={"acme-1.0.dist-info/INSTALLER": installer}).tree(tmp_path / name)
        (info / "REQUESTED").touch()
        [found] = scan(tmp_path / name)
        assert isinstance(found, Found)
        digests.add(found.digest)

    assert len(digests) == 1


def test_a_lock_makes_up_for_files_that_all_may_write(folder: Path) -> None:
    (folder / "other-1.0-py3-none-any.whl").chmod(0o666)
    assert _gated(folder)["other"] is Code.WRITABLE

    _lock(str(folder))
    assert _gated(folder)["other"] is None


def test_byte_code_is_never_taken_over(tmp_path: Path) -> None:
    Package("acme").tree(tmp_path / "plugins")
    (tmp_path / "evil.py").write_text("1 / 0")
    compiled = tmp_path / "plugins" / "__pycache__" / "acme.cpython-313.pyc"
    py_compile.compile(str(tmp_path / "evil.py"), str(compiled))

    [found] = scan(tmp_path / "plugins")
    assert isinstance(found, Found)
    staged = Cache(tmp_path / "cache").staged(found)

    assert compiled.exists()
    assert [path.name for path in staged.rglob("*.pyc")] == []


def test_a_command_that_pip_put_beside_a_tree_is_no_way_out(tmp_path: Path) -> None:
    Package("acme", record={"../../bin/acme": "sha256=AAAA", "acme/__pycache__/x.pyc": ""}).tree(tmp_path / "plugins")

    assert _gated(tmp_path / "plugins") == {"acme": None}


def test_two_distributions_may_share_a_namespace_but_no_module(tmp_path: Path) -> None:
    for name in ("one", "other"):
        points = {"penstock.auth": {name: f"acme_{name}_space.{name}"}}
        shared = {f"shared_space/{name}.py": "", f"acme_{name}_space/{name}.py": ""}
        Package(name, files=shared, points=points).wheel(tmp_path / "sharing")
        Package(name, files={"same.py": ""}).wheel(tmp_path / "clashing")

    assert set(_gated(tmp_path / "sharing").values()) == {None}
    assert set(_gated(tmp_path / "clashing").values()) == {Code.SHADOWING}


def test_what_needs_something_refused_is_refused_too(tmp_path: Path) -> None:
    Package("acme", requires=("helper",)).wheel(tmp_path / "plugins")
    Package("helper", code="", points={}, requires=("deeper",)).wheel(tmp_path / "plugins")
    Package("deeper", code="", points={}, headers="Requires-Python: <3\n").wheel(tmp_path / "plugins")

    assert _gated(tmp_path / "plugins") == {
        "acme": Code.MISSING_DEPENDENCY,
        "helper": Code.MISSING_DEPENDENCY,
        "deeper": Code.PYTHON_VERSION,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[plugin", "the lock file is no TOML: "),
        ("plugin = 3", "expected [[plugin]] tables with name, version and sha256"),
        ('[[plugin]]\nname = "acme"', "expected [[plugin]] tables"),
        ('[[plugin]]\nname = "acme"\nversion = "1"\nsha256 = "x"', "expected [[plugin]] tables"),
        (None, "the lock file cannot be read: No such file"),
    ],
)
def test_a_lock_file_that_cannot_be_understood_is_an_error(folder: Path, text: str | None, message: str) -> None:
    file = folder / "named.lock"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        _gated(folder, lock=file)

    assert str(caught.value).startswith("environment PENSTOCK_PLUGINS_LOCK: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "inf", "nan"])
@pytest.mark.parametrize("variable", ["PENSTOCK_PLUGINS_PROBE_SECONDS", "PENSTOCK_PLUGINS_PROBE_MIB"])
def test_a_limit_that_is_none_is_an_error(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a number greater than 0"):
        MountSettings.of({variable: value})


def test_a_cache_that_others_may_write_to_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    found = next(item for item in scan(folder) if isinstance(item, Found))

    with pytest.raises(ConfigurationError, match="others may write to it; name a folder in PENSTOCK_CACHE_DIR"):
        Cache(tmp_path / "cache").staged(found)


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"PENSTOCK_CACHE_DIR": "/somewhere"}, "/somewhere"),
        ({"XDG_CACHE_HOME": "/caches", "HOME": "/"}, "/caches/penstock"),
        ({"HOME": "/nowhere"}, f"/tmp/penstock-{os.getuid()}"),
        ({}, f"/tmp/penstock-{os.getuid()}"),
    ],
)
def test_the_cache_is_where_it_may_be_written(
    environ: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")

    assert MountSettings.of(environ).cache == Path(place)


def test_a_lock_of_a_folder_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    result = _lock(str(tmp_path / "nowhere"))

    assert (result.exit_code, result.stderr) == (2, f"FOLDER: {tmp_path / 'nowhere'} is no folder\n")


def test_the_page_on_mounting_explains_every_gate() -> None:
    page = (Path(__file__).parents[2] / "docs" / "plugins" / "mounting.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("## The gates")[2].splitlines() if line.startswith("| `")]

    assert rows == [f"| `{code}` | {code.about.meaning} | {code.about.mend} |" for code in Code]
