"""Find what is mounted: wheels, ``pip install --target`` trees, a folder for each plugin, single files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import MODULES, Found, RefusedError, Stray
from penstock.mounting.single import read_single
from penstock.mounting.tree import link_out, read_tree, unrecorded
from penstock.mounting.wheel import read_wheel

_LEFT_ALONE: Final = frozenset({"__pycache__", "bin", "lost+found"})


def scan(folder: Path) -> Iterator[Found | Stray]:
    """Yield everything that is mounted in a folder, or below it in folders of their own; nothing is imported.

    Names that begin with a dot are left alone: Kubernetes keeps the files of a ConfigMap in such folders.
    """
    yield from _scan(folder, folder, nested=True)


def scan_one(path: Path) -> Iterator[Found | Stray]:
    """Yield what a wheel, a file or a folder holds that is to be looked at alone."""
    if path.is_dir():
        yield from scan(path)
    else:
        yield from _one(path, path.parent)


def _scan(root: Path, folder: Path, *, nested: bool) -> Iterator[Found | Stray]:
    try:
        entries = sorted(path for path in root.iterdir() if path.name[0] != "." and path.name not in _LEFT_ALONE)
    except OSError as error:
        yield _stray(root, Refusal(Code.UNREADABLE, f"{root} cannot be read: {error.strerror}"))
        return
    infos = [path for path in entries if path.name.endswith(".dist-info")]
    members = [_read(info, lambda info: read_tree(info, root, folder), folder) for info in infos]
    yield from members
    whole = [found for found in members if isinstance(found, Found)]
    for found, refusal in unrecorded(whole, root):
        found.refuse(refusal)
    claimed = {name.partition("/")[0] for found in whole for name in found.files.names}
    for path in entries:
        if path in infos or path.name in claimed:
            continue
        if path.is_dir():
            yield from _folder(path, folder, nested=nested)
        elif infos and path.suffix in MODULES:
            yield _stray(path, Refusal(Code.NO_METADATA, f"{path.name} lies beside distributions and is in no RECORD"))
        else:
            yield from _one(path, folder)


def _one(path: Path, folder: Path) -> Iterator[Found | Stray]:
    match path.suffix:
        case ".whl":
            yield _read(path, lambda path: read_wheel(path, folder), folder)
        case ".py":
            yield _read(path, lambda path: read_single(path, folder), folder)
        case ".pth":
            yield _stray(path, Refusal(Code.PATH_FILE, f"{path.name} is left alone"))
        case suffix if suffix in MODULES:
            yield _stray(path, Refusal(Code.NO_METADATA, f"{path.name} is a module without a .dist-info"))
        case _:
            pass  # a README, a plugins.lock


def _folder(path: Path, folder: Path, *, nested: bool) -> Iterator[Found | Stray]:
    if refusal := link_out(path, folder):
        yield _stray(path, refusal)
    elif nested and _holds_distributions(path):
        yield from _scan(path, folder, nested=False)
    elif (path / "pyproject.toml").is_file():
        message = f"{path.name} is a project's source; build it with `pip wheel --no-deps`"
        yield _stray(path, Refusal(Code.NO_METADATA, message))
    elif next(path.rglob("*.py"), None) is not None:
        yield _stray(path, Refusal(Code.NO_METADATA, f"{path.name} is a package without a .dist-info"))


def _holds_distributions(path: Path) -> bool:
    return any(child.name.endswith((".dist-info", ".whl")) for child in path.iterdir())


def _read(path: Path, read: Callable[[Path], Found], folder: Path) -> Found | Stray:
    if refusal := link_out(path, folder):
        return _stray(path, refusal)
    try:
        return read(path)
    except RefusedError as error:
        return Stray(path, error.name or path.name, error.version, error.refusal)
    except OSError as error:  # a file that goes away, or may not be read
        return _stray(path, Refusal(Code.UNREADABLE, f"{path.name} cannot be read: {error.strerror}"))


def _stray(path: Path, refusal: Refusal) -> Stray:
    return Stray(path, path.name, "", refusal)
