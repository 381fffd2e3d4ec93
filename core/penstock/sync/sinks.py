"""The sink as core sees it: whatever a plugin raises or returns wrongly becomes an error that names the plugin."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Collection, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from penstock.config.models import Chosen, Place, PluginLimits
from penstock.errors import PenstockError, Problem, SinkError
from penstock.http.lending import Lent
from penstock.listening import Listener
from penstock.plugin_calls import blocking, bounded
from penstock.strategies import Sink, SinkContext, SinkStrategy
from penstock.values import (
    JSON,
    Entity,
    EntityBatch,
    EntityKey,
    HeldEntity,
    Outcome,
    OwnedEntity,
    Ownership,
    Remark,
    RunNews,
    Settled,
)

ResultT = TypeVar("ResultT")
_SETTLED: Final = frozenset({"created", "updated", "unchanged", "refused"})
_WRITTEN: Final = _SETTLED | {"deferred", "absent"}
_DELETED: Final = frozenset({"deleted", "absent", "refused", "deferred"})
_key: Final = itemgetter(1, 2)


class StoppedError(SinkError):
    """The run was told to stop: nothing more is to be settled, and nothing to be deleted."""


def open_sink(chosen: Chosen[SinkStrategy[Any]], context: Lent, limits: PluginLimits | None = None) -> Sink:
    """Return the sink for the context's source; nothing is touched before it is entered.

    Args:
        chosen: Which sink.
        context: What core lends it; the source among it. Once its ``stop`` is set, ``settle``, ``owned`` and
            ``delete`` raise StoppedError.
        limits: How long one of its calls may take.

    Raises:
        SinkError: The plugin cannot open it.
    """
    seconds = (limits or PluginLimits()).timeout
    with _blaming(chosen.strategy.name, seconds):
        return _NamedSink(chosen.strategy.open(chosen.config, context), chosen.strategy, seconds, context)


def rehearse_sink(
    chosen: Chosen[SinkStrategy[Any]], context: Lent, folder: Path, limits: PluginLimits | None = None
) -> Sink:
    """Return a stand-in for the sink, which begins with what that one holds and keeps what is done to it to itself.

    Raises:
        PluginError: The plugin offers none.
        SinkError: The plugin cannot make it.
    """
    seconds = (limits or PluginLimits()).timeout
    with _blaming(chosen.strategy.name, seconds):
        rehearsed = chosen.strategy.rehearse(chosen.config, context, folder)
        return _NamedSink(rehearsed, chosen.strategy, seconds, context)


async def make_sink_ready(
    chosen: Chosen[SinkStrategy[Any]], context: SinkContext, limits: PluginLimits | None = None
) -> None:
    """Have the catalog made ready for a sync; raises SinkError."""
    seconds = (limits or PluginLimits()).timeout
    with _blaming(chosen.strategy.name):
        await bounded(
            chosen.strategy.make_ready(chosen.config, context), waiting_seconds=seconds, blocking_seconds=seconds
        )


async def mapping_of(
    chosen: Chosen[SinkStrategy[Any]], context: SinkContext, limits: PluginLimits | None = None
) -> Mapping[str, JSON] | None:
    """Return the mapping that the catalog keeps, None if there is none; raises SinkError."""
    seconds = (limits or PluginLimits()).timeout
    with _blaming(chosen.strategy.name):
        return await bounded(
            chosen.strategy.mapping(chosen.config, context), waiting_seconds=seconds, blocking_seconds=seconds
        )


@asynccontextmanager
async def listening_to(chosen: Chosen[SinkStrategy[Any]], context: SinkContext) -> AsyncGenerator[Listener]:
    """Have what learns whether somebody asks for a sync at the catalog; raises SinkError."""
    with _blaming(chosen.strategy.name):
        async with chosen.strategy.listener(chosen.config, context) as listener:
            yield listener


def ownership_of(chosen: Chosen[SinkStrategy[Any]], source: str) -> Ownership | None:
    """Return by what the catalog tells whose an entity is, if it is not the source's name; raises SinkError."""
    with _blaming(chosen.strategy.name, PluginLimits().timeout):
        return chosen.strategy.ownership(chosen.config, source)


def sink_exists(chosen: Chosen[SinkStrategy[Any]]) -> bool:
    """Return whether there is a catalog to read; raises SinkError."""
    with _blaming(chosen.strategy.name, PluginLimits().timeout):
        return chosen.strategy.exists(chosen.config)


def sink_problems(chosen: Chosen[SinkStrategy[Any]], written: Collection[Place]) -> list[Problem]:
    """Return what cannot work of the sink's settings, and where it is written; raises SinkError."""
    with _blaming(chosen.strategy.name, PluginLimits().timeout):
        found = dict(chosen.strategy.unusable(chosen.config))
    places = {place.field: place for place in written}
    return [
        Problem(places[name].path, why, places[name].source) if name in places else Problem(f"sink.{name}", why)
        for name, why in found.items()
    ]


