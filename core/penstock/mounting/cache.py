"""A private folder, in which accepted plugins are put down as they were checked, and in which probes are remembered.

What is imported is never the mounted file itself: that may change between the check and the import, may come with byte
code that is not that of its source, and may lie beside modules that nobody checked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from penstock.errors import ConfigurationError, Problem
from penstock.mounting.found import Found
from penstock.mounting.settings import CACHE_VARIABLE

_KEPT_SECONDS: Final = 30 * 24 * 3600
"""How long what nobody uses is kept: longer than the pause between two runs of most schedules."""


class Cache:
    """The folder; made when it is needed.

    Modules are imported from it as long as a process lives, so what was handed out is held until then, by a lock that
    the kernel takes away with the process. What nobody holds and nobody has used for a month is removed whenever
    something is added.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[int] = []

    def staged(self, found: Found) -> Path:
        """Return a folder that holds the distribution and nothing else; put down now if it is not there.

        Raises:
            ConfigurationError: There is no room, or the folder is open to others.
        """
        key = sha256(f"{found.kind} {found.path.name} {found.digest}".encode()).hexdigest()[:32]
        place = self._folder / "plugins" / key
        while not self._hold(place):
            self._put_down(found, place)
            self._prune()
        return place

    def release(self) -> None:
        """Let others remove what was handed out: for those who import nothing of it."""
        while self._held:
            os.close(self._held.pop())

    def _put_down(self, found: Found, place: Path) -> None:
        try:
            private = Path(tempfile.mkdtemp(dir=self._room("plugins")))
            for name in found.files.names:
                target = private / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(found.files.read(name))
            try:
                private.rename(place)
            except OSError:  # another process was faster
                shutil.rmtree(private)
                if not place.is_dir():
                    raise
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def _hold(self, place: Path) -> bool:
        """Keep a folder from being removed, and note that it is used; return whether it is there."""
        try:
            held = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return False
        with suppress(OSError):  # where there are no locks, nothing can be removed either
            fcntl.flock(held, fcntl.LOCK_SH)
        if not _is_at(held, place):  # removed while we waited
            os.close(held)
            return False
        self._held.append(held)
        with suppress(OSError):  # on a read-only file system
            os.utime(held)
        return True

    def _prune(self) -> None:
        for room in (self._folder / "plugins", self._folder / "probes"):
            for entry in room.glob("*"):
                with suppress(OSError):  # held or already gone; the next one may try again
                    if time.time() - entry.stat().st_mtime > _KEPT_SECONDS:
                        _remove(entry)

    def passed(self, key: str) -> bool:
        """Return whether a probe of that key went well."""
        probe = self._folder / "probes" / key
        with suppress(OSError):  # on a read-only file system
            if probe.exists():
                probe.touch()
        return probe.exists()

    def remember(self, key: str) -> None:
        """Note that a probe went well.

        Raises:
            ConfigurationError: As for ``staged``.
        """
        try:
            (self._room("probes") / key).touch()
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def _room(self, name: str) -> Path:
        room = self._folder / name
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            message = "others may write to it"
            raise self._unusable(message)
        room.mkdir(mode=0o700, exist_ok=True)
        return room

    def _unusable(self, reason: str) -> ConfigurationError:
        message = f"mounted plugins need a folder of ours, and {self._folder} cannot be it: {reason}"
        advice = f"name a folder in {CACHE_VARIABLE} that you alone may write to"
        return ConfigurationError([Problem(CACHE_VARIABLE, f"{message}; {advice}")])


def _remove(entry: Path) -> None:
    """Remove what nobody holds.

    Raises:
        OSError: Somebody does.
    """
    if not entry.is_dir():
        entry.unlink()
        return
    lock = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        doomed = Path(tempfile.mkdtemp(dir=entry.parent))
        if _is_at(lock, entry):
            entry.rename(doomed)  # at once, so that nobody finds half of it
        shutil.rmtree(doomed)
    finally:
        os.close(lock)


def _is_at(folder: int, place: Path) -> bool:
    """Return whether an open folder is the one at that place."""
    try:
        return os.path.samestat(os.fstat(folder), place.stat())
    except FileNotFoundError:
        return False
