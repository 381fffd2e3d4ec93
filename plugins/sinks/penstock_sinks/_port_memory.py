"""What one run must remember of a million entities: in a SQLite file that goes with it, not in memory."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import orjson

from penstock.errors import SinkError

CHUNK: Final = 1000
_MANY: Final = 20_000
"""Entities that are looked through at once."""
_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16384;
CREATE TABLE held(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, content BLOB NOT NULL, outdated INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
CREATE TABLE met(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, digest INTEGER, PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
CREATE TABLE listed(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, content BLOB, PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
CREATE TABLE waiting(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, blueprint TEXT NOT NULL, identifier TEXT NOT NULL, body BLOB NOT NULL,
  superseded INTEGER NOT NULL DEFAULT 0);
CREATE INDEX waiting_by_key ON waiting(blueprint, identifier);
CREATE TABLE needs(id INTEGER NOT NULL, blueprint TEXT NOT NULL, identifier TEXT NOT NULL);
CREATE INDEX needs_by_id ON needs(id);
CREATE TABLE leads(
  target_blueprint TEXT NOT NULL, target TEXT NOT NULL, blueprint TEXT NOT NULL, identifier TEXT NOT NULL,
  PRIMARY KEY(target_blueprint, target, blueprint, identifier)) WITHOUT ROWID;
CREATE TABLE going(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
"""
_HELD: Final = """
SELECT identifier, content FROM held
WHERE blueprint = ? AND identifier IN (SELECT value FROM json_each(?)) AND NOT outdated
"""
_MET: Final = (
    "SELECT identifier, digest FROM met WHERE blueprint = ? AND identifier IN (SELECT value FROM json_each(?))"
)
_OURS: Final = """
SELECT blueprint, identifier FROM listed WHERE (blueprint, identifier) > (?, ?) AND NOT EXISTS (
  SELECT 1 FROM met WHERE met.blueprint = listed.blueprint AND met.identifier = listed.identifier
  AND met.digest IS NULL)
ORDER BY 1, 2 LIMIT ?
"""
_LISTED: Final = "SELECT identifier, content FROM listed WHERE blueprint = ? AND identifier > ? ORDER BY 1 LIMIT ?"
_MEET: Final = "INSERT OR REPLACE INTO met(blueprint, identifier, digest) SELECT ?, key, value FROM json_each(?)"
"""One statement for many rows takes a third of the time of one for each."""
_AIM: Final = "INSERT OR IGNORE INTO met(blueprint, identifier) SELECT ?, value FROM json_each(?)"
_FREE: Final = """
SELECT id, kind, blueprint, identifier, body FROM waiting AS one WHERE NOT EXISTS (
  SELECT 1 FROM needs JOIN waiting AS other USING (blueprint, identifier)
  WHERE needs.id = one.id AND other.id <> one.id)
ORDER BY blueprint, identifier LIMIT ?
"""
_NEXT_HELD: Final = """
SELECT max(identifier) FROM (SELECT identifier FROM held WHERE blueprint = ? AND identifier > ? ORDER BY 1 LIMIT ?)
"""
_LEAD: Final = """
INSERT OR IGNORE INTO leads SELECT ?, relation.value, held.blueprint, held.identifier
FROM held, json_each(CAST(held.content AS TEXT), ?) AS relation
WHERE held.blueprint = ? AND held.identifier > ? AND held.identifier <= ? AND relation.type = 'text'
"""
_LED: Final = """
SELECT target, min(leads.blueprint || '/' || leads.identifier) FROM leads
WHERE target_blueprint = ? AND target IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
  SELECT 1 FROM going WHERE going.blueprint = leads.blueprint AND going.identifier = leads.identifier)
GROUP BY 1
"""
_SUPERSEDED: Final = "SELECT id, kind, blueprint, identifier, body FROM waiting WHERE superseded ORDER BY id LIMIT ?"
_ANY: Final = "SELECT id, kind, blueprint, identifier, body FROM waiting ORDER BY id LIMIT ?"