class _NamedSink(Sink):
    """Hands everything on, checks what comes back, and names the plugin in every error."""

    def __init__(self, sink: Sink, strategy: SinkStrategy[Any], seconds: float, lent: Lent) -> None:
        self._sink = sink
        self._activity = lent.activity
        self._stop = lent.stop
        self._name = strategy.name
        self._searches = strategy.searches
        self._seconds = seconds
        self._deferred = 0
        self.writes_at_once = _count(cast("object", sink.writes_at_once))

    async def __aenter__(self) -> Self:
        with _blaming(self._name):
            self._sink = await self._bounded(self._sink.__aenter__())
            self.wanted_examples = self._sink.wanted_examples
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _blaming(self._name):
            await self._bounded(self._sink.__aexit__(kind, error, trace))

    async def claim(self) -> None:
        with _blaming(self._name):
            await self._bounded(self._sink.claim())

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        if not self._searches and any(entity.search is not None for entity in batch.entities):
            return await self._write_named(batch)
        with _blaming(self._name):
            seconds = self._seconds * self.writes_at_once  # it may have to wait for those before it
            written = await self._bounded(self._sink.write(batch), seconds)
            outcomes = _checked(written, len(batch.entities), _WRITTEN, "write")
        self._deferred += sum(outcome.kind == "deferred" for outcome in outcomes)
        return outcomes

    async def _write_named(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Write the entities that have a name; the others nobody can find."""
        refused = Outcome(
            "refused", f"a search query as identifier needs a sink that can search, and {self._name} cannot"
        )
        named = [entity for entity in batch.entities if entity.search is None]
        outcomes = iter(await self.write(EntityBatch(batch.kind, named)) if named else ())
        return [next(outcomes) if entity.search is None else refused for entity in batch.entities]

    async def settle(self) -> AsyncIterator[Sequence[Settled]]:
        with _blaming(self._name):
            async for chunk in self._chunks_until_stopped(self._sink.settle()):
                self._deferred -= len(_checked([one.outcome for one in chunk], len(chunk), _SETTLED, "settle"))
                yield chunk
            if self._deferred:
                message = f"settle() did not tell of {self._deferred} entities whose outcome was deferred"
                raise ValueError(message)

    async def tell(self, news: RunNews) -> None:
        with _blaming(self._name):
            await self._bounded(self._sink.tell(news))

    def note(self, remark: Remark) -> None:
        with _blaming(self._name, self._seconds):
            self._sink.note(remark)

    async def examples(self, kind: str, items: Sequence[JSON]) -> None:
        with _blaming(self._name):
            await self._bounded(self._sink.examples(kind, items))

    async def count(self) -> int | None:
        with _blaming(self._name):
            return await self._bounded(self._sink.count())

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        last: list[OwnedEntity] = []
        with _blaming(self._name):
            async for chunk in self._chunks_until_stopped(self._sink.owned()):
                # What comes out of order would look as if nobody had seen it, and be deleted.
                if not all(_key(one) < _key(other) for one, other in pairwise([*last, *chunk])):
                    message = "owned() is not sorted by blueprint and identifier, each key once"
                    raise ValueError(message)
                last = list(chunk[-1:]) or last
                yield chunk

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        with _blaming(self._name):
            async for chunk in self._chunks(self._sink.entities(blueprint)):
                yield chunk

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        with _blaming(self._name):
            held = await self._bounded(self._sink.read(keys))
            if len(held) != len(keys):
                message = f"read() returned {len(held)} entities for {len(keys)} keys"
                raise ValueError(message)
            return held

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        self._go_on()
        with _blaming(self._name):
            return _checked(await self._bounded(self._sink.delete(keys)), len(keys), _DELETED, "delete")

    async def _bounded(self, call: Awaitable[ResultT], seconds: float | None = None) -> ResultT:
        """Await a call that may not hang: what is asked of a service that answers does not count."""
        return await bounded(
            call,
            waiting_seconds=self._seconds if seconds is None else seconds,
            blocking_seconds=self._seconds,
            activity=self._activity,
        )

    async def _chunks_until_stopped(self, chunks: AsyncIterator[ResultT]) -> AsyncIterator[ResultT]:
        self._go_on()
        async for chunk in self._chunks(chunks):
            yield chunk
            self._go_on()

    def _go_on(self) -> None:
        if self._stop is not None and self._stop.is_set():
            raise StoppedError("the run was told to stop")

    async def _chunks(self, chunks: AsyncIterator[ResultT]) -> AsyncIterator[ResultT]:
        iterator = aiter(chunks)
        while True:
            try:
                chunk = await self._bounded(anext(iterator))
            except StopAsyncIteration:
                return
            yield chunk


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        message = f"writes_at_once is {value!r}, not a number of calls"
        raise ValueError(message)
    return value


def _checked(outcomes: Sequence[Outcome], count: int, kinds: Collection[str], method: str) -> Sequence[Outcome]:
    if len(outcomes) != count:
        message = f"{method}() returned {len(outcomes)} outcomes for {count} entities"
        raise ValueError(message)
    if unknown := {outcome.kind for outcome in outcomes} - set(kinds):
        message = f"{method}() returned the outcome {min(unknown)}"
        raise ValueError(message)
    return outcomes


@contextmanager
def _blaming(name: str, blocking_seconds: float | None = None) -> Generator[None]:
    """Name the plugin in what it raises.

    Args:
        name: The plugin.
        blocking_seconds: How long the block may take; None where it awaits, and each call is bounded by itself.
    """
    try:
        with nullcontext() if blocking_seconds is None else blocking(blocking_seconds):
            yield
    except PenstockError:
        raise
    except Exception as error:
        message = f'the sink plugin "{name}" failed: {type(error).__name__}: {error}'
        raise SinkError(message) from error
