"""What is in an SQLite file right now, without leaving a trace of having looked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

_WAIT = 10.0


@contextmanager
def reading(path: Path) -> Generator[sqlite3.Connection]:
    """Open a file that exists, for the length of a ``with`` block, to read it; it stays as it is, byte for byte.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    with closing(connect(path)) as connection:
        yield connection


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that exists, to read it; it stays as it is, byte for byte.

    With a write-ahead log beside it, because somebody is writing or was killed, it is opened read-only, for to close it
    otherwise might move the log into the file. Without one it is not, for a read-only connection leaves an empty log.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    log = Path(f"{path}-wal")
    if may_change(path):
        mode = "mode=ro" if log.exists() else "mode=rw"
    else:  # no log can be made beside it, and without one there is only this way
        mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


def may_change(path: Path) -> bool:
    """Whether a log can be made beside a file, as it takes to write to it, and to read it in the usual way."""
    return os.access(path.parent, os.W_OK)


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copy all that a connection reads into a file, all at once.

    Raises:
        sqlite3.Error: One of them cannot be used.
    """
    with closing(sqlite3.connect(target.absolute(), timeout=_WAIT)) as other:
        connection.backup(other)
