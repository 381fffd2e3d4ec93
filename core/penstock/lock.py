"""One run of a source at a time: a lock on a file beside the run journal, which the system drops with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from penstock.errors import PenstockError


class AlreadyRunningError(PenstockError):
    """Another process on this machine is syncing the same source."""


@contextmanager
def only_run(path: Path, source: str) -> Generator[None]:
    """Hold the lock for the length of a ``with`` block; the file stays, for it is the lock that counts.

    Raises:
        AlreadyRunningError: Another process holds it.
        OSError: The file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f'another run of the source "{source}" is under way (it holds {path})'
            raise AlreadyRunningError(message) from None
        yield
    finally:
        os.close(file)
