"""The right to run: one run of a source at a time, and none that lost the right can write any more.

The holder locks a file of its own, which the system unlocks when the process dies, and says again and again that it is
at work. Another run takes over from a holder that is dead, or has not been heard of for ``TERM`` seconds: one that was
suspended, for example. Each holder has a higher number (a fencing token) than those before it; whoever finds a higher
one than its own has lost the right.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from penstock.errors import AlreadyRunningError, LeaseLostError
from penstock.journal.file import JournalFile

TERM: Final = 30.0
"""Seconds for which a holder is believed without a word."""
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""One for all processes of the machine, and never set by hand."""


class Lease:
    """Held from ``Lease.take`` to ``release``."""

    def __init__(self, file: JournalFile, source: str, fence: int, lock: int, path: Path) -> None:
        self.fence = fence
        self._file = file
        self._source = source
        self._lock = lock
        self._path = path

    @classmethod
    def take(cls, file: JournalFile, source: str) -> Lease:
        """Take the lease.

        Raises:
            AlreadyRunningError: Another run holds it.
            JournalError: The journal cannot be used.
            OSError: The lock file cannot be made.
        """
        with file.transaction():  # nobody else decides meanwhile
            fence, former, until = file.row("SELECT fence, lock, until FROM lease") or (0, "", 0.0)
            if former and until > _now() and _is_locked(file.path.parent / former):
                message = f'another run of the source "{source}" is under way (it holds {file.path.parent / former})'
                raise AlreadyRunningError(message)
            path = file.path.with_suffix(f".{fence + 1}.lock")
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            values = (fence + 1, path.name, _now() + TERM)
            file.execute("INSERT OR REPLACE INTO lease(one, fence, lock, until) VALUES (1, ?, ?, ?)", values)
        if former:
            (file.path.parent / former).unlink(missing_ok=True)
        return cls(file, source, fence + 1, lock, path)

    def release(self) -> None:
        """Let others run."""
        self._path.unlink(missing_ok=True)
        os.close(self._lock)

    def check(self) -> None:
        """Make sure that nobody has taken over; within a transaction nobody can before its end.

        Raises:
            LeaseLostError: Somebody has.
        """
        row = self._file.row("SELECT fence FROM lease")
        if row is None or row[0] != self.fence:
            message = (
                f'another run of the source "{self._source}" took over, for this one had not been heard of for long'
            )
            raise LeaseLostError(message)

    @asynccontextmanager
    async def renewed(self) -> AsyncGenerator[None]:
        """Say again and again, while the block runs, that this run is at work.

        Whoever has lost the lease hears of it from the next write, and at the latest from the end of the block.

        Raises:
            LeaseLostError: Somebody has taken over.
        """
        renewing = asyncio.create_task(self._renew_for_ever())
        try:
            yield
        finally:
            renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TERM / 3)
            with self._file.transaction():
                self.check()
                self._file.execute("UPDATE lease SET until = ?", (_now() + TERM,))


def _now() -> float:
    return time.clock_gettime(_CLOCK)


def _is_locked(path: Path) -> bool:
    """Whether the process that made this lock file is still there."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
