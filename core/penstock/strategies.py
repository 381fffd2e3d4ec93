"""The three things a plugin can be: a way to prove who we are, a way to page, a place for entities.

Each is one class with a ``name``, a ``Config`` and a method or two. Strategies hold no state: one instance serves every
connection, and what belongs to one connection is passed in or returned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar, cast

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from penstock.errors import PluginError
from penstock.values import (
    JSON,
    Entity,
    EntityBatch,
    EntityKey,
    HeldEntity,
    Outcome,
    OwnedEntity,
    Page,
    PageRequest,
    Remark,
    RunNews,
    Settled,
    Stop,
    Token,
    WriteFlags,
)

if TYPE_CHECKING:
    import httpx

    from penstock.listening import Listener, Listening
    from penstock.sink_client import ClientSettings, SinkClient

_TYPE_NAMES: Final = frozenset({"authType", "auth_type"})


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


class OceanVariable(NamedTuple):
    """Metadata of a sink's setting: under which variable people who come from Ocean have it.

    ``client_id: Annotated[SecretStr, OceanVariable("PORT__CLIENT_ID", chooses=True)]`` is set by
    ``OCEAN__PORT__CLIENT_ID`` where nothing stronger sets it.
    """

    name: str
    """Without ``OCEAN__``, or one of ``APPLICATION__...`` whole."""
    chooses: bool = False
    """Whether the variable, where it is set, makes this sink the one that is used if no ``sink.type`` is written."""
    otherwise: str | None = None
    """What Ocean takes when the variable is not set; holds only where Ocean's variables chose the sink."""


ConfigT = TypeVar("ConfigT", bound=PluginConfig)
ResultT = TypeVar("ResultT")


class AuthStrategy(ABC, Generic[ConfigT]):
    """One way of proving who we are."""

    name: ClassVar[str]
    """The word a configuration writes after ``authType:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""

    @abstractmethod
    def build(self, config: ConfigT, context: AuthContext) -> httpx.Auth:
        """Return what signs the requests of one connection; called once per connection, must not touch the network.

        The ``httpx.Auth`` sees requests to allowed origins only. A header of the same name that the user set for the
        connection or the resource is already on the request: leave it unless the scheme must win.

        Raises:
            AuthError: The settings cannot work: a key does not parse, a certificate has expired.
        """

    def login_label(self, config: ConfigT, context: AuthContext) -> str | None:
        """Return the label under which ``login`` keeps its grant; None where nobody has to log in: so by default.

        For ``penstock auth status``, which looks whether it is there; must not touch the network.
        """
        del config, context
        return None

    async def login(self, config: ConfigT, context: AuthContext, person: Person) -> None:
        """Obtain what needs a person once, and keep it in ``context.tokens``: ``penstock auth login``.

        Raises:
            PluginError: There is nothing to log in to; so by default.
            AuthError: It was refused, or could not be obtained.
        """
        del config, context, person
        message = f"authType {self.name} needs nobody to log in: its credentials are in the configuration"
        raise PluginError(message)


class AuthContext(ABC):
    """What core lends to the auth of one connection."""

    base_url: str
    """Of the connection, without user-info."""
    tokens: TokenStore
    """Where grants are kept that must outlive the process."""

    @abstractmethod
    async def send(self, request: httpx.Request, *, auth: httpx.Auth | None = None) -> httpx.Response:
        """Send a request of the auth's own, to a token endpoint for example, and return the answer, read whole.

        It shares slots, time limits, TLS, proxy and retries with all other requests of the connection, goes wherever
        it says, and carries none of the connection's headers. Redirects are not followed. Where repeating it does no
        harm although its method is POST, set ``request.extensions["retry_safe"] = True``; a time limit of its own, in
        seconds, is ``request.extensions["time_limit"]``.

        Args:
            request: What to send.
            auth: What signs it, if anything; asked again for every attempt, so that what may be used once is fresh.

        Returns:
            The answer, whatever its status, once there is no point in trying again.

        Raises:
            AuthError: There was no answer after the retries, or none that can be read.
            ReadError: The server asks to wait longer than ``maxRetryWait``; not to be caught, for it ends the run.
        """

    @abstractmethod
    async def to_the_end(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await work that must not be given up halfway, such as replacing a refresh token that may be used once.

        Where the caller is cancelled, because the run is interrupted for example, the work goes on, and the connection
        stays open until it has ended.
        """

    @abstractmethod
    def url(self, endpoint: str) -> str:
        """Return an absolute URL as it is, anything else joined to ``base_url`` as endpoints are."""

    @abstractmethod
    def time(self) -> float:
        """Return the time in seconds since the epoch."""

    @abstractmethod
    def conceal(self, *secrets: str) -> None:
        """Keep these out of every message from now on: tokens obtained, assertions signed."""


