"""A place for entities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from penstock.errors import PluginError
from penstock.strategies.settings import PluginConfig
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
    WriteFlags,
)

if TYPE_CHECKING:
    from penstock.listening import Listener, Listening
    from penstock.sink_client import ClientSettings, SinkClient

ConfigT = TypeVar("ConfigT", bound=PluginConfig)


class SinkStrategy(ABC, Generic[ConfigT]):
    """One kind of place where entities go."""

    name: ClassVar[str]
    """The word a configuration writes after ``sink.type:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""
    searches: ClassVar[bool] = False
    """Whether its sinks take entities that a search query names (``Entity.search``). Those are told by
    ``Outcome.identifier``; where the query finds nothing, nothing is written and the outcome is ``ABSENT``."""
    keeps_mappings: ClassVar[bool] = False
    """Whether a configuration may do without resources, for ``mapping`` tells them."""
    listens: ClassVar[bool] = False
    """Whether somebody can ask for a sync at the catalog, for ``listener`` tells it."""

    @abstractmethod
    def open(self, config: ConfigT, context: SinkContext) -> Sink:
        """Return the sink that holds what ``context.source`` owns; must not do I/O before it is entered."""

    def ownership(self, config: ConfigT, source: str) -> Ownership | None:
        """Return by what the catalog tells whose an entity is, where that is something else than the source's name.

        ``penstock serve`` refuses a source whose ownership is that of another: each would delete what the other has
        written. Must not do I/O.
        """
        del config, source
        return None

    def exists(self, config: ConfigT) -> bool:
        """Return whether there is a catalog to read; must create nothing.

        Asked by commands that only read. The default suits sinks that create nothing when they are opened.
        """
        del config
        return True

    def unusable(self, config: ConfigT) -> Mapping[str, str]:
        """Return what cannot work of the settings, as this machine is: why, by the setting's name; must create nothing.

        Asked by commands that would write, before anything is fetched: a path in a folder that does not exist, or of
        somebody else's file, is a mistake in the configuration. What may pass (a lock, a full disk, a service that is
        down) is for ``Sink.__aenter__`` to tell.
        """
        del config
        return {}

    async def make_ready(self, config: ConfigT, context: SinkContext) -> None:
        """Make what the catalog needs before a sync whose mapping it keeps: register the source, create tables.

        Called before ``mapping``, by what syncs only; must be idempotent, and change nothing that exists already.

        Raises:
            SinkError: It cannot be made, and why; nothing is fetched then.
        """

    async def mapping(self, config: ConfigT, context: SinkContext) -> Mapping[str, JSON] | None:
        """Return the mapping document that the catalog keeps for this source; None where it keeps none.

        Called at the start of every run for which no resources are written, if ``keeps_mappings``; must change
        nothing. Core validates it as a ``--mapping`` file.

        Raises:
            SinkError: It cannot be had, and why.
        """
        del config, context
        return None

    def listener(self, config: ConfigT, context: SinkContext) -> Listener:
        """Return what learns whether somebody asks for a sync at the catalog, as ``context.listening`` says.

        Called by ``penstock serve`` for each source, in a process of its own, if ``listens``; after ``make_ready``
        where the sink keeps the mapping. Must not do I/O before it is entered.

        Raises:
            PluginError: Nobody can ask there; so by default.
        """
        del config, context
        message = f"at the sink {self.name} nobody can ask for a sync: its plugin does not offer listener()"
        raise PluginError(message)

    def rehearse(self, config: ConfigT, context: SinkContext, folder: Path) -> Sink:
        """Return a sink that begins with what the catalog holds now, and to which anything may be done instead.

        For ``penstock plan``: the outcomes are those that ``open`` would have, and the catalog stays as it is; where
        there is none, none is made. Must not do I/O before it is entered.

        Args:
            config: Which catalog.
            context: Who writes, and what core lends; nothing may be sent that changes anything.
            folder: For whatever has to be kept meanwhile: empty, private and removed afterwards.

        Raises:
            PluginError: It cannot be rehearsed; so by default.
        """
        del config, context, folder
        message = f"the sink {self.name} cannot be planned for: its plugin does not offer rehearse()"
        raise PluginError(message)


class SinkContext(ABC):
    """What core lends to a sink."""

    source: str
    """Who owns what is written."""
    run: str
    """The id of the run, as its report bears it; empty where a catalog is only read."""
    flags: WriteFlags
    """What the mapping says of writing."""
    listening: Listening
    """How the service learns that somebody asks for a sync."""

    @abstractmethod
    def client(self, settings: ClientSettings) -> AbstractAsyncContextManager[SinkClient]:
        """Return an ``async with`` block that has a client; nothing is sent before it is asked for.

        Raises:
            SinkError: The settings cannot work, and why.
        """

    @abstractmethod
    def time(self) -> float:
        """Return the time in seconds since the epoch."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait, for something that the catalog does in its own time; others go on meanwhile."""

    @abstractmethod
    def conceal(self, *secrets: str) -> None:
        """Keep these out of every message from now on: tokens obtained."""


