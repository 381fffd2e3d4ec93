"""The journal's SQLite file: opened, recognised, brought to today's format, and its errors told in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from penstock import snapshot
from penstock.errors import PenstockError
from penstock.sqlite_file import stamp_of, use_write_ahead_log

_PATIENCE: Final = 10.0
"""Seconds for which another process may be in the way."""
_APPLICATION: Final = 0x70656E73  # "pens", so that no other SQLite file is taken for a journal
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "another process has been writing to it for too long",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; may this user read and write it and its folder?",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write it; is it full?",
    sqlite3.SQLITE_READONLY: "it is read-only",
}
"""What SQLite does not say plainly; by the class of its error, which is the code's low byte."""
_WAY_OUT: Final = "; the file may be removed: deletions then wait for a run that reads everything completely"
_STEPS: Final = (
    """
    CREATE TABLE runs(
      id INTEGER PRIMARY KEY, run TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, status TEXT);
    CREATE TABLE partitions(
      id INTEGER PRIMARY KEY, resource TEXT NOT NULL, path TEXT NOT NULL, UNIQUE(resource, path));
    CREATE TABLE seen(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, partition INTEGER NOT NULL, run INTEGER NOT NULL,
      PRIMARY KEY(blueprint, identifier, partition)) WITHOUT ROWID;
    """,
    """
    ALTER TABLE runs ADD COLUMN task TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN report TEXT;
    ALTER TABLE seen ADD COLUMN page INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE progress(
      run INTEGER NOT NULL, partition INTEGER NOT NULL, reason TEXT, sound INTEGER NOT NULL, checkpoint TEXT,
      PRIMARY KEY(run, partition)) WITHOUT ROWID;
    CREATE TABLE absent(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, run INTEGER NOT NULL, times INTEGER NOT NULL,
      PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
    CREATE TABLE identities(
      resource TEXT PRIMARY KEY, reads TEXT NOT NULL, identity TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE holds(
      id INTEGER PRIMARY KEY, resource TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, state TEXT NOT NULL,
      owned INTEGER NOT NULL, since TEXT NOT NULL, UNIQUE(resource, reason, state));
    CREATE TABLE lease(one INTEGER PRIMARY KEY CHECK(one = 1), fence INTEGER NOT NULL, lock TEXT NOT NULL,
      until REAL NOT NULL);
    CREATE TABLE held(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, hold INTEGER NOT NULL,
      PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
    """,
    """
    CREATE TABLE extents(
      resource TEXT PRIMARY KEY, digest TEXT NOT NULL, full_at TEXT, partial_runs INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE TABLE marks(partition INTEGER PRIMARY KEY, mark INTEGER, reached INTEGER);
    CREATE TABLE stretches(
      run INTEGER NOT NULL, partition INTEGER NOT NULL, since INTEGER, began INTEGER, greatest INTEGER,
      pages INTEGER NOT NULL, spoilt INTEGER NOT NULL, PRIMARY KEY(run, partition)) WITHOUT ROWID;
    CREATE TABLE validators(
      partition INTEGER NOT NULL, page INTEGER NOT NULL, run INTEGER NOT NULL, read_at TEXT NOT NULL,
      request BLOB NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL, decision TEXT NOT NULL,
      keys BLOB NOT NULL, PRIMARY KEY(partition, page));
    CREATE TABLE catalog(one INTEGER PRIMARY KEY CHECK(one = 1), owned INTEGER NOT NULL);
    """,
    """
    ALTER TABLE progress ADD COLUMN drifts INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE absent ADD COLUMN needed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE absent ADD COLUMN cause TEXT NOT NULL DEFAULT 'gone';
    ALTER TABLE absent ADD COLUMN fate TEXT NOT NULL DEFAULT 'waits';
    CREATE TABLE pages(
      partition INTEGER NOT NULL, run INTEGER NOT NULL, page INTEGER NOT NULL, url TEXT NOT NULL, request TEXT,
      PRIMARY KEY(partition, run, page)) WITHOUT ROWID;
    CREATE TABLE ends(
      partition INTEGER PRIMARY KEY, run INTEGER NOT NULL, reason TEXT NOT NULL, sound INTEGER NOT NULL,
      whole INTEGER NOT NULL, message TEXT NOT NULL);
    CREATE TABLE listings(resource TEXT PRIMARY KEY, run INTEGER NOT NULL, message TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE refusals(
      id INTEGER PRIMARY KEY, blueprint TEXT NOT NULL, identifier TEXT NOT NULL, run INTEGER NOT NULL,
      what TEXT NOT NULL, reason TEXT NOT NULL);
    CREATE INDEX refusals_by_entity ON refusals(blueprint, identifier);
    CREATE TABLE deletions(
      id INTEGER PRIMARY KEY, blueprint TEXT NOT NULL, identifier TEXT NOT NULL, run INTEGER NOT NULL, at TEXT NOT NULL,
      resource TEXT NOT NULL, cause TEXT NOT NULL, decision TEXT NOT NULL, reads INTEGER NOT NULL,
      found INTEGER NOT NULL, partition INTEGER, seen INTEGER, page INTEGER);
    CREATE INDEX deletions_by_entity ON deletions(blueprint, identifier);
    """,
)
"""What brings a journal from one format to the next; the first makes a new one."""
FORMAT: Final = len(_STEPS)