class TokenStore(ABC):
    """Keeps tokens between runs and processes, each under a label that says what it is for."""

    @abstractmethod
    def locked(self, label: str) -> AbstractAsyncContextManager[TokenSlot]:
        """Return an ``async with`` block in which no other process and no other task has this label's token.

        Args:
            label: Names the grant for machine and person: plugin, token endpoint, client. No secret.

        Raises:
            AuthError: The store cannot be used, and why.
        """


class TokenSlot(ABC):
    """The place of one token, while it is locked."""

    @abstractmethod
    def read(self) -> Token | None:
        """Return what is kept, None when nothing is."""

    @abstractmethod
    def write(self, token: Token) -> None:
        """Keep the token: durable, whole or not at all, when this returns.

        Raises:
            AuthError: It cannot be written, and why.
        """

    @abstractmethod
    def forget(self) -> None:
        """Remove what is kept."""


class Person(ABC):
    """Somebody at a terminal, during ``penstock auth login``."""

    @abstractmethod
    def tell(self, text: str) -> None:
        """Show a line."""

    @abstractmethod
    def visit(self, url: str) -> None:
        """Ask to open a URL in a browser; opens it where that is possible."""


class NestedAuth(Struct, frozen=True):
    """A setting that holds another auth: ``{authType: basic, username: ..., password: ...}``.

    To be used as the type of a field of an auth's ``Config``. The other plugin's own ``Config`` checks the rest.
    """

    strategy: AuthStrategy[Any]
    config: PluginConfig

    def build(self, context: AuthContext) -> httpx.Auth:
        """Return what signs requests; raises as ``AuthStrategy.build`` does."""
        return self.strategy.build(self.config, context)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate with the plugin that ``authType`` names; ``context["auth"]`` finds it."""
        del source, handler
        dumped = core_schema.plain_serializer_function_ser_schema(cls._dumped)
        return core_schema.with_info_plain_validator_function(cls._validated, serialization=dumped)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Leave the settings open: they are those of any auth."""
        del schema, handler
        return {"type": "object"}

    @classmethod
    def _validated(cls, value: object, info: ValidationInfo) -> NestedAuth:
        if isinstance(value, NestedAuth):
            return value
        context = cast("Mapping[str, object]", info.context)
        strategy = cls.named_in(value, context)
        settings = cast("dict[str, object]", value)
        rest = {name: setting for name, setting in settings.items() if name not in _TYPE_NAMES}
        return cls(strategy, strategy.Config.model_validate(rest, context=context))

    def _dumped(self) -> dict[str, object]:
        return {"authType": self.strategy.name, **self.config.model_dump(mode="json", by_alias=True)}

    @staticmethod
    def named_in(settings: object, context: Mapping[str, object]) -> AuthStrategy[Any]:
        """Return the auth that such a block names, found by what is in the validation's ``context``.

        Raises:
            ValueError: It names none, or one that cannot be used.
        """
        if not isinstance(settings, dict):
            message = "expected a mapping with authType and the settings of that auth"
            raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
        named = [name for key, name in cast("dict[str, object]", settings).items() if key in _TYPE_NAMES]
        if len(named) != 1 or not isinstance(named[0], str):
            message = "expected authType, the name of an auth plugin, among its settings"
            raise ValueError(message)
        find = cast("Callable[[str], AuthStrategy[Any]]", context["auth"])
        try:
            return find(named[0])
        except PluginError as error:
            raise ValueError(str(error)) from error


class PaginationStrategy(ABC, Generic[ConfigT]):
    """One way of asking for the next page: a pure decision, without I/O, clock or memory of its own."""

    name: ClassVar[str]
    """The word a configuration writes after ``paginationType:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""
    drifts: ClassVar[bool] = False
    """Whether pages are counted from the start of the list: a row that comes or goes while it is being read then moves
    others across a page's edge, and a complete read may miss some."""

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

    def exists(self, config: ConfigT) -> bool:
        """Return whether there is a catalog to read; must create nothing.

        Asked by commands that only read. The default suits sinks that create nothing when they are opened.
        """
        del config
        return True

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
        """Delete what this source owns of these, and return one outcome (deleted, absent, refused) for each, in order.

        Core decides what may be deleted; a sink only does it.
        """
