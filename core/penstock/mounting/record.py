"""``RECORD``: which files a distribution has, and what they hold (PyPA specification *recording-projects*)."""

from __future__ import annotations

import csv
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from penstock.mounting.codes import Code, Refusal

_SCRIPT: Final = re.compile(r"(\.\./)+(bin|Scripts)/[^/]+")
"""Where ``pip install --target`` says that it put a command: beside the folder, or in its ``bin``."""
_BY_INSTALLERS: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


class Row(NamedTuple):
    """One file."""

    name: str
    sha256: str
    """Base64 without padding, as ``RECORD`` writes it; empty where it is not said."""


def rows_of(text: str) -> Iterator[Row]:
    """Yield the files that a ``RECORD`` lists, but for commands and byte code.

    Raises:
        ValueError: A line has another form.
    """
    for line in csv.reader(text.splitlines()):
        if len(line) != 3 or not line[0]:  # noqa: PLR2004 - path, hash, size
            message = f"a line has {len(line)} fields, not 3"
            raise ValueError(message)
        name, digest, _ = line
        if not _SCRIPT.fullmatch(name) and not is_byte_code(name):
            algorithm, _, value = digest.partition("=")
            yield Row(name, value if algorithm == "sha256" else "")


def is_byte_code(name: str) -> bool:
    """Return whether a file is compiled code, which could differ from its source: it is never used."""
    return name.endswith((".pyc", ".pyo")) or "__pycache__" in PurePosixPath(name).parts


def of_installer(name: str) -> bool:
    """Return whether a file was written by whatever installed the distribution."""
    parent, _, last = name.rpartition("/")
    return parent.endswith(".dist-info") and last in _BY_INSTALLERS


def unsafe(name: str) -> Refusal | None:
    """Return the refusal of a name that would lead out of the folder."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0] or "\0" in name:
        return Refusal(Code.UNSAFE_PATH, f"it lists {name!r}, which is outside its folder")
    return None


def mismatch(rows: list[Row], read: Callable[[str], bytes]) -> Refusal | None:
    """Return the refusal of the first file that is not what ``RECORD`` says.

    Args:
        rows: What it should have.
        read: Returns what a file holds; ``OSError`` or ``KeyError`` where there is none.
    """
    for row in rows:
        if of_installer(row.name):
            continue
        try:
            content = read(row.name)
        except (OSError, KeyError):
            return Refusal(Code.HALF_INSTALLED, f"{row.name} is in its RECORD and not there")
        if not row.sha256:
            return Refusal(Code.HALF_INSTALLED, f"its RECORD has no sha256 of {row.name}")
        if row.sha256.rstrip("=") != record_digest(content):
            return Refusal(Code.HALF_INSTALLED, f"{row.name} is not what its RECORD says")
    return None


def record_digest(content: bytes) -> str:
    """Return a digest as ``RECORD`` writes it."""
    return urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")
