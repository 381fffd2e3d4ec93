"""A mounted wheel: read where it is, as the zip file it is."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from hashlib import sha256
from importlib.metadata import PathDistribution
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast

from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import Files, Found, RefusedError
from penstock.mounting.metadata import check_metadata
from penstock.mounting.record import is_byte_code, mismatch, rows_of, unsafe

_LARGEST: Final = 1024 * 1024 * 1024
"""Bytes of all its files together."""
_SIGNATURES: Final = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")


class _ZipFiles(Files):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, str] = {}
        for member in archive.namelist():
            name = _installed_name(member)
            if name is not None and not member.endswith("/") and not is_byte_code(name):
                self._members[name] = member
        self.names = sorted(self._members)

    def read(self, name: str) -> bytes:
        return self._archive.read(self._members[name])


def read_wheel(path: Path, folder: Path) -> Found:
    """Return what a wheel holds.

    Raises:
        RefusedError: It is no wheel, its metadata cannot be read, or its files are not those of its ``RECORD``.
    """
    name, version = _names(path)
    try:
        return _read(path, folder)
    except RefusedError as error:
        raise RefusedError(error.refusal, name=error.name or name, version=error.version or version) from error
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RefusedError(
            Refusal(Code.UNREADABLE, f"{path.name} cannot be read: {reason}"), name=name, version=version
        ) from error


def _names(path: Path) -> tuple[str, str]:
    name, _, rest = path.stem.partition("-")
    return name.replace("_", "-"), rest.partition("-")[0]


def _read(path: Path, folder: Path) -> Found:
    content = path.read_bytes()  # once: what is checked is what is used
    archive = zipfile.ZipFile(BytesIO(content))
    _check_members(archive)
    infos = sorted({name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name})
    infos = [info for info in infos if info.endswith(".dist-info")]
    if len(infos) != 1:
        raise RefusedError(Refusal(Code.NO_METADATA, f"{path.name} has {len(infos)} .dist-info folders, not one"))
    # zipfile.Path is what importlib.metadata itself uses for a zip on sys.path
    distribution = PathDistribution(cast("Any", zipfile.Path(archive, f"{infos[0]}/")))
    check_metadata(distribution, path.name)
    files = _ZipFiles(archive)
    found = Found(
        path=path,
        folder=folder,
        kind="wheel",
        files=files,
        distribution=distribution,
        digest=sha256(content).hexdigest(),
        exposed=bool(path.stat().st_mode & stat.S_IWOTH),
    )
    found.refuse(_check_record(archive, distribution, path.name))
    return found


def _check_members(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    for name in names:
        if refusal := unsafe(name):
            raise RefusedError(refusal)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise RefusedError(Refusal(Code.UNSAFE_PATH, f"it holds {twice[0]!r} twice"))
    size = sum(member.file_size for member in archive.infolist())
    if size > _LARGEST:
        raise RefusedError(Refusal(Code.UNREADABLE, f"it unpacks to {size >> 20} MiB, more than {_LARGEST >> 20}"))


def _check_record(archive: zipfile.ZipFile, distribution: PathDistribution, where: str) -> Refusal | None:
    text = distribution.read_text("RECORD")
    if text is None:
        return Refusal(Code.HALF_INSTALLED, f"{where} has no RECORD")
    try:
        rows = list(rows_of(text))
    except ValueError as error:
        return Refusal(Code.HALF_INSTALLED, f"the RECORD of {where} cannot be read: {error}")
    for row in rows:
        if refusal := unsafe(row.name):
            return refusal
    if refusal := mismatch(rows, archive.read):
        return refusal
    listed = {row.name for row in rows}
    for name in archive.namelist():
        if name not in listed and not name.endswith(("/", *_SIGNATURES)) and not is_byte_code(name):
            return Refusal(Code.HALF_INSTALLED, f"{name} is in {where} and not in its RECORD")
    return None


def _installed_name(member: str) -> str | None:
    """Return where an installer would put a member; None for what is not imported: commands, headers, data."""
    top, _, rest = member.partition("/")
    if not top.endswith(".data"):
        return member
    scheme, _, inner = rest.partition("/")
    return inner or None if scheme in {"purelib", "platlib"} else None
