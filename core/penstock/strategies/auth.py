"""A way to prove who we are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from msgspec import Struct
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from penstock.errors import PluginError
from penstock.strategies.settings import PluginConfig
from penstock.values import Token

if TYPE_CHECKING:
    import httpx

ConfigT = TypeVar("ConfigT", bound=PluginConfig)
ResultT = TypeVar("ResultT")
_TYPE_NAMES: Final = frozenset({"authType", "auth_type"})


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
