"""A sync into Port without one request that writes: what each would come to is told from what Port holds.

What would be written is kept in a file, over what Port has. Whether a value fits its blueprint only Port can tell, and
it is asked to write for that alone: so it is not foretold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Self, cast

import orjson

from penstock import Entity, EntityKey, HeldEntity, Outcome, Remark, RunNews, SinkContext
from penstock.errors import SinkError
from penstock.values import ABSENT, CREATED, DELETED, UPDATED, OutcomeKind
from penstock_sinks._port_api import Api
from penstock_sinks._port_batch import led_to
from penstock_sinks._port_bodies import is_name
from penstock_sinks._port_delete import Deleter
from penstock_sinks._port_find import NAMED, Finder, Found
from penstock_sinks._port_memory import Memory
from penstock_sinks._port_sink import PortSink, entity_of
from penstock_sinks._port_write import Item, Writer
from penstock_sinks.port import PortConfig

_SCHEMA: Final = """
CREATE TABLE changed(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, content BLOB, PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID;
"""


class Changed:
    """What would be otherwise than Port has it: contents, or None for what would be deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> None:
        """Make the file; raises SinkError, as every method does."""
        with self._explained():
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def put(self, blueprint: str, rows: Iterable[tuple[str, Found | None]]) -> None:
        """Take in what would be there: identifiers with contents."""
        values = ((blueprint, name, None if found is None else orjson.dumps(found)) for name, found in rows)
        with self._explained():
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO changed VALUES (?, ?, ?)", values)
            self._db.execute("COMMIT")

    def of(self, blueprint: str, names: Sequence[str]) -> dict[str, Found | None]:
        """Return what would be otherwise of these."""
        statement = (
            "SELECT identifier, content FROM changed WHERE blueprint = ? AND identifier IN (SELECT value FROM "
            "json_each(?))"
        )
        return dict(self._contents(statement, (blueprint, orjson.dumps(names).decode())))

    def all_of(self, blueprint: str) -> dict[str, Found | None]:
        """Return what would be otherwise in a blueprint."""
        return dict(self._contents("SELECT identifier, content FROM changed WHERE blueprint = ?", (blueprint,)))

    def keys(self, *, deleted: bool) -> Iterator[tuple[str, str]]:
        """Iterate over what would be written, or over what would be deleted."""
        with self._explained():
            yield from self._db.execute(
                "SELECT blueprint, identifier FROM changed WHERE (content IS NULL) = ?", (deleted,)
            )

    def _contents(self, statement: str, values: Sequence[object]) -> Iterator[tuple[str, Found | None]]:
        with self._explained():
            for name, content in self._db.execute(statement, values):
                yield name, None if content is None else orjson.loads(content)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SinkError(f"{self._path}: what would be written cannot be kept: {error}") from error


class RehearsedSink(PortSink):
    """Reads as a sync would, and writes nothing.

    Args:
        config: Of the sink.
        context: Who would write.
        folder: For what would be written.
    """

    def __init__(self, config: PortConfig, context: SinkContext, folder: Path) -> None:
        super().__init__(config, context)
        self.wanted_examples = 0
        self._changed = Changed(folder / "port.db")

    async def __aenter__(self) -> Self:
        """Do as a sync does, and make the file."""
        await super().__aenter__()
        self._changed.open()
        self._open.callback(self._changed.close)
        self._writer = _Pretender(self)
        began = datetime.fromtimestamp(self._context.time(), UTC)
        self._deleter = _Remover(self._api, self._finder, began, self._memory, self._changed)
        return self

    async def tell(self, news: RunNews) -> None:
        """Tell nobody."""

    def note(self, remark: Remark) -> None:
        """Nor of this."""

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        """Look the keys up in what would be there."""
        found: dict[EntityKey, HeldEntity] = {}
        for blueprint in dict.fromkeys(key.blueprint for key in keys):
            names = [key.identifier for key in keys if key.blueprint == blueprint and is_name(key.identifier)]
            for name, one in (await self.now(blueprint, names)).items():
                found[EntityKey(blueprint, name)] = HeldEntity("", "", entity_of(blueprint, one))
        return [found.get(key) for key in keys]

    async def _list_ours(self) -> None:
        await super()._list_ours()
        self._memory.add_to_list((*key, None) for key in self._changed.keys(deleted=False))
        self._memory.drop_from_list(self._changed.keys(deleted=True))

    async def _list_all_of(self, identifier: str, blueprint: Mapping[str, Any]) -> None:
        await super()._list_all_of(identifier, blueprint)
        changed = self._changed.all_of(identifier)
        self._memory.add_to_list(
            (identifier, name, orjson.dumps(found)) for name, found in changed.items() if found is not None
        )
        self._memory.drop_from_list((identifier, name) for name, found in changed.items() if found is None)

    async def now(self, blueprint: str, names: Sequence[str]) -> dict[str, Found]:
        """Return what would be there of these: what was put over it, else what Port has."""
        await self._stock.require(blueprint)
        if self._stock.of(blueprint).flaw is not None:
            return {}
        changed = self._changed.of(blueprint, names)
        held = self._memory.held(blueprint, [name for name in names if name not in changed])
        found: dict[str, Found] = {name: one for name, one in changed.items() if one is not None}
        found.update((name, cast("Found", one)) for name, one in held.items())
        for one in await self._finder.read(blueprint, [n for n in names if n not in changed and n not in held]):
            found[str(one["identifier"])] = one
        return found

    async def named(self, blueprint: str, query: Mapping[str, Any]) -> list[str]:
        """Return the names of what a search query finds at Port."""
        return await self._finder.matching(blueprint, query)

    async def without_target(self, items: Mapping[int, Entity]) -> dict[int, str]:
        """Return, by place, which entities lead to something that would not be there, and to what."""
        if self._flags.create_missing_related_entities:
            return {}
        wanted: dict[str, dict[str, None]] = {}
        for entity in items.values():
            for blueprint, name in led_to(entity, self._stock.of(entity.blueprint).targets):
                wanted.setdefault(blueprint, {})[name] = None
        there = {
            (blueprint, name)
            for blueprint, names in wanted.items()
            for name in await self.now(blueprint, [one for one in names if is_name(one)])
        }
        return {
            place: f'target entity "{name}" of blueprint "{blueprint}" does not exist'
            for place, entity in items.items()
            for blueprint, name in led_to(entity, self._stock.of(entity.blueprint).targets)
            if (blueprint, name) not in there
        }

    def keep(self, blueprint: str, sent: Sequence[Found], before: Mapping[str, Found]) -> None:
        """Put what would be written over what is there."""
        merge = self._flags.enable_merge_entity
        rows = [
            (str(one["identifier"]), _merged(before.get(one["identifier"]) if merge else None, one)) for one in sent
        ]
        self._changed.put(blueprint, rows)


class _Pretender(Writer):
    """Tells what would become of entities."""

    def __init__(self, sink: RehearsedSink) -> None:
        self._sink = sink

    async def write(self, items: Iterator[Item], *, deferring: bool = True) -> dict[int, Outcome]:
        """Return what would become of each."""
        outcomes: dict[int, Outcome] = {}
        for blueprint, group in groupby(items, key=attrgetter("blueprint")):
            while chunk := list(islice(group, NAMED)):
                await self._write_some(blueprint, chunk, outcomes, "deferred" if deferring else "refused")
        return outcomes

    async def _write_some(
        self, blueprint: str, items: Sequence[Item], outcomes: dict[int, Outcome], put_off: OutcomeKind
    ) -> None:
        bodies: dict[int, Found] = {item.place: orjson.loads(item.body) for item in items}
        for item in items:
            if item.searches:
                names = await self._sink.named(blueprint, bodies[item.place]["identifier"])
                if len(names) != 1:
                    outcomes[item.place] = ABSENT
                    del bodies[item.place]
                else:
                    bodies[item.place]["identifier"] = names[0]
        lost = await self._sink.without_target({place: entity_of(blueprint, one) for place, one in bodies.items()})
        outcomes.update((place, Outcome(put_off, reason)) for place, reason in lost.items())
        sound = {place: one for place, one in bodies.items() if place not in lost}
        before = await self._sink.now(blueprint, [one["identifier"] for one in sound.values()])
        searched = {item.place for item in items if item.searches}
        for place, one in sound.items():
            outcome = UPDATED if one["identifier"] in before else CREATED
            outcomes[place] = Outcome(outcome.kind, identifier=one["identifier"]) if place in searched else outcome
        self._sink.keep(blueprint, list(sound.values()), before)


class _Remover(Deleter):
    """Finds what could be deleted, and deletes nothing."""

    def __init__(self, api: Api, finder: Finder, began: datetime, memory: Memory, changed: Changed) -> None:
        super().__init__(api, finder, "", began, memory.written, dependents=False)
        self._changed = changed

    async def _delete_all(self, keys: Sequence[EntityKey], outcomes: dict[EntityKey, Outcome]) -> None:
        for key in keys:
            outcomes[key] = DELETED
            self._changed.put(key.blueprint, [(key.identifier, None)])


def _merged(before: Found | None, sent: Found) -> Found:
    """Return what an entity is after it was written."""
    base: Found = before or {}
    whole = {**base, **sent}
    for group in ("properties", "relations"):
        whole[group] = {**(base.get(group) or {}), **(sent.get(group) or {})}
    return whole
