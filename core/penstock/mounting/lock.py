"""``plugins.lock``: which mounted distributions are meant, byte for byte."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, ValidationError

from penstock.errors import ConfigurationError, Problem
from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import Found
from penstock.mounting.settings import LOCK_NAME, LOCK_VARIABLE, MountSettings

_HEADING: Final = "# Written by `penstock plugins lock`. What is mounted and not in here, byte for byte, is not used.\n"


class _Locked(BaseModel, extra="forbid", hide_input_in_errors=True):
    name: str = Field(min_length=1)
    version: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class _File(BaseModel, extra="forbid", hide_input_in_errors=True):
    plugin: tuple[_Locked, ...] = ()


class Locks:
    """The lock files that hold for what is mounted.

    Raises:
        ConfigurationError: One of them cannot be read.
    """

    def __init__(self, settings: MountSettings) -> None:
        if settings.lock is not None:
            named = _read(settings.lock, f"environment {LOCK_VARIABLE}")
            self._locks = dict.fromkeys(settings.folders, named)
        else:
            there = [folder for folder in settings.folders if (folder / LOCK_NAME).exists()]
            self._locks = {folder: _read(folder / LOCK_NAME, "") for folder in there}

    def hold(self, found: Found) -> bool:
        """Return whether a lock file says what it should be."""
        return found.folder in self._locks

    def refusal(self, found: Found) -> Refusal | None:
        """Return the refusal of what is not as it is locked; None too where there is no lock."""
        if not self.hold(found):
            return None
        locked = self._locks[found.folder].get(found.key)
        if locked is None:
            return Refusal(Code.NOT_LOCKED, f"{found.name} is not in the lock file")
        if locked.sha256 != found.digest:
            message = (
                f"the lock file has {found.name} {locked.version} with sha256 {locked.sha256[:12]}..., "
                f"and mounted is {found.version} with {found.digest[:12]}..."
            )
            return Refusal(Code.CHANGED, message)
        return None


def write_lock(file: Path, found: Sequence[Found]) -> None:
    """Write down what is mounted, sorted by name; the file is whole at any time.

    Raises:
        OSError: It cannot be written.
    """
    tables = (
        f'\n[[plugin]]\nname = "{one.key}"\nversion = "{one.version}"\nsha256 = "{one.digest}"\n'
        for one in sorted(found, key=lambda one: one.key)
    )
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(_HEADING + "".join(tables), encoding="utf-8")
    fresh.replace(file)


def _read(file: Path, source: str) -> Mapping[str, _Locked]:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - only where something is mounted

    def wrong(message: str) -> ConfigurationError:
        return ConfigurationError([Problem(str(file), message, source)])

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(f"the lock file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise wrong(f"the lock file is no TOML: {error}") from error
    try:
        entries = _File.model_validate(document).plugin
    except ValidationError as error:
        raise wrong("expected [[plugin]] tables with name, version and sha256; run `penstock plugins lock`") from error
    return {canonicalize_name(entry.name): entry for entry in entries}