class Sink(ABC):
    """An opened sink: ``async with`` opens and closes what it holds.

    Calls never overlap, but for those of ``write``, and for ``note``.

    It touches only what its source owns. An entity of the same key that another source owns is refused, unless the
    catalog's own rules let sources share entities.
    """

    writes_at_once: int = 1
    """How many calls of ``write`` may be under way together: more than one suits a catalog that is waited for. Batches
    that are written together are of one kind, have no key in common, and no entity that a search query names; what
    each came to is recorded in the order in which they were given, and nothing after one that failed."""
    wanted_examples: int = 0
    """How many raw items ``examples`` wants of each resource; read once, when the sink has been entered."""

    async def __aenter__(self) -> Self:
        """Open files or connections.

        Raises:
            SinkError: It cannot be used, and why.
        """
        return self

    async def __aexit__(  # noqa: B027 - a sink may hold nothing
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Make everything written durable, and close."""

    async def claim(self) -> None:  # noqa: B027 - a sink may have no way to tell runs apart
        """Take over from every run of this source that claimed the sink before: those can write no more.

        Called once, before anything is written. From then on ``write`` and ``delete`` of an earlier claimant raise
        ``LeaseLostError``, within the transaction that would have written. By default nothing happens.
        """

    @abstractmethod
    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Create or update the entities, and return one outcome for each, in order: idempotent, all durable on return.

        ``UNSET`` fields and unmentioned properties and relations keep what the catalog has. What cannot be written
        before something else is there may be ``DEFERRED``: the sink keeps it for ``settle``.

        Raises:
            SinkError: Nothing of the batch, or an unknown part of it, was written.
        """

    async def settle(self) -> AsyncIterator[Sequence[Settled]]:
        """Write what was deferred, and iterate, in chunks, over what became of it: each once, no more deferred.

        Called once, when everything was written and before anything is deleted; not where the run ends early. Until
        then the journal does not count as read what was deferred, so that a run that is killed brings it again.

        Raises:
            SinkError: As of ``write``.
        """
        return
        yield

    async def tell(self, news: RunNews) -> None:  # noqa: B027 - most catalogs show no runs
        """Take note of how the run goes, for a catalog that shows it: when it begins, and when it ends.

        Called after ``claim``, with the state ``running`` again whenever a kind has begun or ended, and after
        everything was written and deleted, or when the run cannot go on. What it raises is logged, and does the run no
        harm.
        """

    def note(self, remark: Remark) -> None:  # noqa: B027 - most catalogs have no log
        """Take note of what the report will say, the moment it is known, for a catalog that shows it in a log.

        Called between ``tell`` of a run that begins and ``tell`` of one that ends, also while ``write`` is under way:
        must not wait. What it raises is logged, and does the run no harm.
        """

    async def examples(self, kind: str, items: Sequence[JSON]) -> None:  # noqa: B027 - most catalogs show no records
        """Take the first raw items of a resource, for a catalog that shows what its sources give.

        Called once for each resource of which anything was read, where ``wanted_examples`` is not 0. The items are as
        the data path gave them, with the values of path parameters, of at most 128 KiB each as JSON; known secrets are
        taken out, and so is every value whose name is one of a secret. What it raises is a warning in the report, and
        does the run no harm.
        """

    async def count(self) -> int | None:
        """Return how many entities this source owns, or None where counting is no cheaper than listing them."""
        return None

    @abstractmethod
    def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Iterate, in chunks, over all that this source owns, sorted by blueprint and identifier (as code points).

        Nothing is written or deleted while it is being iterated.
        """

    @abstractmethod
    def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Iterate, in chunks, over everything the catalog holds, whoever owns it, sorted as ``owned`` is."""

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        """Return what the catalog holds of these, whoever owns it, in order; None where it holds nothing.

        The default looks through ``entities``, once for each blueprint, which suits small catalogs only.
        """
        wanted = {(key.blueprint, key.identifier) for key in keys}
        found: dict[tuple[str, str], HeldEntity] = {}
        for blueprint in dict.fromkeys(key.blueprint for key in keys):
            async for chunk in self.entities(blueprint):
                for entity in chunk:
                    if (entity.blueprint, entity.identifier) in wanted:
                        found[entity.blueprint, entity.identifier] = HeldEntity("", "", entity)
        return [found.get((key.blueprint, key.identifier)) for key in keys]

    @abstractmethod
    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete what this source owns of these, and return one outcome for each, in order.

        It is deleted, absent, refused, or ``deferred`` with a reason: it has to stay for now, for what stays leads to
        it, say. Core decides what may be deleted, and asks again for what is left as long as others go.
        """
