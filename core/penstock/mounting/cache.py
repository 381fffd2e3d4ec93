"""A private folder, in which accepted plugins are put down as they were checked, and in which probes are remembered.

What is imported is never the mounted file itself: that may change between the check and the import, may come with byte
code that is not that of its source, and may lie beside modules that nobody checked.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from hashlib import sha256
from pathlib import Path

from penstock.errors import ConfigurationError, Problem
from penstock.mounting.found import Found
from penstock.mounting.settings import CACHE_VARIABLE


class Cache:
    """The folder; made when it is needed.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def staged(self, found: Found) -> Path:
        """Return a folder that holds the distribution and nothing else; put down now if it is not there.

        Raises:
            ConfigurationError: There is no room, or the folder is open to others.
        """
        key = sha256(f"{found.kind} {found.path.name} {found.digest}".encode()).hexdigest()[:32]
        place = self._folder / "plugins" / key
        if place.is_dir():
            return place
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
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        return place

    def passed(self, key: str) -> bool:
        """Return whether a probe of that key went well."""
        return (self._folder / "probes" / key).exists()

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
