"""Opening an SQLite file that another process may be making at the same moment."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from msgspec import Struct

_PAUSE: Final = 0.01
_STAMP: Final = """
SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
  EXISTS (SELECT 1 FROM sqlite_schema)
"""


class Stamp(Struct, frozen=True):
    """What a file says of itself, all of one moment."""

    application: int
    version: int
    has_tables: bool


def stamp_of(connection: sqlite3.Connection) -> Stamp:
    """Return what a file says of itself; raises sqlite3.Error."""
    application, version, has_tables = connection.execute(_STAMP).fetchone()
    return Stamp(application, version, bool(has_tables))


def use_write_ahead_log(connection: sqlite3.Connection, patience: float) -> None:
    """Have a file written through a log, which several processes may ask for at once.

    SQLite itself does not wait here, whatever the timeout of the connection.

    Args:
        connection: Outside any transaction.
        patience: Seconds for which others may be in the way.

    Raises:
        sqlite3.Error: They were for longer, or the file cannot be used.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
