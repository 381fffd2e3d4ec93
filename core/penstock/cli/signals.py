"""SIGINT and SIGTERM: the first asks the run to stop cleanly, the second ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from penstock.cli.console import say

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR: Final = "\x1b[?25h"


class Interruption:
    """Whether a signal came."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self.exit_code: int | None = None
        """128 + the signal's number, once one came: 130 for SIGINT, 143 for SIGTERM."""

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal: a plain handler, which is called even while the loop is busy computing."""
        del frame
        if self.exit_code is not None:
            if sys.stderr.isatty():  # the progress bar had hidden it
                os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
            os._exit(128 + number)
        self.exit_code = 128 + number
        self._loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        self._stop.set()
        say("stopping; what was read is still being delivered (interrupt again to end at once)")


@contextmanager
def interruptible(stop: asyncio.Event) -> Generator[Interruption]:
    """Set ``stop`` at the first signal while the block runs, in a running loop of the main thread."""
    interruption = Interruption(stop)
    before = {number: signal.signal(number, interruption.handle) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
