"""The run journal: what each run read, and in which partitions each entity was last seen (SQLite, WAL).

It is what makes deletion safe: a sink knows what exists, the journal knows which complete reads would have to show it.
It is written after the sink, so it never claims more than the sink has; losing it costs nothing but caution.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import quote

import orjson

from penstock.errors import PenstockError
from penstock.lock import only_run
from penstock.values import EntityKey

FORMAT: Final = 1
_APPLICATION: Final = 0x70656E73  # "pens", so that no other SQLite file is taken for a journal
_KEPT_RUNS: Final = 200
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_WAY_OUT: Final = "; the file may be removed: deletions then wait for a run that reads everything completely"
_SCHEMA: Final = """
CREATE TABLE runs(
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, status TEXT);
CREATE TABLE partitions(
  id INTEGER PRIMARY KEY, resource TEXT NOT NULL, path TEXT NOT NULL, UNIQUE(resource, path));
CREATE TABLE seen(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, partition INTEGER NOT NULL, run INTEGER NOT NULL,
  PRIMARY KEY(blueprint, identifier, partition)) WITHOUT ROWID;
"""
_SEE: Final = """
INSERT INTO seen(blueprint, identifier, partition, run) SELECT ?, value, ?, ? FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET run = excluded.run WHERE run < excluded.run
"""  # one statement for a batch: half the cost of one for each entity


class JournalError(PenstockError):
    """The journal cannot be used: not a journal, of a newer format, locked, or on a full or read-only disk."""


class Sighting(NamedTuple):
    """That a partition showed an entity, and the last run in which it did."""

    blueprint: str
    identifier: str
    partition: int
    run: int


class Journal:
    """The journal of one source; ``with`` opens and closes its file.

    Args:
        folder: Where the file lives; made when it is not there.
        source: Whose journal it is.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.path = folder / f"{quote(source, safe='')}.db"
        self._source = source

    def __enter__(self) -> Self:
        """Open the file, made when it is not there, and keep other runs of the source out until it is closed.

        Raises:
            AlreadyRunningError: Another run of the source is under way.
            JournalError: It cannot be used, and why.
        """
        with ExitStack() as stack:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(only_run(self.path.with_suffix(".lock"), self._source))
            except OSError as error:
                message = f"{self.path.parent}: the run journal cannot be kept there: {error.strerror}"
                raise JournalError(message) from error
            with self._explained():
                self._db = stack.enter_context(closing(sqlite3.connect(self.path, isolation_level=None, timeout=10)))
                self._prepare()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and let other runs in."""
        self._open.close()

    def start_run(self, run: str, started_at: datetime) -> int:
        """Record that a run begins, and return its number: larger than that of every run before."""
        with self._explained():
            self._db.execute("DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", (_KEPT_RUNS,))
            # the sightings' run numbers must never come again, so the number outlives pruned rows
            [number] = self._db.execute(
                "SELECT 1 + max(coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(run) FROM seen), 0))"
            ).fetchone()
            self._db.execute("INSERT INTO runs(id, run, started_at) VALUES (?, ?, ?)", (number, run, _text(started_at)))
        return int(number)

    def finish_run(self, number: int, finished_at: datetime, status: str) -> None:
        """Record how a run ended."""
        with self._explained():
            self._db.execute(
                "UPDATE runs SET finished_at = ?, status = ? WHERE id = ?", (_text(finished_at), status, number)
            )

    def partition(self, resource: str, path: Mapping[str, str]) -> int:
        """Return the id of a partition: the same in every run for the same resource and path values."""
        key = (resource, orjson.dumps(dict(path), option=orjson.OPT_SORT_KEYS).decode())
        with self._explained():
            self._db.execute("INSERT OR IGNORE INTO partitions(resource, path) VALUES (?, ?)", key)
            [number] = self._db.execute("SELECT id FROM partitions WHERE resource = ? AND path = ?", key).fetchone()
        return int(number)

    def partitions(self) -> dict[int, str]:
        """Return the resource of every partition ever met, by partition id."""
        with self._explained():
            return dict(self._db.execute("SELECT id, resource FROM partitions"))

    def see(self, run: int, sightings: Mapping[int, Iterable[tuple[str, str]]]) -> None:
        """Record in one transaction what this run saw in each partition: blueprints and identifiers."""
        with self._transaction():
            for partition, keys in sightings.items():
                for blueprint, identifiers in _by_blueprint(keys).items():
                    self._db.execute(_SEE, (blueprint, partition, run, orjson.dumps(identifiers).decode()))

    def count_seen(self, run: int, partitions: Collection[int]) -> int:
        """Return how many entities a run saw in these partitions; one seen in two of them counts twice."""
        if not partitions:
            return 0
        with self._explained():
            [count] = self._db.execute(
                "SELECT count(*) FROM seen WHERE run = ? AND partition IN (SELECT value FROM json_each(?))",
                (run, orjson.dumps(sorted(partitions)).decode()),
            ).fetchone()
        return int(count)

    def count_entities(self, run: int) -> int:
        """Return how many entities a run saw, each counted once."""
        with self._explained():
            [count] = self._db.execute(
                "SELECT count(*) FROM (SELECT DISTINCT blueprint, identifier FROM seen WHERE run = ?)", (run,)
            ).fetchone()
        return int(count)

    def sightings(self) -> Iterator[Sighting]:
        """Iterate over all sightings, sorted by blueprint and identifier (as code points)."""
        with self._explained():
            rows = self._db.execute("SELECT blueprint, identifier, partition, run FROM seen ORDER BY 1, 2")
            yield from map(Sighting._make, rows)

    def forget(self, keys: Sequence[EntityKey]) -> None:
        """Drop all that is known of entities that were deleted."""
        with self._transaction():
            self._db.executemany(
                "DELETE FROM seen WHERE blueprint = ? AND identifier = ?",
                ((key.blueprint, key.identifier) for key in keys),
            )

    def forget_sightings(self, sightings: Iterable[Sighting]) -> None:
        """Drop sightings in partitions that, completely read, no longer show their entity."""
        with self._transaction():
            self._db.executemany(
                "DELETE FROM seen WHERE blueprint = ? AND identifier = ? AND partition = ? AND run = ?", sightings
            )

    def forget_unseen(self, run: int, partitions: Collection[int]) -> None:
        """Drop all sightings in these partitions that are older than this run."""
        with self._explained():
            self._db.execute(
                "DELETE FROM seen WHERE run < ? AND partition IN (SELECT value FROM json_each(?))",
                (run, orjson.dumps(sorted(partitions)).decode()),
            )

    def _prepare(self) -> None:
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        [application] = self._db.execute("PRAGMA application_id").fetchone()
        [tables] = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != _APPLICATION:
            message = f"{self.path}: this SQLite file is not a run journal of penstock"
            raise JournalError(message)
        if version > FORMAT:
            message = f"{self.path}: the run journal has format {version}, this penstock knows up to {FORMAT}; upgrade"
            raise JournalError(message)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -8000")
        if not tables:
            self._db.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;"
            )

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
            message = f"{self.path}: the run journal cannot be used: {error}{_WAY_OUT if damaged else ''}"
            raise JournalError(message) from error


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _by_blueprint(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the identifiers by blueprint, without names that are no Unicode text: no sink has them either."""
    found: dict[str, list[str]] = {}
    for blueprint, identifier in keys:
        found.setdefault(blueprint, []).append(identifier)
    try:
        orjson.dumps(found)
    except orjson.JSONEncodeError:
        sound = {name: [one for one in identifiers if _is_unicode(one)] for name, identifiers in found.items()}
        return {name: identifiers for name, identifiers in sound.items() if _is_unicode(name)}
    return found


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
