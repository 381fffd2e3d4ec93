"""The sink for Port: what core asks for, in terms of requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import orjson

from penstock import (
    JSON,
    Entity,
    EntityBatch,
    EntityKey,
    HeldEntity,
    Outcome,
    OwnedEntity,
    Remark,
    RunNews,
    Settled,
    Sink,
    SinkContext,
    WriteFlags,
)
from penstock.errors import SinkError
from penstock.values import UNCHANGED
from penstock_sinks._json import UnstorableError
from penstock_sinks._port_api import Api, RefusalError, client_settings
from penstock_sinks._port_batch import About, Work, led_to
from penstock_sinks._port_bodies import body_of, is_name
from penstock_sinks._port_compare import is_comparable, is_held, written_over
from penstock_sinks._port_delete import Deleter
from penstock_sinks._port_examples import MOST, send_examples
from penstock_sinks._port_find import Finder, Found
from penstock_sinks._port_leads import Leads
from penstock_sinks._port_memory import Memory, Waiting
from penstock_sinks._port_news import Bulletin
from penstock_sinks._port_stock import Stock
from penstock_sinks._port_write import Item, Limits, Writer
from penstock_sinks.port import PortConfig

_DONE: Final = frozenset({"created", "updated", "unchanged"})
_STAYED: Final = frozenset({"refused", "deferred"})
_WRITTEN: Final = _DONE - {"unchanged"}
_STEP: Final = 250
"""Entities that are remembered at once."""
_FOREIGN: Final = Outcome("refused", "somebody else has written it, and sharedEntities is off")


class PortSink(Sink):
    """The entities of one source in one organisation."""

    writes_at_once = 2  # while the last answers to one batch are waited for, the next is compared, encoded and sent

    def __init__(self, config: PortConfig, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._flags = _flags(config, context.flags)
        self._leads_matter = self._flags.create_missing_related_entities or self._flags.delete_dependent_entities
        """Whether Port makes what is led to, or deletes what leads to it."""
        self._room = config.bulk_bytes - len(b'{"entities":[]}')
        self.wanted_examples = MOST if config.send_raw_data_examples else 0
        self._kinds: dict[str, str] = {}
        """The kind that wrote to a blueprint last."""

    async def __aenter__(self) -> Self:
        """Make a client, and a file for what is to be remembered."""
        async with AsyncExitStack() as stack:
            self._memory = stack.enter_context(Memory())
            settings = client_settings(self._config)
            # What takes in news, figures, or the log, may ask to wait, or hang, and so may what takes entities.
            lent = [await stack.enter_async_context(self._context.client(settings)) for _ in range(4)]
            client, state, figures, log = lent
            self._api = api = Api(client, self._config, self._context)
            self._finder = Finder(self._api)
            self._stock = Stock(self._finder, self._memory)
            self._leads = Leads(self._finder, self._memory, self._stock.listed)
            config, run = self._config, self._context.run
            limits = Limits(config.bulk_entities, config.bulk_bytes, config.max_concurrent_requests)
            self._writer = Writer(self._api, self._flags, limits, run)
            began = datetime.fromtimestamp(self._context.time(), UTC)
            dependents = self._flags.delete_dependent_entities
            self._deleter = Deleter(self._api, self._finder, run, began, self._memory.written, dependents=dependents)
            log_api = api.over(log) if config.send_logs else None
            beats = config.heartbeat_seconds or None
            self._bulletin = Bulletin(api.over(state), api.over(figures), log_api, run, beats=beats)
            stack.push_async_callback(self._bulletin.close)
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client and remove the file."""
        await self._open.__aexit__(kind, error, trace)

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Send what Port does not hold already."""
        work = Work(batch.entities)
        for blueprint, indexes in work.by_blueprint.items():
            await self._stock.require(blueprint)
            self._kinds[blueprint] = batch.kind
            await self._sort_out(work, blueprint, indexes)
        work.outcomes |= await self._writer.write(self._items(work))
        await self._remember(batch.kind, work)
        return [work.outcomes[index] for index in range(len(batch.entities))]

    async def settle(self) -> AsyncIterator[Sequence[Settled]]:
        """Send once more what was deferred, what others lead to first (sync.md section 5)."""
        while came_again := self._memory.superseded():
            self._memory.done(one.id for one in came_again)
            yield [Settled(one.kind, one.blueprint, one.identifier, UNCHANGED) for one in came_again]
        while True:
            waiting, circular = self._memory.next_waiting()
            if not waiting:
                return
            groups = [[one] for one in waiting] if circular else [waiting]
            for group in groups:
                yield await self._settle(group)

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Iterate over what we wrote last, without what Port made for relations of this run only."""
        await self._list_ours()
        for chunk in self._memory.ours():
            yield [OwnedEntity(self._kinds.get(blueprint, ""), blueprint, name) for blueprint, name in chunk]

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Iterate over everything, blueprint after blueprint."""
        for one in await self._finder.blueprints():
            identifier = str(one["identifier"])
            if blueprint in {None, identifier}:
                await self._list_all_of(identifier, one)
                for chunk in self._memory.contents(identifier):
                    yield [entity_of(identifier, found) for found in chunk]

    async def _list_ours(self) -> None:
        self._memory.begin_list()
        async for page in self._finder.ours():
            self._memory.add_to_list((blueprint, identifier, None) for blueprint, identifier in page)

    async def _list_all_of(self, identifier: str, blueprint: Mapping[str, Any]) -> None:
        self._memory.begin_list()
        try:
            async for page in self._finder.pages(blueprint, ours=False):
                self._memory.add_to_list((identifier, found["identifier"], orjson.dumps(found)) for found in page)
        except RefusalError as error:
            message = f"Port does not list the entities of {identifier}: {error.message} ({error.status} {error.code})"
            raise SinkError(message) from error

    async def tell(self, news: RunNews) -> None:
        """Tell Port, for the pages that show it."""
        await self._bulletin.tell(news)

    def note(self, remark: Remark) -> None:
        """Keep it for the event log, which is sent while the run goes on."""
        self._bulletin.note(remark)

    async def examples(self, kind: str, items: Sequence[JSON]) -> None:
        """Show Port what the source gives, where it knows the integration."""
        if self._bulletin.is_heard:
            await send_examples(self._api, kind, items)

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        """Look the keys up."""
        found: dict[EntityKey, HeldEntity] = {}
        for blueprint in dict.fromkeys(key.blueprint for key in keys):
            names = [key.identifier for key in keys if key.blueprint == blueprint and is_name(key.identifier)]
            for one in await self._finder.read(blueprint, names):
                entity = entity_of(blueprint, one)
                found[EntityKey(blueprint, entity.identifier)] = HeldEntity("", "", entity)
        return [found.get(key) for key in keys]

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete what is ours, unless something that stays leads to it, or Port does not let us see it."""
        outcomes = {key: flaw for key in keys if (flaw := self._stock.unseen(key.blueprint)) is not None}
        named = [key for key in keys if key not in outcomes and is_name(key.identifier)]
        staying = await self._leads.staying(named) if self._leads_matter else dict[EntityKey, str]()
        outcomes |= {key: Outcome("deferred", reason) for key, reason in staying.items()}
        outcomes |= await self._deleter.delete([key for key in keys if key not in outcomes])
        self._memory.forget(key for key, outcome in outcomes.items() if outcome.kind == "deleted")
        self._memory.stay(key for key in outcomes if key not in staying and outcomes[key].kind in _STAYED)
        return _once(keys, outcomes)

    async def _sort_out(self, work: Work, blueprint: str, indexes: Sequence[int]) -> None:
        """Find what cannot or need not be sent."""
        known = self._stock.of(blueprint)
        if known.flaw is not None:
            work.outcomes.update(dict.fromkeys(indexes, known.flaw))
            return
        names = [work.entities[index].identifier for index in indexes if work.entities[index].search is None]
        if not _are_unicode(names):
            names = [name for name in names if is_name(name)]
        self._memory.supersede(blueprint, names)
        work.met[blueprint] = self._memory.met(blueprint, names)
        work.held[blueprint] = held = self._memory.held(blueprint, names)
        if not self._config.shared_entities:
            met = work.met[blueprint]
            others = [name for name in names if name not in held and not met.get(name) and is_name(name)]
            there = await self._finder.named(blueprint, others, ours=False)
            ours = await self._finder.named(blueprint, sorted(there), ours=True)
            foreign = there - ours
            work.outcomes.update((index, _FOREIGN) for index in indexes if work.entities[index].identifier in foreign)

    def _items(self, work: Work) -> Iterator[Item]:
        """Make what is to be sent, one by one, and see to the rest."""
        for blueprint, indexes in work.by_blueprint.items():
            targets = self._stock.of(blueprint).targets
            about = About(
                targets if self._leads_matter else {}, work.met.get(blueprint, {}), work.held.get(blueprint, {})
            )
            for index in indexes:
                if index not in work.outcomes and (item := self._item(work, index, about)) is not None:
                    yield item

    def _item(self, work: Work, index: int, about: About) -> Item | None:
        entity = work.entities[index]
        try:
            body = body_of(entity)
            if len(body) > self._room:
                raise self._too_large(body)
        except UnstorableError as error:
            work.outcomes[index] = Outcome("refused", str(error))
            return None
        work.digests[index] = digest = hash(body)
        if entity.relations and about.targets:
            work.lead_to(entity.relations, about.targets)
        if (about.met or about.held) and self._is_known(entity, digest, about):
            work.outcomes[index] = UNCHANGED
            return None
        return Item(index, entity.blueprint, body, bool(entity.relations), entity.search is not None)

    def _too_large(self, body: bytes) -> UnstorableError:
        return UnstorableError(
            f"it has {len(body):,} bytes as JSON, and a request may have {self._config.bulk_bytes:,}"
        )

    def _is_known(self, entity: Entity, digest: int, about: About) -> bool:
        held = about.held.get(entity.identifier)
        if held is None:  # by now it may have been made in this run
            return is_comparable(entity) and about.met.get(entity.identifier) == digest
        return is_comparable(entity) and is_held(entity, held, merge=self._flags.enable_merge_entity)

    async def _remember(self, kind: str, work: Work) -> None:
        """Keep what this run has written, and what has to be written later.

        Step by step: meanwhile answers come, and other requests are to go out.
        """
        for target, names in work.targets.items():
            self._memory.aim(target, names)
        for blueprint, indexes in work.by_blueprint.items():
            for start in range(0, len(indexes), _STEP):
                await asyncio.sleep(0)
                self._remember_some(kind, work, blueprint, indexes[start : start + _STEP])

    def _remember_some(self, kind: str, work: Work, blueprint: str, indexes: Sequence[int]) -> None:
        done: dict[str, int] = {}
        for index in indexes:
            entity, outcome = work.entities[index], work.outcomes[index]
            if outcome.kind in _DONE:
                if entity.search is None:  # so that we know what Port calls it
                    done[entity.identifier] = work.digests[index]
            elif outcome.kind == "deferred":
                needs = led_to(entity, self._stock.of(blueprint).targets)
                self._memory.put_off(kind, blueprint, entity.identifier, body_of(entity), needs)
        self._memory.meet(blueprint, done)
        self._hold_anew(work, blueprint, indexes)

    def _hold_anew(self, work: Work, blueprint: str, indexes: Sequence[int]) -> None:
        """Bring what Port held up to date, for another kind may bring the rest of the same entities."""
        held = work.held.get(blueprint)
        if not held:
            return
        known: list[tuple[str, bytes]] = []
        unknown: list[str] = []
        for index in indexes:
            entity, outcome = work.entities[index], work.outcomes[index]
            if entity.search is not None or outcome.kind not in _WRITTEN:
                continue
            if (before := held.get(entity.identifier)) is not None:
                after = self._after(entity, before)
                if after is None:
                    unknown.append(entity.identifier)
                else:
                    known.append((entity.identifier, after))
        if known:
            self._memory.hold(blueprint, known)
        if unknown:
            self._memory.let_go(blueprint, unknown)

    def _after(self, entity: Entity, held: Mapping[str, Any]) -> bytes | None:
        """Return what Port holds of an entity now that it was written; None where only Port knows."""
        if not is_comparable(entity):
            return None
        try:
            return orjson.dumps(written_over(held, entity, merge=self._flags.enable_merge_entity))
        except orjson.JSONEncodeError:  # numbers beyond 64 bits
            return None

    async def _settle(self, group: Sequence[Waiting]) -> list[Settled]:
        items = (Item(index, one.blueprint, one.body, relates=True) for index, one in enumerate(group))
        outcomes = await self._writer.write(items, deferring=False)
        self._memory.done(one.id for one in group)
        for index, one in enumerate(group):
            if outcomes[index].kind != "refused":
                self._memory.meet(one.blueprint, {one.identifier: hash(one.body)})
        return [Settled(one.kind, one.blueprint, one.identifier, outcomes[index]) for index, one in enumerate(group)]


def _are_unicode(names: Sequence[str]) -> bool:
    """Whether all can be looked up; Port has none of the others."""
    try:
        "".join(names).encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def entity_of(blueprint: str, found: Found) -> Entity:
    """Return what Port has of an entity."""
    return Entity(
        blueprint,
        found["identifier"],
        found.get("title"),
        found.get("icon"),
        found.get("team") or None,
        found.get("properties") or {},
        found.get("relations") or {},
    )


def _once(keys: Sequence[EntityKey], outcomes: Mapping[EntityKey, Outcome]) -> list[Outcome]:
    """Return the outcomes in order; what is named twice is deleted once."""
    met: set[EntityKey] = set()
    found: list[Outcome] = []
    for key in keys:
        outcome = outcomes[key]
        found.append(Outcome("absent") if key in met and outcome.kind == "deleted" else outcome)
        met.add(key)
    return found


def _flags(config: PortConfig, flags: WriteFlags) -> WriteFlags:
    """Return what the mapping says, but for what the sink's own settings say."""
    own = {
        name: value
        for name in ("create_missing_related_entities", "delete_dependent_entities", "enable_merge_entity")
        if (value := getattr(config, name)) is not None
    }
    return flags._replace(**own)
