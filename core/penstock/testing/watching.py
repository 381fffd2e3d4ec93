"""Notices what code does to the world outside: files, sockets, processes."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from threading import get_ident
from typing import Final

_OUTSIDE: Final = ("open", "socket.", "subprocess.", "os.", "sqlite3.", "shutil.", "http.client.", "urllib.")


class _Watch:
    """What one thread did while it was watched."""

    def __init__(self) -> None:
        self.thread = 0
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.thread and event.startswith(_OUTSIDE) and self.thread == get_ident():
            self.seen.append(f"{event} {arguments[:1]}")


@cache
def _watch() -> _Watch:
    """Return the only one there is: Python never lets go of an audit hook."""
    watch = _Watch()
    sys.addaudithook(watch)
    return watch


@contextmanager
def outside_touched() -> Generator[list[str]]:
    """Give a list of what this thread does to the world outside during the block; complete when that has ended."""
    watch = _watch()
    watch.seen = seen = list[str]()
    watch.thread = get_ident()
    try:
        yield seen
    finally:
        watch.thread = 0