class Waiting(NamedTuple):
    """An entity that was put off."""

    id: int
    kind: str
    blueprint: str
    identifier: str
    body: bytes


class Memory:
    """The file, open and without a name: it goes with the process, however that ends.

    ``with`` opens and closes it. Each method raises ``SinkError`` when the disk is at fault.
    """

    def __init__(self) -> None:
        self._has_waiting = False
        self._holding: set[str] = set()
        """Blueprints of which Port holds something."""

    def __enter__(self) -> Self:
        """Make the file, where ``TMPDIR`` says."""
        with ExitStack() as stack:
            try:
                with tempfile.TemporaryDirectory(prefix="penstock-port-") as folder:
                    self._db = sqlite3.connect(Path(folder) / "memory.db", isolation_level=None)
                    stack.callback(self._db.close)
                    self._db.executescript(_SCHEMA)
            except (OSError, sqlite3.Error) as error:
                raise _unkept(error) from error
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self._open.close()

    def hold(self, blueprint: str, contents: Iterable[tuple[str, bytes]]) -> None:
        """Take note of what Port holds: identifiers with their JSON."""
        self._holding.add(blueprint)
        rows = ((blueprint, identifier, content) for identifier, content in contents)
        self._many("INSERT OR REPLACE INTO held(blueprint, identifier, content) VALUES (?, ?, ?)", rows)

    def held(self, blueprint: str, identifiers: Sequence[str]) -> Mapping[str, Any]:
        """Return what Port holds of these, as far as it is known, by identifier."""
        if blueprint not in self._holding:
            return {}
        rows = self._run(_HELD, (blueprint, orjson.dumps(identifiers).decode()))
        return {name: orjson.loads(content) for name, content in rows}

    def let_go(self, blueprint: str, identifiers: Iterable[str]) -> None:
        """Take note that Port may hold something else of these by now; they may still lead where they did."""
        rows = ((blueprint, identifier) for identifier in identifiers)
        self._many("UPDATE held SET outdated = 1 WHERE blueprint = ? AND identifier = ?", rows)

    def meet(self, blueprint: str, digests: Mapping[str, int]) -> None:
        """Take note that these were written in this run, or found to be unchanged, by identifier, with what."""
        self._run(_MEET, (blueprint, orjson.dumps(digests).decode()))

    def aim(self, blueprint: str, identifiers: Collection[str]) -> None:
        """Take note that relations lead to these: Port makes those that nobody brings."""
        self._run(_AIM, (blueprint, orjson.dumps(list(identifiers)).decode()))

    def met(self, blueprint: str, identifiers: Sequence[str]) -> Mapping[str, int | None]:
        """Return what this run wrote last of these; None for what relations lead to only."""
        return dict(self._run(_MET, (blueprint, orjson.dumps(identifiers).decode())))

    def written(self, blueprint: str, identifiers: Sequence[str]) -> list[str]:
        """Return which of these this run has written, or found to be unchanged."""
        return [name for name, digest in self.met(blueprint, identifiers).items() if digest is not None]

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Know nothing of what was deleted."""
        pairs = list(keys)
        for table in ("held", "met", "listed"):
            self._many(f"DELETE FROM {table} WHERE blueprint = ? AND identifier = ?", pairs)  # noqa: S608 - our own names

    def begin_list(self) -> None:
        """Begin a list anew."""
        self._run("DELETE FROM listed")

    def add_to_list(self, rows: Iterable[tuple[str, str, bytes | None]]) -> None:
        """Add to the list: blueprint, identifier and, where it is wanted, content."""
        self._many("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)", rows)

    def drop_from_list(self, keys: Iterable[tuple[str, str]]) -> None:
        """Take these off the list: blueprint and identifier."""
        self._many("DELETE FROM listed WHERE blueprint = ? AND identifier = ?", list(keys))

    def ours(self) -> Iterator[Sequence[tuple[str, str]]]:
        """Iterate over the list in order, in chunks, without what is there only because relations lead to it."""
        last = ("", "")
        while rows := self._run(_OURS, (*last, CHUNK)):
            yield rows
            last = rows[-1]

    def contents(self, blueprint: str) -> Iterator[Sequence[Any]]:
        """Iterate over what the list has of a blueprint, in order, in chunks."""
        last = ""
        while rows := self._run(_LISTED, (blueprint, last, CHUNK)):
            yield [orjson.loads(content) for _, content in rows]
            last = rows[-1][0]

    async def lead(self, blueprint: str, relation: str, target: str) -> None:
        """Take note of what the entities that Port holds of a blueprint lead to by a relation.

        Args:
            blueprint: Theirs.
            relation: Its name.
            target: The blueprint it leads to.
        """
        path, last = f"$.relations.{orjson.dumps(relation).decode()}", ""
        while True:
            [(end,)] = self._run(_NEXT_HELD, (blueprint, last, _MANY))
            if end is None:
                return
            self._run(_LEAD, (target, path, blueprint, last, end))
            last = end
            await asyncio.sleep(0)  # let the lease be renewed

    def go(self, keys: Iterable[tuple[str, str]]) -> None:
        """Take note that these are to be deleted in this run."""
        self._many("INSERT OR IGNORE INTO going VALUES (?, ?)", keys)

    def stay(self, keys: Iterable[tuple[str, str]]) -> None:
        """Take note that these could not be."""
        self._many("DELETE FROM going WHERE blueprint = ? AND identifier = ?", keys)

    def led_to(self, blueprint: str, identifiers: Sequence[str]) -> Mapping[str, str]:
        """Return to which of these something leads that is not to be deleted, and what."""
        return dict(self._run(_LED, (blueprint, orjson.dumps(identifiers).decode())))

    def put_off(
        self, kind: str, blueprint: str, identifier: str, body: bytes, needs: Iterable[tuple[str, str]]
    ) -> None:
        """Keep an entity for the end of the run; ``needs`` are the keys of what it leads to."""
        self._has_waiting = True
        with self._explained():
            cursor = self._db.execute(
                "INSERT INTO waiting(kind, blueprint, identifier, body) VALUES (?, ?, ?, ?)",
                (kind, blueprint, identifier, body),
            )
        self._many("INSERT INTO needs VALUES (?, ?, ?)", ((cursor.lastrowid, *key) for key in needs))

    def supersede(self, blueprint: str, identifiers: Iterable[str]) -> None:
        """Know that entities come again, some of which may have been put off: what came before is of no interest."""
        if self._has_waiting:
            rows = ((blueprint, one) for one in identifiers)
            self._many("UPDATE waiting SET superseded = 1 WHERE blueprint = ? AND identifier = ?", rows)

    def superseded(self) -> list[Waiting]:
        """Return some of those that were put off and came again."""
        return [Waiting(*row) for row in self._run(_SUPERSEDED, (CHUNK,))] if self._has_waiting else []

    def next_waiting(self) -> tuple[list[Waiting], bool]:
        """Return some of those that wait for no other one; where there are none, some that wait for each other.

        Returns:
            Them, and whether they go round in a circle.
        """
        free = [Waiting(*row) for row in self._run(_FREE, (CHUNK,))]
        return (free, False) if free else ([Waiting(*row) for row in self._run(_ANY, (CHUNK,))], True)

    def done(self, ids: Iterable[int]) -> None:
        """Let go of what was put off."""
        self._many("DELETE FROM waiting WHERE id = ?", ((one,) for one in ids))

    def _run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._db.execute(statement, values).fetchall()

    def _many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with self._explained():
            self._db.execute("BEGIN")
            try:
                self._db.executemany(statement, rows)
            finally:
                self._db.execute("COMMIT")

    def _explained(self) -> _Explained:
        return _Explained()


class _Explained:
    """Turns what SQLite raises into an error that says what it was for."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Explain."""
        if isinstance(error, sqlite3.Error):
            raise _unkept(error) from error


def _unkept(error: OSError | sqlite3.Error) -> SinkError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return SinkError(f"{tempfile.gettempdir()}: what the port sink has to remember of a run cannot be kept: {reason}")
