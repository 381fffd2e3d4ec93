"""A mounted folder that ``pip install --target`` made: several distributions side by side."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.metadata import PathDistribution
from pathlib import Path

from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import Files, Found, RefusedError
from penstock.mounting.metadata import check_metadata
from penstock.mounting.record import Row, is_byte_code, mismatch, of_installer, rows_of, unsafe


class _FolderFiles(Files):
    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._root = root
        self.names = sorted(names)

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


def read_tree(info: Path, root: Path, folder: Path) -> Found:
    """Return one distribution of a folder.

    Args:
        info: Its ``.dist-info`` folder.
        root: The folder that would stand on ``sys.path``.
        folder: The mounted folder, out of which no link may lead.

    Raises:
        RefusedError: Its metadata cannot be read, or its files are not its own.
    """
    distribution = PathDistribution(info)
    try:
        check_metadata(distribution, info.name)
        rows = _rows(distribution, info)
        _check_links(rows, root, folder)
    except RefusedError as error:
        name, version = _names(info)
        raise RefusedError(error.refusal, name=error.name or name, version=error.version or version) from error
    there = [row.name for row in rows if (root / row.name).is_file()]
    files = _FolderFiles(root, there)
    digest = sha256()
    for name in files.names:
        if not of_installer(name):
            digest.update(f"{name}\0{sha256(files.read(name)).hexdigest()}\n".encode())
    found = Found(
        path=info,
        folder=folder,
        kind="tree",
        files=files,
        distribution=distribution,
        digest=digest.hexdigest(),
        exposed=any((root / name).stat().st_mode & stat.S_IWOTH for name in there),
    )
    found.refuse(mismatch(rows, files_of(root).read))
    return found


def files_of(root: Path) -> Files:
    """Return every file below a folder; only read, never listed."""
    return _FolderFiles(root, ())


def unrecorded(members: Sequence[Found], root: Path) -> Iterator[tuple[Found, Refusal]]:
    """Yield the distributions of a folder whose packages hold modules that no ``RECORD`` lists: of another version."""
    listed = {name for found in members for name in found.files.names}
    for found in members:
        for top in found.modules:
            for path in sorted((root / top).rglob("*")) if (root / top).is_dir() else ():
                name = path.relative_to(root).as_posix()
                if path.suffix in {".py", ".so", ".pyd"} and not is_byte_code(name) and name not in listed:
                    yield (
                        found,
                        Refusal(Code.HALF_INSTALLED, f"{name} is in no RECORD: it is left from another version"),
                    )


def _rows(distribution: PathDistribution, info: Path) -> list[Row]:
    text = distribution.read_text("RECORD")
    if text is None:
        raise RefusedError(Refusal(Code.HALF_INSTALLED, f"{info.name} has no RECORD"))
    try:
        rows = list(rows_of(text))
    except ValueError as error:
        raise RefusedError(
            Refusal(Code.HALF_INSTALLED, f"the RECORD of {info.name} cannot be read: {error}")
        ) from error
    for row in rows:
        if refusal := unsafe(row.name):
            raise RefusedError(refusal)
    return rows


def _check_links(rows: Sequence[Row], root: Path, folder: Path) -> None:
    for row in rows:
        if refusal := link_out(root / row.name, folder):
            raise RefusedError(refusal)


def link_out(path: Path, folder: Path) -> Refusal | None:
    """Return the refusal of a path that leads out of the mounted folder by a link."""
    target = path.resolve()
    if target.is_relative_to(folder.resolve()):
        return None
    return Refusal(Code.UNSAFE_LINK, f"{path.relative_to(folder)} is a link to {target}")


def _names(info: Path) -> tuple[str, str]:
    name, _, version = info.name.removesuffix(".dist-info").partition("-")
    return name.replace("_", "-"), version
