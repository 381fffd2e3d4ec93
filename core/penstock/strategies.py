"""The three things a plugin can be: a way to prove who we are, a way to page, a place for entities.

Each is one class with a ``name``, a ``Config`` and a method or two. Strategies hold no state: one instance serves every
connection, and what belongs to one connection is passed in or returned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from penstock.values import Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Page, PageRequest, Stop

if TYPE_CHECKING:
    import httpx


class PluginConfig(BaseModel):
    """The settings of one plugin; every field has a type, a default or none, and a description.

    Written in camelCase or snake_case. Secrets are ``pydantic.SecretStr``.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


ConfigT = TypeVar("ConfigT", bound=PluginConfig)


class AuthStrategy(ABC, Generic[ConfigT]):
    """One way of proving who we are."""

    name: ClassVar[str]
    """The word a configuration writes after ``authType:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""

    @abstractmethod
    def build(self, config: ConfigT) -> httpx.Auth:
        """Return what signs the requests of one connection; called once per connection, must not do I/O.

        The ``httpx.Auth`` sees requests to allowed origins only. A header of the same name that the user set for the
        connection or the resource is already on the request: leave it unless the scheme must win.
        """


class PaginationStrategy(ABC, Generic[ConfigT]):
    """One way of asking for the next page: a pure decision, without I/O, clock or memory of its own."""

    name: ClassVar[str]
    """The word a configuration writes after ``paginationType:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""

    @abstractmethod
    def first(self, config: ConfigT) -> PageRequest:
        """Return the request for the first page."""

    @abstractmethod
    def next(self, config: ConfigT, page: Page) -> PageRequest | Stop:
        """Return the request for the page after this one, or why there is none.

        Called once for every page, in order. ``page.request.state`` is what this strategy put there. Core itself ends
        a read that asks for the same page twice, follows no link to a foreign origin and enforces the page limit.
        """

    def ahead(self, config: ConfigT, page: Page, steps: int) -> PageRequest | None:
        """Guess what ``next`` would return ``steps`` pages after ``page``, or return None when that cannot be known.

        Made so that several pages can be in flight: core uses the guess only where ``next`` then asks for
        exactly that request. Should respect totals in ``page.body``, so that nothing is asked for beyond the end.
        """
        del config, page, steps
        return None


class SinkStrategy(ABC, Generic[ConfigT]):
    """One kind of place where entities go."""

    name: ClassVar[str]
    """The word a configuration writes after ``sink.type:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""

    @abstractmethod
    def open(self, config: ConfigT, source: str) -> Sink:
        """Return the sink that holds what ``source`` owns; must not do I/O before it is entered."""

    def exists(self, config: ConfigT) -> bool:
        """Return whether there is a catalog to read; must create nothing.

        Asked by commands that only read. The default suits sinks that create nothing when they are opened.
        """
        del config
        return True


class Sink(ABC):
    """An opened sink: ``async with`` opens and closes what it holds. Calls never overlap.

    It touches only what its source owns. An entity of the same key that another source owns is refused.
    """

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

    @abstractmethod
    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Create or update the entities, and return one outcome for each, in order: idempotent, all durable on return.

        ``UNSET`` fields and unmentioned properties and relations keep what the catalog has.

        Raises:
            SinkError: Nothing of the batch, or an unknown part of it, was written.
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

    @abstractmethod
    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete what this source owns of these, and return one outcome (deleted, absent, refused) for each, in order.

        Core decides what may be deleted; a sink only does it.
        """
