"""The SQLite file of a catalog: opened, recognised or made, and its errors told in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from penstock import snapshot
from penstock.errors import SinkError
from penstock.sqlite_file import stamp_of, use_write_ahead_log

APPLICATION: Final = 0x504E5354
"""``PRAGMA application_id`` of a catalog: ``PNST``."""
FORMAT: Final = 1
"""``PRAGMA user_version``: grows when an older penstock could not read or write the file any more."""
BUSY_SECONDS: Final = 10.0
"""How long to wait for another process to end its transaction."""

_CREATE: Final = (
    """
    CREATE TABLE entities (
      source TEXT NOT NULL,
      kind TEXT NOT NULL,
      blueprint TEXT NOT NULL,
      identifier TEXT NOT NULL,
      title TEXT,
      icon TEXT,
      team TEXT,
      properties TEXT NOT NULL,
      relations TEXT NOT NULL,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL,
      PRIMARY KEY (blueprint, identifier)
    )
    """,
    """
    CREATE TABLE penstock_views (
      blueprint TEXT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      properties TEXT NOT NULL,
      relations TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)
_PAGE_SIZE: Final = "PRAGMA page_size = 8192"
"""Of a new file: rows of 600 bytes cost a tenth less than with 4,096."""
_SETTINGS: Final = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -8192",  # KiB: twice as much gained nothing over 200,000 rows
)
_REASONS: Final = {
    sqlite3.SQLITE_BUSY: f"another process has been writing to it for more than {BUSY_SECONDS:.0f} seconds",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; may this user read and write it and its folder?",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write it; is it full?",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite file",
    sqlite3.SQLITE_PERM: "this user may not",
    sqlite3.SQLITE_READONLY: "it is read-only",
}


class Database:
    """One connection; each method raises ``SinkError`` with the path and the reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        if self._connection is None:
            message = f"{self.path} is not open: enter the sink before using it, with async with"
            raise RuntimeError(message)
        return self._connection

    def open(self) -> None:
        """Open the file, made when it does not exist; one that cannot be written to can be read."""
        with self._explained("open"):
            if self.path.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            require_parent(self.path)
            self._connection = self._connected()
            try:
                self._require_catalog()
            except BaseException:
                self.abandon()
                raise

    def _connected(self) -> sqlite3.Connection:
        if self._is_fixed():
            return snapshot.connect(self.path)
        # made absolute, for SQLite takes ":memory:" and the empty name for something else
        return sqlite3.connect(self.path.absolute(), timeout=BUSY_SECONDS, isolation_level=None)

    def _is_fixed(self) -> bool:
        """Whether there is a file to which nothing can be written, on a read-only disk for example."""
        return self.path.exists() and not snapshot.may_change(self.path)

    def flaw(self) -> str:
        """Return why the path cannot be that of a catalog; empty where it can be, or only opening it tells."""
        try:
            if self.path.is_dir():
                return f"{self.path} is a folder; name a file"
            require_parent(self.path)
            if self.path.exists():
                with snapshot.reading(self.path) as found:
                    self._is_new(found)
        except SinkError as error:
            return str(error)
        except (sqlite3.Error, OSError) as error:
            lasting = isinstance(error, OSError) or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB
            return f"{self.path}: {_reason(error)}" if lasting else ""
        return ""

    def copy_to(self, target: Path) -> None:
        """Copy what is in the file, which stays as it is and is not opened; nothing where there is none."""
        with self._explained("read"):
            if self.path.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            require_parent(self.path)
            if self.path.exists():
                with snapshot.reading(self.path) as original:
                    if not self._is_new(original):
                        with self._explained(f"copy to {target.parent}"):
                            snapshot.copy(original, target)

    def close(self) -> None:
        """Bring the write-ahead log into the file, so that the file alone can be copied, and close it."""
        try:
            if self._connection is not None and self._connection.total_changes:
                with self._explained("close"):
                    self.execute("PRAGMA busy_timeout = 1000")  # whoever reads now may go on reading
                    self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is: all transactions are in it or in its log, which the next to open it reads."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Make everything inside happen, durably, or nothing of it."""
        with self._explained("write to"):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # some errors have rolled back already
                    self.connection.execute("ROLLBACK")
                raise

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """Execute within a transaction."""
        return self.connection.execute(statement, parameters)

    def executemany(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Execute once for each row, within a transaction."""
        self.connection.executemany(statement, rows)

    def read(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._explained("read"):
            return self.connection.execute(statement, parameters).fetchall()

    def _require_catalog(self) -> None:
        new = self._is_new(self.connection)
        if self._is_fixed() and not new:
            return
        if new:
            self.execute(_PAGE_SIZE)
        use_write_ahead_log(self.connection, BUSY_SECONDS)
        if new:
            with self.transaction():
                if self._is_new(self.connection):  # another process may have been faster
                    for statement in _CREATE:
                        self.execute(statement)
        for setting in _SETTINGS:
            self.execute(setting)

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is empty; raises ``SinkError`` when it is neither that nor a catalog we know."""
        stamp = stamp_of(connection)
        if stamp.application == APPLICATION and stamp.version <= FORMAT:
            return False
        if stamp.application == APPLICATION:
            message = (
                f"{self.path}: it was written by a newer penstock (format {stamp.version}; this one knows {FORMAT})"
            )
            raise SinkError(message)
        if stamp.application or stamp.has_tables:
            message = f"{self.path}: it is an SQLite file of something else, not a penstock catalog"
            raise SinkError(message)
        return True

    @contextmanager
    def _explained(self, doing: str) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            message = f"{self.path}: cannot {doing} the catalog: {_reason(error)}"
            raise SinkError(message) from error


def require_parent(path: Path) -> None:
    """Raise ``FileNotFoundError`` when there is no folder for a path to be made in."""
    if not path.parent.is_dir():
        raise FileNotFoundError(None, f"there is no folder {path.parent}")


def _reason(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return _REASONS.get(code & 0xFF, str(error))  # the low byte is the class, the rest details
