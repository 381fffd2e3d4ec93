"""SIGINT and SIGTERM where nothing is under way that has to be brought to an end: they end the process at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_STDERR: Final = 2


@contextmanager
def ending_at_once() -> Generator[None]:
    """Have a signal end the process while the block runs, unless something within it takes signals itself.

    The first process of a container would ignore SIGTERM, for the system has no action of its own for it there.
    """
    before = {number: signal.signal(number, _end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    with suppress(OSError):  # nobody may be listening
        os.write(_STDERR, b"interrupted\n")
    os._exit(128 + number)