class JournalError(PenstockError):
    """The journal cannot be used: not a journal, of a newer format, locked, or on a full or read-only disk."""


def path_of(folder: Path, source: str) -> Path:
    """Return where the journal of a source is kept."""
    return folder / f"{quote(source, safe='')}.db"


def copy_of(path: Path, folder: Path) -> None:
    """Copy a journal into a folder, under its own name, and leave it as it is; nothing is copied when there is none.

    Raises:
        JournalError: It is no journal, or cannot be read.
    """
    with _explained(path):
        if path.exists():
            with snapshot.reading(path) as journal:
                _require_ours(journal, path)
                snapshot.copy(journal, folder / path.name)


class JournalFile:
    """The open file; ``with`` opens it, made when it is not there, and closes it. Each method raises JournalError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        """Open the file and bring it to today's format.

        Raises:
            JournalError: It cannot be used, and why.
        """
        with self._explained():
            self._db = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Make everything inside happen, or nothing of it."""
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def execute(self, statement: str, values: Sequence[object] = ()) -> None:
        """Execute a statement."""
        with self._explained():
            self._db.execute(statement, values)

    def executemany(self, statement: str, rows: Any) -> None:  # noqa: ANN401 - whatever sqlite3 iterates over
        """Execute a statement for each row."""
        with self._explained():
            self._db.executemany(statement, rows)

    def row(self, statement: str, values: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query."""
        with self._explained():
            found: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
        return found

    def rows(self, statement: str, values: Sequence[object] = ()) -> Generator[tuple[Any, ...]]:
        """Iterate over the rows of a query."""
        with self._explained(), closing(self._db.execute(statement, values)) as cursor:
            yield from cursor

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=_PATIENCE)

    def _prepare(self) -> None:
        version = _require_ours(self._db, self.path)
        use_write_ahead_log(self._db, _PATIENCE)
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -8000")
        if version < FORMAT:
            self._migrate()

    def _migrate(self) -> None:
        with self.transaction():
            [version] = self._db.execute("PRAGMA user_version").fetchone()  # another process may have been faster
            for statement in ";".join(_STEPS[version:]).split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _explained(self) -> AbstractContextManager[None]:
        return _explained(self.path)


class ReadableJournal(JournalFile):
    """A journal that exists, for whoever only reads: also where nothing can be written, in a copy or a backup."""

    def _connect(self) -> sqlite3.Connection:
        return super()._connect() if snapshot.may_change(self.path) else snapshot.connect(self.path)

    def _prepare(self) -> None:
        if snapshot.may_change(self.path):
            super()._prepare()
        elif (version := _require_ours(self._db, self.path)) < FORMAT:
            message = (
                f"{self.path}: the run journal has the older format {version} and is read-only; this penstock can read "
                "it once it may write to it"
            )
            raise JournalError(message)


def _require_ours(db: sqlite3.Connection, path: Path) -> int:
    """Return the format of a journal, 0 for an empty file; raises JournalError when it is none that we know."""
    stamp = stamp_of(db)
    if stamp.has_tables and stamp.application != _APPLICATION:
        message = f"{path}: this SQLite file is not a run journal of penstock"
        raise JournalError(message)
    if stamp.version > FORMAT:
        message = f"{path}: the run journal has format {stamp.version}, this penstock knows up to {FORMAT}; upgrade"
        raise JournalError(message)
    return stamp.version


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        reason = _REASONS.get(code, str(error))
        message = f"{path}: the run journal cannot be used: {reason}{_WAY_OUT if code in _DAMAGED else ''}"
        raise JournalError(message) from error
