"""What every auth with a dynamic token shares: one token for all requests, obtained once however many wait for it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Generic, NoReturn, TypeGuard, TypeVar

import httpx

from penstock import AuthContext
from penstock.errors import AuthError, CredentialsRefusedError

ValueT = TypeVar("ValueT")
_LONGEST_MARGIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Obtained(Generic[ValueT]):
    """What a source gave."""

    value: ValueT
    expires_at: float | None = None
    """Seconds since the epoch; None: nobody said."""


class TokenSource(ABC, Generic[ValueT]):
    """Where tokens come from, and how one is put on a request."""

    @abstractmethod
    async def obtain(self, refused: ValueT | None) -> Obtained[ValueT]:
        """Return a token; never called twice at once.

        Args:
            refused: The token that the API has just refused: one that is kept somewhere is of use only if it differs.

        Raises:
            CredentialsRefusedError: The server says that our credentials are wrong; it is not asked again.
            AuthError: It could not be obtained now.
        """

    @abstractmethod
    def apply(self, request: httpx.Request, value: ValueT) -> httpx.Request:
        """Return the request with the token on it: the same one changed, or another where the body must change."""


@dataclass(slots=True)
class _Held(Generic[ValueT]):
    value: ValueT
    renew_at: float | None
    generation: int
    uses: int = 0
    """Requests that were sent with it."""


class TokenAuth(httpx.Auth, Generic[ValueT]):
    """Signs with a token that is renewed before it expires, and when the API refuses it with 401.

    Requests that find no usable token wait for the one that fetches it, and share what comes of it, failure included.
    A 401 is final where a new token is refused although nobody else has used it; so a token that allows a few uses
    only costs no more than the renewals, and a resource that answers 401 to every token costs two.
    """

    def __init__(self, source: TokenSource[ValueT], context: AuthContext) -> None:
        self._source = source
        self._context = context
        self._lock = asyncio.Lock()
        self._held: _Held[ValueT] | None = None
        self._attempts = 0
        """Times that a token was asked for."""
        self._error: AuthError | None = None
        """Why the last of these failed."""
        self._futile = False
        """Whether the last new token was refused at its first use, and nothing was accepted since."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, NoReturn]:
        """Refuse: token requests are sent by an asynchronous client only."""
        del request
        message = f"{type(self).__name__} needs an asynchronous client"
        raise RuntimeError(message)
        yield  # what makes it a generator, as httpx wants it

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request, and once or twice more after a 401."""
        held = await self._usable()
        response = yield self._signed(request, held)
        if self._is_final(response):
            return
        held = await self._newer_than(held)
        response = yield self._signed(request, held)
        if self._is_final(response):
            return
        if held.uses > 1:  # others used it too, and may have used it up
            async with self._lock:
                if self._futile:
                    return
                held = await self._renew(held)
                response = yield self._signed(request, held)
        self._futile = response.status_code == HTTPStatus.UNAUTHORIZED

    def _signed(self, request: httpx.Request, held: _Held[ValueT]) -> httpx.Request:
        held.uses += 1
        return self._source.apply(request, held.value)

    def _is_final(self, response: httpx.Response) -> bool:
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            return self._futile
        self._futile = False
        return True

    async def _usable(self) -> _Held[ValueT]:
        if self._fresh(self._held):
            return self._held
        attempts = self._attempts
        async with self._lock:
            if self._fresh(self._held):
                return self._held
            self._share_failure_since(attempts)
            return await self._renew(None)

    async def _newer_than(self, old: _Held[ValueT]) -> _Held[ValueT]:
        attempts = self._attempts
        async with self._lock:
            if self._held is not None and self._held.generation > old.generation:
                return self._held
            self._share_failure_since(attempts)
            return await self._renew(old)

    def _share_failure_since(self, attempts: int) -> None:
        """Fail like the attempt that was waited for, or like any that found the credentials wrong."""
        if self._error is None:
            return
        if isinstance(self._error, CredentialsRefusedError) or self._attempts > attempts:
            raise self._error.with_traceback(None)

    async def _renew(self, refused: _Held[ValueT] | None) -> _Held[ValueT]:
        self._attempts += 1
        try:
            obtained = await self._source.obtain(refused.value if refused else None)
        except AuthError as error:
            self._error = error
            raise
        self._error = None
        renew_at = None
        if obtained.expires_at is not None:
            left = obtained.expires_at - self._context.time()
            renew_at = obtained.expires_at - min(_LONGEST_MARGIN, left / 10)
        self._held = _Held(obtained.value, renew_at, self._attempts)
        return self._held

    def _fresh(self, held: _Held[ValueT] | None) -> TypeGuard[_Held[ValueT]]:
        return held is not None and (held.renew_at is None or self._context.time() < held.renew_at)
