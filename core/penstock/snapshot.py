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

    With a write-ahead log beside it, because somebody is writing or was killed, it is opened read-only, for to close it
    otherwise might move the log into the file. Without one it is not, for a read-only connection leaves an empty log.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if Path(f"{path}-wal").exists():
        mode = "mode=ro"
    elif os.access(path.parent, os.W_OK):
        mode = "mode=rw"
    else:
        mode = "immutable=1"  # the only way where no log can be made beside it
    uri = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield connection


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copy all that a connection reads into a file, all at once.

    Raises:
        sqlite3.Error: One of them cannot be used.
    """
    with closing(sqlite3.connect(target.absolute(), timeout=_WAIT)) as other:
        connection.backup(other)
