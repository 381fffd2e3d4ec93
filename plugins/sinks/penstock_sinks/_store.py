"""The entities of a catalog in one SQLite file: everything about it that does not wait."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import orjson
from msgspec import Struct, field

from penstock import Entity, EntityBatch, EntityKey, HeldEntity, Outcome, OwnedEntity
from penstock.errors import LeaseLostError, SinkError
from penstock.values import ABSENT, CREATED, DELETED, UNCHANGED, UPDATED
from penstock_sinks._database import Database
from penstock_sinks._json import UnstorableError, decode
from penstock_sinks._merge import Offer, fresh, key_flaw, members, merged, offer
from penstock_sinks._views import Views

CHUNK: Final = 1_000
"""Rows read at once: memory stays flat, whatever the size of the catalog."""


class Row(NamedTuple):
    """An entity as it is stored; ``team``, ``properties`` and ``relations`` are JSON text."""

    source: str
    kind: str
    blueprint: str
    identifier: str
    title: str | None
    icon: str | None
    team: str | None
    properties: str
    relations: str


_Stored: TypeAlias = tuple[str, str, str, str | None, str | None, str | None, str, str]
"""Identifier, source, kind, and the content."""
_Found: TypeAlias = dict[tuple[str, str], _Stored]
"""By blueprint and identifier."""

_COLUMNS: Final = ", ".join(Row._fields)
_FIND: Final = """
SELECT identifier, source, kind, title, icon, team, properties, relations FROM entities
WHERE blueprint = ? AND identifier IN (SELECT value FROM json_each(?))
"""
_FIND_SOURCE: Final = """
SELECT identifier, source FROM entities WHERE blueprint = ? AND identifier IN (SELECT value FROM json_each(?))
"""
_INSERT: Final = "INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_UPDATE: Final = """
UPDATE entities SET kind = ?, title = ?, icon = ?, team = ?, properties = ?, relations = ?, updated_at = ?
WHERE blueprint = ? AND identifier = ?
"""
_UPDATE_KIND: Final = "UPDATE entities SET kind = ? WHERE blueprint = ? AND identifier = ?"
_DELETE: Final = "DELETE FROM entities WHERE blueprint = ? AND identifier = ?"
_OWNED: Final = """
SELECT kind, blueprint, identifier FROM entities
WHERE source = ? AND (blueprint, identifier) > (?, ?) ORDER BY blueprint, identifier LIMIT ?
"""
_ALL: Final = f"""
SELECT {_COLUMNS} FROM entities WHERE (blueprint, identifier) > (?, ?) ORDER BY blueprint, identifier LIMIT ?
"""  # noqa: S608 - our own column names
_OF_BLUEPRINT: Final = f"""
SELECT {_COLUMNS} FROM entities WHERE blueprint = ? AND identifier > ? ORDER BY identifier LIMIT ?
"""  # noqa: S608 - our own column names


_CREATE_CLAIMS: Final = """
CREATE TABLE IF NOT EXISTS penstock_claims (source TEXT NOT NULL PRIMARY KEY, claim INTEGER NOT NULL) WITHOUT ROWID
"""
_CLAIM: Final = """
INSERT INTO penstock_claims VALUES (?, 1) ON CONFLICT DO UPDATE SET claim = claim + 1 RETURNING claim
"""
_CLAIMED: Final = "SELECT claim FROM penstock_claims WHERE source = ?"


class _Work(Struct):
    """What one batch comes to: the rows to insert, update or mark, and the entities no view shows whole."""

    source: str
    kind: str
    now: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z")
    inserts: list[tuple[str | None, ...]] = field(default_factory=list[tuple[str | None, ...]])
    updates: list[tuple[str | None, ...]] = field(default_factory=list[tuple[str | None, ...]])
    kinds: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    written: list[Entity] = field(default_factory=list[Entity])

    def take(self, entity: Entity, brought: Offer, row: _Stored | None) -> Outcome:
        if row is None:
            place = (self.source, self.kind, entity.blueprint, entity.identifier)
            self.inserts.append((*place, *fresh(brought), self.now, self.now))
            self.written.append(entity)
            return CREATED
        if row[1] != self.source:
            return Outcome("refused", f'it belongs to the source "{row[1]}"')
        try:
            new = merged(entity, brought, row[3:])
        except ValueError as error:  # somebody else has written to the file
            return Outcome("refused", f"what the catalog has cannot be read: {error}")
        if new is not None:
            self.updates.append((self.kind, *new, self.now, entity.blueprint, entity.identifier))
            self.written.append(entity)
            return UPDATED
        if row[2] != self.kind:
            self.kinds.append((self.kind, entity.blueprint, entity.identifier))
        return UNCHANGED


class Store:
    """The entities of one file, seen by one source.

    ``open`` is called first and ``close`` last. Each method raises ``SinkError`` when the file cannot be used.

    Args:
        path: The file; made when it does not exist.
        source: Who writes; rows of others are left alone.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.database = Database(path)
        self._source = source
        self._views = Views(self.database)
        self._claim: int | None = None
        """The number of our claim; None while we make none."""

    def open(self) -> None:
        """Open the file, and make it a catalog when it is new."""
        self.database.open()

    def close(self) -> None:
        """Bring everything into the one file, and close it."""
        self.database.close()

    def claim(self) -> None:
        """Take over from every earlier run of this source: it can write no more."""
        with self.database.transaction():
            self.database.execute(_CREATE_CLAIMS)
            [(self._claim,)] = self.database.execute(_CLAIM, (self._source,)).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Write, unless another run has taken over."""
        with self.database.transaction():
            if self._claim is not None:
                [(claim,)] = self.database.execute(_CLAIMED, (self._source,)).fetchall()
                if claim != self._claim:
                    message = f'{self.database.path}: another run of the source "{self._source}" took over'
                    raise LeaseLostError(message)
            yield

    def write(self, batch: EntityBatch) -> list[Outcome]:
        """Create or update entities in one transaction, and return what became of each."""
        offers = _offers(batch.entities)
        work = _Work(self._source, batch.kind)
        try:
            with self._transaction():
                found = self._find(batch.entities, offers)
                outcomes = [
                    brought
                    if isinstance(brought, Outcome)
                    else work.take(entity, brought, found.get((entity.blueprint, entity.identifier)))
                    for entity, brought in zip(batch.entities, offers, strict=True)
                ]
                self._apply(work)
        except SinkError:
            self._views.forget()
            raise
        return outcomes

    def delete(self, keys: Sequence[EntityKey]) -> list[Outcome]:
        """Delete rows of this source in one transaction, and return what became of each key."""
        with self._transaction():
            owners: dict[EntityKey, str] = {}
            for blueprint, identifiers in _by_blueprint(
                key for key in keys if not key_flaw(key.blueprint, key.identifier)
            ).items():
                rows = self.database.execute(_FIND_SOURCE, (blueprint, orjson.dumps(identifiers).decode()))
                owners.update({EntityKey(blueprint, identifier): source for identifier, source in rows})
            outcomes = [self._deletion(owners, key) for key in keys]
            gone = [key for key, outcome in zip(keys, outcomes, strict=True) if outcome is DELETED]
            self.database.executemany(_DELETE, [(key.blueprint, key.identifier) for key in gone])
        return outcomes

    def count(self) -> int:
        """Return how many rows are this source's."""
        [(number,)] = self.database.read("SELECT count(*) FROM entities WHERE source = ?", (self._source,))
        return int(number)

    def owned(self, after: OwnedEntity | None = None) -> list[OwnedEntity]:
        """Return the next rows of this source in order; none are left when there are fewer than ``CHUNK``."""
        place = ("", "") if after is None else (after.blueprint, after.identifier)
        return [OwnedEntity(*row) for row in self.database.read(_OWNED, (self._source, *place, CHUNK))]

    def rows(self, blueprint: str | None = None, after: Row | None = None) -> list[Row]:
        """Return the next rows of everybody, or of one blueprint, in order, as ``owned`` does."""
        if blueprint is None:
            place = ("", "") if after is None else (after.blueprint, after.identifier)
            return [Row._make(row) for row in self.database.read(_ALL, (*place, CHUNK))]
        parameters = (blueprint, "" if after is None else after.identifier, CHUNK)
        return [Row._make(row) for row in self.database.read(_OF_BLUEPRINT, parameters)]

    def held(self, keys: Sequence[EntityKey]) -> list[HeldEntity | None]:
        """Return what there is of these, whoever owns it, in order."""
        sound = [key for key in keys if not key_flaw(key.blueprint, key.identifier)]
        found: dict[EntityKey, HeldEntity] = {}
        for blueprint, identifiers in _by_blueprint(sound).items():
            for identifier, source, kind, *content in self.database.read(
                _FIND, (blueprint, orjson.dumps(identifiers).decode())
            ):
                entity = self.entity(Row(source, kind, blueprint, identifier, *content))
                found[EntityKey(blueprint, identifier)] = HeldEntity(source, kind, entity)
        return [found.get(key) for key in keys]

    def entity(self, row: Row) -> Entity:
        """Return what a row holds."""
        try:
            return Entity(
                blueprint=row.blueprint,
                identifier=row.identifier,
                title=row.title,
                icon=row.icon,
                team=None if row.team is None else decode(row.team),
                properties=members(row.properties),
                relations=members(row.relations),
            )
        except ValueError as error:
            message = f'{self.database.path}: "{row.identifier}" of "{row.blueprint}" cannot be read: {error}'
            raise SinkError(message) from error

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows as they are, whoever owns them, within a transaction."""
        self.database.executemany(_INSERT, ((*row, "", "") for row in rows))

    def _find(self, entities: Sequence[Entity], offers: Sequence[Offer | Outcome]) -> _Found:
        storable = zip(entities, offers, strict=True)
        found: _Found = {}
        for blueprint, identifiers in _by_blueprint(
            entity for entity, brought in storable if type(brought) is tuple
        ).items():
            rows = self.database.execute(_FIND, (blueprint, orjson.dumps(identifiers).decode()))
            found.update(((blueprint, row[0]), row) for row in rows)
        return found

    def _apply(self, work: _Work) -> None:
        self.database.executemany(_INSERT, work.inserts)
        self.database.executemany(_UPDATE, work.updates)
        self.database.executemany(_UPDATE_KIND, work.kinds)
        self._views.show(work.written)

    def _deletion(self, owners: dict[EntityKey, str], key: EntityKey) -> Outcome:
        source = owners.get(key)
        if source is None:
            return ABSENT
        if source != self._source:
            return Outcome("refused", f'it belongs to the source "{source}"')
        del owners[key]  # should it be named twice, it is not deleted twice
        return DELETED


class Rehearsal(Store):
    """What a file holds, copied to another one, to which anything may be done.

    Args:
        path: The file, which stays as it is; it need not exist.
        source: Who writes.
        copy: Where the other one is made.
    """

    def __init__(self, path: Path, source: str, copy: Path) -> None:
        super().__init__(copy, source)
        self._original = Database(path)

    def open(self) -> None:
        """Copy the file, and open the copy."""
        self._original.copy_to(self.database.path)
        super().open()


def _offers(entities: Sequence[Entity]) -> Sequence[Offer | Outcome]:
    try:
        return [offer(entity) for entity in entities]
    except UnstorableError:  # which is rare: only then is it worth finding out which
        return [_offer(entity) for entity in entities]


def _offer(entity: Entity) -> Offer | Outcome:
    try:
        return offer(entity)
    except UnstorableError as error:
        return Outcome("refused", str(error))


def _by_blueprint(entities: Iterable[Entity | EntityKey]) -> dict[str, list[str]]:
    identifiers: dict[str, list[str]] = {}
    for entity in entities:
        identifiers.setdefault(entity.blueprint, []).append(entity.identifier)
    return identifiers
