"""What the auth of a connection sends on its own account, to a token endpoint for example."""

from __future__ import annotations

import httpx

from penstock.config.models import HttpSettings
from penstock.errors import AuthError
from penstock.http.body import BodyError
from penstock.http.failures import QuotaError
from penstock.http.limiter import SuspendedError
from penstock.http.outgoing import connection_headers, describe, without_user_info
from penstock.http.retry import RetryPolicy, Tries, Wait
from penstock.http.silence import SilenceError
from penstock.http.urls import build_url, is_absolute
from penstock.http.wire import Exchange, Wire
from penstock.redaction import Secrets
from penstock.strategies import AuthContext, TokenStore


class Errands(AuthContext):
    """Sends what the auth asks for over the connection's own wire, and tries again as the connection does."""

    def __init__(self, settings: HttpSettings, wire: Wire, tokens: TokenStore, secrets: Secrets) -> None:
        self.base_url = without_user_info(settings.base_url)
        self.tokens = tokens
        self._wire = wire
        self._secrets = secrets
        self._policy = RetryPolicy(settings.max_retries, settings.max_retry_wait, settings.retry_post)
        defaults = connection_headers(settings)
        self._headers = {name: defaults[name] for name in ("User-Agent", "Accept", "Accept-Encoding")}

    async def send(self, request: httpx.Request, *, auth: httpx.Auth | None = None) -> httpx.Response:
        """Send a request, signed by ``auth``, and return the answer, as ``AuthContext`` says."""
        flow = (auth or httpx.Auth()).async_auth_flow(request)
        try:
            signed = await anext(flow)
            while True:
                response = (await self.exchange(signed)).response
                await response.aread()
                try:
                    signed = await flow.asend(response)
                except StopAsyncIteration:
                    return response
        finally:
            await flow.aclose()

    async def exchange(self, request: httpx.Request) -> Exchange:
        """Send one request until it is answered for good, whatever the status.

        Raises:
            AuthError: There was no answer, or one that cannot be read.
            QuotaError: The server asks to wait longer than ``maxRetryWait``.
        """
        for name, value in self._headers.items():
            request.headers.setdefault(name, value)
        tries = Tries(self._policy, self._wire.clock)
        safe: bool | None = request.extensions.get("retry_safe")
        while True:
            tries.made += 1
            try:
                exchange = await self._wire.exchange(request)
            except SuspendedError as error:
                raise QuotaError(describe(request), error.until) from error
            except SilenceError as error:
                few = not self._wire.answered
                verdict = tries.after_silence(request.method, error.trouble, retry_safe=safe, few=few)
                if not isinstance(verdict, Wait):
                    raise AuthError(self._message(request, error, tries)) from error
            except BodyError as error:
                raise AuthError(self._message(request, error, tries)) from error
            else:
                exchange.response.request = request
                if exchange.refusal is None:
                    return exchange
                verdict = tries.after_refusal(request.method, exchange.refusal, retry_safe=safe)
                if not isinstance(verdict, Wait):
                    return exchange
            await self._wire.wait(verdict)

    def url(self, endpoint: str) -> str:
        """Return an absolute URL as it is, anything else joined to the base URL as endpoints are."""
        return endpoint if is_absolute(endpoint) else build_url(self.base_url, endpoint, {})

    def time(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._wire.clock.time()

    def conceal(self, *secrets: str) -> None:
        """Keep these out of every message from now on."""
        self._secrets.learn(*secrets)

    @staticmethod
    def _message(request: httpx.Request, error: Exception, tries: Tries) -> str:
        attempts = f" after {tries.made} attempts" if tries.made > 1 else ""
        return f"{describe(request)}: {error}{attempts}"
