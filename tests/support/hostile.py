"""The corpus of hostile plugins: each writes a mark when it is imported, and what must become of it is said here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penstock.mounting import Code
from support.packages import Package, auth_code


@dataclass(frozen=True)
class Hostile:
    """One hostile plugin."""

    what: str
    code: Code
    """Of the gate that must stop it."""
    put: Callable[[Path], object]
    """Puts it into a folder of its own; ``marks`` beside the folder takes the marks."""
    runs: bool = False
    """Whether only running it shows what it is: in a child, never in the host."""

    @property
    def name(self) -> str:
        return "hostile_" + "_".join(self.what.replace("-", " ").replace(".", "").replace("/", "").split())


def mark(folder: Path, name: str) -> str:
    """Code that leaves a mark with the number of its process."""
    path = folder.parent / "marks" / name
    return f"import os\nwith open({str(path)!r}, 'a') as marks:\n    marks.write(f'{{os.getpid()}}\\n')\n"


def _wheel(what: str, code: Code, **changes: object) -> Hostile:
    return _hostile(what, code, lambda package, folder: package.changed(**changes).wheel(folder))


def _module(what: str, code: Code, before: str, *, replace: tuple[str, str] = ("", "")) -> Hostile:
    """A wheel that runs this code when it is imported."""

    def put(package: Package, folder: Path) -> None:
        text = auth_code(package.name).replace(*replace) if replace[0] else auth_code(package.name)
        package.changed(code=mark(folder, package.name) + before + "\n" + text).wheel(folder)

    return _hostile(what, code, put, runs=True)


def _hostile(what: str, code: Code, put: Callable[[Package, Path], object], *, runs: bool = False) -> Hostile:
    name = Hostile(what, code, lambda _: None).name

    def put_marked(folder: Path) -> None:
        put(Package(name, code=mark(folder, name) + auth_code(name)), folder)

    return Hostile(what, code, put_marked, runs=runs)


def _clash(package: Package, folder: Path) -> None:
    points = {"penstock.auth": {"clash": package.name}}
    package.changed(points=points).wheel(folder)
    package.changed(name=f"{package.name}_too", points={"penstock.auth": {"clash": f"{package.name}_too"}}).wheel(
        folder
    )


def _half_upgraded(package: Package, folder: Path) -> None:
    package.tree(folder)
    newer = package.changed(version="2.0", code=(package.code or "") + "# newer\n")
    newer.tree(folder)


def _left_over(package: Package, folder: Path) -> None:
    package.changed(files={f"{package.name}_x/__init__.py": ""}).tree(folder)
    (folder / f"{package.name}_x" / "old.py").write_text(package.code or "")


def _link(package: Package, folder: Path) -> None:
    package.tree(folder)
    elsewhere = folder.parent / "elsewhere.py"
    (folder / f"{package.name}.py").rename(elsewhere)
    (folder / f"{package.name}.py").symlink_to(elsewhere)


def _linked_wheel(package: Package, folder: Path) -> None:
    wheel = package.wheel(folder.parent / "elsewhere")
    folder.mkdir()
    (folder / wheel.name).symlink_to(wheel)


def _open(package: Package, folder: Path) -> None:
    package.wheel(folder).chmod(0o666)


def _bare(package: Package, folder: Path) -> None:
    (folder / package.name).mkdir(parents=True)
    (folder / package.name / "__init__.py").write_text(package.code or "")


def _source(package: Package, folder: Path) -> None:
    _bare(package, folder)
    (folder / package.name / "pyproject.toml").write_text(f'[project]\nname = "{package.name}"\n')


def _no_zip(package: Package, folder: Path) -> None:
    wheel = package.wheel(folder)
    wheel.write_bytes(wheel.read_bytes()[:200])


def _no_record(package: Package, folder: Path) -> None:
    (package.tree(folder) / "RECORD").unlink()


def _unlocked(package: Package, folder: Path) -> None:
    package.wheel(folder)
    (folder / "plugins.lock").write_text("")


def _exchanged(package: Package, folder: Path) -> None:
    package.wheel(folder)
    entry = f'[[plugin]]\nname = "{package.name}"\nversion = "1.0"\nsha256 = "{"0" * 64}"\n'
    (folder / "plugins.lock").write_text(entry)


def _tampered(package: Package, folder: Path) -> None:
    package.tree(folder)
    (folder / f"{package.name}.py").write_text((package.code or "") + "# changed\n")


CORPUS: list[Hostile] = [
    _module("raises when imported", Code.IMPORT_FAILED, "raise RuntimeError('no')"),
    _module("raises a BaseException", Code.IMPORT_FAILED, "class Odd(BaseException): pass\nraise Odd('odd')"),
    _module(
        "raises what cannot be shown", Code.IMPORT_FAILED, "class Odd(Exception):\n def __str__(self): 1 / 0\nraise Odd"
    ),
    _module("imports what is not there", Code.IMPORT_FAILED, "import not_to_be_found"),
    _module("calls sys.exit", Code.IMPORT_EXITED, "import sys\nsys.exit(0)"),
    _module("calls os._exit", Code.IMPORT_EXITED, "os._exit(0)"),
    _module("hangs", Code.IMPORT_HUNG, "import time\nwhile True: time.sleep(60)"),
    _module("segfaults", Code.IMPORT_CRASHED, "import ctypes\nctypes.string_at(1)"),
    _module("takes much memory", Code.IMPORT_MEMORY, "much = bytearray(8 << 30)"),
    _module("prints the environment", Code.IMPORT_OUTPUT, "print(dict(os.environ))"),
    _module("writes to standard error", Code.IMPORT_OUTPUT, "os.write(2, repr(dict(os.environ)).encode())"),
    _module("patches penstock", Code.CHANGES_HOST, "from penstock.config import load\nload.load_settings = print"),
    _module("patches a class", Code.CHANGES_HOST, "import httpx\nhttpx.URL.__str__ = lambda self: 'x'"),
    _module("patches Python", Code.CHANGES_HOST, "import builtins\nbuiltins.open = print"),
    _module("hooks into imports", Code.CHANGES_HOST, "import sys\nsys.meta_path.insert(0, sys.meta_path[0])"),
    _module("changes the environment", Code.CHANGES_HOST, "os.environ['HTTP_PROXY'] = 'http://evil.test'"),
    _module("has the wrong signature", Code.UNFIT, "", replace=("build(self, config, context)", "build(self)")),
    _module("raises in its hook", Code.UNFIT, "", replace=("return Acme()", "raise BaseException('no')")),
    _module("exits in its hook", Code.UNFIT, "", replace=("return Acme()", "raise SystemExit(0)")),
    _module("returns nonsense", Code.UNFIT, "", replace=("return Acme()", "return 42")),
    _module("misspells its hook", Code.UNFIT, "", replace=("def penstock_auth", "def penstock_auht")),
    _module(
        "settings without a schema",
        Code.UNFIT,
        "class Odd: pass",
        replace=('_ticket: str = "t"', '_ticket: Odd = Odd()\n    model_config = {"arbitrary_types_allowed": True}'),
    ),
    _wheel("no entry point", Code.NO_ENTRY_POINT, points={}),
    _wheel("dead entry point", Code.DEAD_ENTRY_POINT, points={"penstock.auth": {"hostile": "nowhere.at_all"}}),
    _hostile(
        "clashes with a built-in",
        Code.NAME_CLASH,
        lambda package, folder: package.changed(points={"penstock.auth": {"bearer_token": package.name}}).wheel(folder),
    ),
    _hostile("clashes with another", Code.NAME_CLASH, _clash),
    _hostile(
        "wrong API level",
        Code.API_LEVEL,
        lambda package, folder: package.changed(
            points={"penstock.auth": {package.name: package.name}, "penstock.api": {"99": "penstock"}}
        ).wheel(folder),
    ),
    _wheel("wrong penstock", Code.API_LEVEL, requires=("penstock>=99",)),
    _wheel("wrong Python", Code.PYTHON_VERSION, headers="Requires-Python: <3\n"),
    _wheel("wrong platform", Code.PLATFORM, tag="cp27-cp27m-win32"),
    _wheel("missing dependency", Code.MISSING_DEPENDENCY, requires=("not-to-be-found>=1",)),
    _wheel("incompatible dependency", Code.INCOMPATIBLE_DEPENDENCY, requires=("httpx<0.1",)),
    _wheel("shadows httpx", Code.SHADOWING, files={"httpx/__init__.py": "1 / 0"}),
    _wheel("shadows penstock", Code.SHADOWING, files={"penstock/errors.py": "1 / 0", "penstock/__init__.py": ""}),
    _wheel("shadows Python", Code.SHADOWING, files={"json.py": "1 / 0"}),
    _wheel("path file", Code.PATH_FILE, files={"payload.pth": "import os; os._exit(66)\n"}),
    _hostile("half upgraded", Code.HALF_INSTALLED, _half_upgraded),
    _hostile("left over", Code.HALF_INSTALLED, _left_over),
    _hostile("tampered tree", Code.HALF_INSTALLED, _tampered),
    _hostile("no RECORD", Code.HALF_INSTALLED, _no_record),
    _hostile(
        "tampered RECORD",
        Code.HALF_INSTALLED,
        lambda package, folder: package.changed(record={f"{package.name}.py": "sha256=AAAA"}).wheel(folder),
    ),
    _hostile(
        "not in its RECORD",
        Code.HALF_INSTALLED,
        lambda package, folder: package.changed(record={f"{package.name}.py": None}).wheel(folder),
    ),
    _wheel("RECORD leads out", Code.UNSAFE_PATH, record={"../../outside.py": "sha256=AAAA"}),
    _wheel("zip slip", Code.UNSAFE_PATH, files={"../outside.py": "1 / 0"}),
    _wheel("absolute path", Code.UNSAFE_PATH, files={"/tmp/outside.py": "1 / 0"}),
    _wheel("odd metadata", Code.BAD_METADATA, headers="Requires-Dist: ((((\n"),
    _hostile(
        "metadata is no UTF-8",
        Code.BAD_METADATA,
        lambda package, folder: package.changed(
            files={f"{package.info}/METADATA": f"Name: {package.name}\nVersion: 1.0\nSummary: ".encode() + b"\xff\xfe"}
        ).wheel(folder),
    ),
    _hostile("link leads out", Code.UNSAFE_LINK, _link),
    _hostile("wheel is a link", Code.UNSAFE_LINK, _linked_wheel),
    _hostile("writable for all", Code.WRITABLE, _open),
    _hostile("bare package", Code.NO_METADATA, _bare),
    _hostile("source of a project", Code.NO_METADATA, _source),
    _hostile("cut off", Code.UNREADABLE, _no_zip),
    _hostile("not in the lock", Code.NOT_LOCKED, _unlocked),
    _hostile("not what is locked", Code.CHANGED, _exchanged),
]
