"""Requests that plugins send on their own account: an auth to a token endpoint, a sink to its service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from msgspec.structs import replace

from penstock.config.models import HttpSettings
from penstock.errors import AuthError
from penstock.http.body import BodyError
from penstock.http.failures import QuotaError
from penstock.http.limiter import SuspendedError
from penstock.http.outgoing import connection_headers, describe, is_errand, without_user_info
from penstock.http.pool import RESENDS, Outgoing, PreparedRequest
from penstock.http.retry import RetryPolicy, Tries, Wait
from penstock.http.silence import SilenceError
from penstock.http.urls import build_url, is_absolute
from penstock.http.wire import Exchange, RawAnswer, ResultT, Wire
from penstock.redaction import Secrets, secret_parts
from penstock.strategies import AuthContext, TokenStore

if TYPE_CHECKING:
    from penstock.http.curfew import Curfew

AnswerT = TypeVar("AnswerT", Exchange, RawAnswer)


class Courier:
    """Sends what a plugin asks for over a wire, and tries again as the settings say, until a curfew has come."""

    def __init__(self, settings: HttpSettings, wire: Wire, curfew: Curfew | None = None) -> None:
        self._wire = wire
        self._curfew = curfew
        self._policy = RetryPolicy(settings.max_retries, settings.max_retry_wait, settings.retry_post)
        defaults = connection_headers(settings)
        self._headers = {name: defaults[name] for name in ("user-agent", "accept", "accept-encoding")}

    async def send(self, request: httpx.Request, *, auth: httpx.Auth | None = None) -> httpx.Response:
        """Send a request, signed by ``auth`` anew for each attempt, and return the answer, as ``AuthContext`` says."""
        if auth is None:
            return await _read((await self.exchange(request)).response)
        await request.aread()
        signed = await self._until_answered(lambda tries: self._signed_attempt(_copy_of(request), auth, tries))
        return signed.response

    async def exchange(self, request: httpx.Request) -> Exchange:
        """Send one request until it is answered for good, whatever the status.

        Raises:
            AuthError: There was no answer, or one that cannot be read.
            QuotaError: The server asks to wait longer than ``maxRetryWait``.
        """
        return await self._until_answered(lambda tries: self._attempt(request, tries))

    async def _signed_attempt(self, own: httpx.Request, auth: httpx.Auth, tries: Tries) -> Exchange | Wait:
        flow = auth.async_auth_flow(own)
        try:
            request = await anext(flow)
            while True:
                if is_errand(request, own):
                    outcome: Exchange | Wait = await self.exchange(request)
                else:
                    outcome = await self._attempt(request, tries)
                if isinstance(outcome, Wait):
                    return outcome
                try:
                    request = await flow.asend(await _read(outcome.response))
                except StopAsyncIteration:
                    return outcome
        finally:
            await flow.aclose()

    async def ask(
        self,
        method: str,
        url: httpx.URL,
        target: str,
        headers: Mapping[str, str],
        content: bytes,
        extensions: Mapping[str, Any],
    ) -> RawAnswer:
        """Do what ``exchange`` does, for the parts of a request; its headers replace ours."""
        prepared = PreparedRequest(method, url, target, {**self._headers, **headers}, content, extensions)

        def attempt(tries: Tries) -> Coroutine[Any, Any, RawAnswer | Wait]:
            again = tries.made - 1
            request = replace(prepared, extensions={**extensions, RESENDS: again}) if again else prepared
            return self._tried(request, tries, self._wire.ask(request))

        return await self._until_answered(attempt)

    async def _until_answered(self, attempt: Callable[[Tries], Awaitable[AnswerT | Wait]]) -> AnswerT:
        """Make attempts, and wait between them, until one is the last."""
        tries = Tries(self._policy, self._wire.clock)
        while True:
            tries.made += 1
            outcome = await attempt(tries)
            if not isinstance(outcome, Wait):
                return outcome
            waiting = self._wire.wait(outcome)
            await (waiting if self._curfew is None else self._curfew.pause(waiting))

    async def _attempt(self, request: httpx.Request, tries: Tries) -> Exchange | Wait:
        for name, value in self._headers.items():
            request.headers.setdefault(name, value)
        if tries.made > 1:
            request.extensions[RESENDS] = tries.made - 1
        return await self._tried(request, tries, self._wire.exchange(request))

    async def _tried(self, request: Outgoing, tries: Tries, answer: Coroutine[Any, Any, AnswerT]) -> AnswerT | Wait:
        safe: bool | None = request.extensions.get("retry_safe")
        try:
            heard = await (answer if self._curfew is None else self._curfew.answer(answer))
        except SuspendedError as error:
            raise QuotaError(describe(request), error.until) from error
        except SilenceError as error:
            few = not self._wire.answered
            verdict = tries.after_silence(request.method, error.trouble, retry_safe=safe, few=few)
            if isinstance(verdict, Wait) and self._may_wait:
                return verdict
            raise AuthError(self._message(request, error, tries)) from error
        except BodyError as error:
            raise AuthError(self._message(request, error, tries)) from error
        if heard.refusal is not None:
            verdict = tries.after_refusal(request.method, heard.refusal, retry_safe=safe)
            if isinstance(verdict, Wait) and self._may_wait:
                return verdict
        return heard

    @property
    def _may_wait(self) -> bool:
        return self._curfew is None or not self._curfew.has_come

    @staticmethod
    def _message(request: Outgoing, error: Exception, tries: Tries) -> str:
        attempts = f" after {tries.made} attempts" if tries.made > 1 else ""
        return f"{describe(request)}: {error}{attempts}"


class Errands(Courier, AuthContext):
    """Sends what the auth of a connection asks for, over the connection's own wire."""

    def __init__(self, settings: HttpSettings, wire: Wire, tokens: TokenStore, secrets: Secrets) -> None:
        super().__init__(settings, wire)
        self.base_url = without_user_info(settings.base_url)
        self.tokens = tokens
        self._secrets = secrets

    async def to_the_end(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await the work, as ``AuthContext`` says."""
        return await self._wire.to_the_end(work)

    def url(self, endpoint: str) -> str:
        """Return an absolute URL as it is, anything else joined to the base URL as endpoints are."""
        return endpoint if is_absolute(endpoint) else build_url(self.base_url, endpoint, {})

    def time(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._wire.clock.time()

    def conceal(self, *secrets: str) -> None:
        """Keep these, and what of them the other side may repeat alone, out of every message from now on."""
        self._secrets.learn(*dict.fromkeys(part for secret in secrets for part in secret_parts(secret)))


def _copy_of(request: httpx.Request) -> httpx.Request:
    """Return the request as it was before anybody signed it."""
    return httpx.Request(
        request.method, request.url, headers=request.headers, content=request.content, extensions=request.extensions
    )


async def _read(response: httpx.Response) -> httpx.Response:
    await response.aread()
    return response
