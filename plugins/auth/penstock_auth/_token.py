"""What every auth with a dynamic token shares: one token for all requests, obtained once however many wait for it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Generic, NoReturn, TypeVar

import httpx

from penstock import AuthContext
from penstock.errors import AuthError, CredentialsRefusedError

ValueT = TypeVar("ValueT")
_LONGEST_MARGIN: Final = 60.0
"""Seconds before its end that a token is renewed, if a tenth of its life is no less (connection.md 5.7)."""
_PATIENCE: Final = 6
"""Tokens that are asked for after a 401 while the API has not accepted any."""
_EARNED: Final = 3
"""How many more each accepted request allows: two, for the request itself, and one for another."""
_MOST_PATIENCE: Final = 32
_MOST_FAILURES: Final = 3


@dataclass(frozen=True, slots=True)
class Obtained(Generic[ValueT]):
    """What a source gave."""

    value: ValueT = field(repr=False)
    expires_at: float | None = None
    """Seconds since the epoch; None: nobody said."""


class TokenSource(ABC, Generic[ValueT]):
    """Where tokens come from, and how one is put on a request."""

    @abstractmethod
    async def obtain(self, refused: ValueT | None) -> Obtained[ValueT]:
        """Return a token; never called twice at once, and not cancelled with the request that needs it.

        Args:
            refused: The token that the API has just refused: one that is kept somewhere is of use only if it differs.

        Raises:
            CredentialsRefusedError: The server says that our credentials are wrong; it is not asked again.
            AuthError: It could not be obtained now.
        """

    @abstractmethod
    def apply(self, request: httpx.Request, value: ValueT) -> httpx.Request:
        """Return the request with the token on it: the same one changed, or another where the body must change."""


@dataclass(slots=True, eq=False)
class _Held(Generic[ValueT]):
    """A token in use."""

    value: ValueT = field(repr=False)
    renew_at: float | None
    uses: int = 0
    """Requests that were signed with it."""


class TokenAuth(httpx.Auth, Generic[ValueT]):
    """Signs with a token that is renewed before it expires, and when the API refuses it with 401.

    Requests that find no usable token wait for the one that is being obtained, and share what comes of it, failure
    included. A request that is refused with that one as well, while others used it up, gets a token of its own that
    nobody else sees before it is answered. So no request is lost to a token that allows a few uses only, or one, and a
    resource that answers 401 to every token costs two renewals.

    A 401 is final, too, where the API has refused many tokens and accepted few requests. A failure to obtain a token
    is final for all requests where the credentials are wrong, where there never was a token, and when it is the third
    in a row: what follows would fail in the same way, one time-out after another.
    """

    def __init__(self, source: TokenSource[ValueT], context: AuthContext) -> None:
        self._source = source
        self._context = context
        self._held: _Held[ValueT] | None = None
        self._renewal: asyncio.Task[_Held[ValueT]] | None = None
        """What all wait for that need another token than the one held."""
        self._turn = asyncio.Lock()
        """Of whoever replaces the token: nobody else does so until then."""
        self._asking = asyncio.Lock()
        """Of the source: it may be busy still for a request that was cancelled, and has lost its turn."""
        self._patience = _PATIENCE
        self._failures = 0
        """In a row, of the source."""
        self._error: AuthError | None = None
        """The last of them."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, NoReturn]:
        """Refuse: token requests are sent by an asynchronous client only."""
        del request
        message = f"{type(self).__name__} needs an asynchronous client"
        raise RuntimeError(message)
        yield  # what makes it a generator, as httpx wants it

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request, and once or twice more after a 401."""
        held = self._held if self._is_fresh() else None
        held = held or await self._replaced(self._held, None)
        response = yield self._signed(request, held)
        if self._accepted(response) or self._is_futile():
            return
        held = await self._replaced(held, held.value)
        response = yield self._signed(request, held)
        if self._accepted(response):
            return
        if held.uses == 1 and held is self._held:
            return  # it was new, and nobody else can have used it up or made it void
        async with self._turn:
            if self._is_futile():
                return
            held = await self._obtained(held.value)
            try:
                response = yield self._signed(request, held)
            finally:
                self._held = held
            self._accepted(response)

    def _signed(self, request: httpx.Request, held: _Held[ValueT]) -> httpx.Request:
        held.uses += 1
        return self._source.apply(request, held.value)

    def _accepted(self, response: httpx.Response) -> bool:
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            return False
        self._patience = min(self._patience + _EARNED, _MOST_PATIENCE)
        return True

    def _is_futile(self) -> bool:
        """Whether the API refuses whatever we bring."""
        return self._patience <= 0

    def _is_fresh(self) -> bool:
        held = self._held
        return held is not None and (held.renew_at is None or self._context.time() < held.renew_at)

    async def _replaced(self, old: _Held[ValueT] | None, refused: ValueT | None) -> _Held[ValueT]:
        """Return another token than ``old``: the one that came meanwhile, the one on its way, or a new one."""
        if self._held is not None and self._held is not old:
            return self._held
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renewed(old, refused))
            self._renewal.add_done_callback(self._renewal_ended)
        return await asyncio.shield(self._renewal)

    def _renewal_ended(self, task: asyncio.Task[_Held[ValueT]]) -> None:
        self._renewal = None
        _hear(task)

    async def _renewed(self, old: _Held[ValueT] | None, refused: ValueT | None) -> _Held[ValueT]:
        async with self._turn:
            if self._held is None or self._held is old:
                self._held = await self._obtained(refused)
            return self._held

    async def _obtained(self, refused: ValueT | None) -> _Held[ValueT]:
        """Ask the source; asking goes on when the caller is cancelled, for it may use up a grant."""
        asking = asyncio.create_task(self._ask(refused))
        asking.add_done_callback(_hear)
        return await asyncio.shield(asking)

    async def _ask(self, refused: ValueT | None) -> _Held[ValueT]:
        async with self._asking:
            if self._error is not None and self._is_hopeless(self._error):
                raise self._error.with_traceback(None)
            if refused is not None:
                self._patience -= 1
            try:
                obtained = await self._source.obtain(refused)
            except AuthError as error:
                self._failures += 1
                self._error = error
                raise
            self._failures, self._error = 0, None
        return _Held(obtained.value, self._renew_at(obtained.expires_at))

    def _is_hopeless(self, error: AuthError) -> bool:
        never = self._held is None
        return never or isinstance(error, CredentialsRefusedError) or self._failures >= _MOST_FAILURES

    def _renew_at(self, expires_at: float | None) -> float | None:
        """Return when to renew; an end that has passed already says nothing, and a 401 will tell."""
        if expires_at is None:
            return None
        left = expires_at - self._context.time()
        return expires_at - min(_LONGEST_MARGIN, left / 10) if left > 0 else None


def _hear(task: asyncio.Task[_Held[ValueT]]) -> None:
    """Take notice of how a task ended that perhaps nobody waits for any more."""
    if not task.cancelled():
        task.exception()
