"""The client of one connection: one pool, one limiter, one auth; every answer it returns is a success, read whole."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Collection, Mapping
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
from msgspec import Struct, field

from penstock.config.models import HttpSettings, PluginLimits
from penstock.errors import AuthError, PenstockError
from penstock.http.body import BodyError
from penstock.http.documents import URL_CHARACTERS, decode, shorten
from penstock.http.errands import Errands
from penstock.http.failures import Told
from penstock.http.judge import Judge, JudgementError
from penstock.http.limiter import SuspendedError
from penstock.http.outgoing import (
    Unsigned,
    connection_headers,
    credentials_added,
    is_errand,
    to_json,
    user_info,
    without_user_info,
)
from penstock.http.pool import RESENDS
from penstock.http.retry import RetryPolicy, Tries, Wait
from penstock.http.silence import SilenceError
from penstock.http.urls import UrlError, origin, resolve_link
from penstock.http.wire import Exchange, Wire
from penstock.plugin_calls import bounded
from penstock.redaction import Redactor, Secrets, mask_url, scrub
from penstock.values import JSON
from penstock.veiled import Veiled

_LOG: Final = logging.getLogger(__name__)
_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NOTEWORTHY_WAIT: Final = 5.0


class ApiRequest(Veiled, frozen=True):
    """A request to the source."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"url", "headers", "body", "conditions"})

    method: str
    url: str
    """Absolute, query included, of an allowed origin."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Replace the connection's of the same name, whatever their case."""
    body: JSON = None
    """Sent as JSON unless None."""
    retry_safe: bool | None = None
    """Whether repeating it does no harm; None: its method decides."""
    conditions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers such as ``If-None-Match``; with any, 304 is an answer like a success."""


class ApiResponse(Veiled, frozen=True):
    """A success."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"url", "headers", "content"})

    status: int
    """200 to 299; or 304 for a request with conditions."""
    url: str
    """The URL that answered, after redirects; without what the auth added."""
    headers: httpx.Headers
    content: bytes
    """The whole body, decompressed."""
    seconds: float
    """Of the attempt that was answered, from sending to the last byte."""

    def document(self) -> JSON:
        """Return the body as JSON; None for an empty one. Raises DocumentError."""
        return decode(self.content, url=self.url, content_type=self.headers.get("content-type", ""))


class _Call(Struct):
    """One ``send`` on its way."""

    request: ApiRequest
    url: str
    tries: Tries
    redirects: int = 0
    unsigned: Unsigned | None = None
    """What was sent last, before the auth had it."""
    signed: httpx.Request | None = None
    """The same, credentials included."""

    __repr__ = object.__repr__


class ApiClient:
    """Sends requests as the connection's settings say, over a wire that its caller closes.

    A request is tried again as ``penstock.http.retry`` decides, and signed anew for each attempt. An ``httpx.Auth`` may
    yield requests of its own, as httpx allows: they share slots, time limits and retries with all others, go wherever
    the auth says, and carry none of the connection's headers. Where repeating such a request does no harm although its
    method is POST, the auth sets ``request.extensions["retry_safe"] = True``.
    """

    def __init__(
        self,
        settings: HttpSettings,
        auth: httpx.Auth,
        wire: Wire,
        errands: Errands,
        secrets: Secrets,
        *,
        auth_name: str = "",
        judge: Judge | None = None,
        limits: PluginLimits | None = None,
    ) -> None:
        """Take the settings.

        Args:
            settings: How to send.
            auth: What signs the requests.
            wire: What sends them.
            errands: What sends the requests that the auth yields on its own account.
            secrets: What no message may show; learns what the auth adds.
            auth_name: The plugin it comes from, for messages.
            judge: Says which answers of the source are rate limits, beyond those that are known to be.
            limits: What a step of the auth may take.
        """
        self._limits = limits or PluginLimits()
        self._auth = auth
        self._auth_name = auth_name
        self._judge = judge
        self._wire = wire
        self._errands = errands
        self._policy = RetryPolicy(settings.max_retries, settings.max_retry_wait, settings.retry_post)
        self._origins = frozenset(map(origin, (settings.base_url, *settings.allowed_origins)))
        self._base_params = frozenset(name for name, _ in parse_qsl(urlsplit(settings.base_url).query))
        self._headers = connection_headers(settings)
        self._user = user_info(settings)
        self._secrets = secrets
        self._last: _Call | None = None

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent so far: retries, redirects and the auth's own included."""
        return self._wire.requests

    @property
    def suspended_until(self) -> float | None:
        """When the source may be asked again, in seconds since 1970; None unless nothing more is sent before that."""
        return self._wire.limiter.suspended_until

    @property
    def doubts(self) -> Collection[str]:
        """What servers said of waiting that was not believed."""
        return self._wire.doubts.keys()

    def redactor(self) -> Redactor:
        """Return what takes out of a text the secrets known by now, and what the auth added to the last request."""
        return self._secrets.redactor if self._last is None else self._redactor_for(self._last)

    async def send(self, request: ApiRequest) -> ApiResponse:
        """Send the request until it is answered with a success.

        Raises:
            RequestFailedError: No answer, or an error status, after the retries; or ``rateLimitWhen`` failed.
            QuotaError: The source asks to wait longer than ``maxRetryWait``.
            AuthFailedError: 401, 403, or the auth could not get its credentials.
            UnreadableAnswerError: The answer is cut off, too large, or badly encoded.
            ForeignLinkError: The URL, or a redirect, leads to an origin that is not allowed.
        """
        try:
            return await self._send(request)
        except PenstockError as error:
            scrub(error, self._secrets)  # of what plugins and libraries said, which is behind it
            raise

    async def _send(self, request: ApiRequest) -> ApiResponse:
        call = _Call(request, without_user_info(request.url), Tries(self._policy, self._wire.clock))
        if origin(call.url) not in self._origins:
            raise self._told(call).foreign(origin(call.url))
        while True:
            outcome = await self._attempt(call)
            if isinstance(outcome, Wait):
                await self._wait(call, outcome)
            elif outcome.refusal is None and _is_answer(outcome.response, request):
                response = outcome.response
                self._learn(call)  # some answers repeat what they were asked
                return ApiResponse(response.status_code, call.url, response.headers, outcome.content, outcome.seconds)
            else:
                self._follow(call, outcome)

    async def _attempt(self, call: _Call) -> Exchange | Wait:
        """Sign the request and send it, and whatever else the auth wants to send, until the auth is content."""
        call.tries.made += 1
        own = self._build(call)
        call.unsigned, call.signed = Unsigned(own), None
        flow = self._auth.async_auth_flow(own)
        try:
            request = await self._next(call, flow, None)
            while request is not None:
                outcome = await self._exchange(call, request, own)
                if isinstance(outcome, Wait):
                    return outcome
                request = await self._next(call, flow, outcome.response)
                if request is None:
                    return outcome
        finally:
            await flow.aclose()
        raise self._told(call).auth(f'the auth plugin "{self._auth_name}" sent no request')

    async def _next(
        self, call: _Call, flow: AsyncGenerator[httpx.Request, httpx.Response], response: httpx.Response | None
    ) -> httpx.Request | None:
        try:
            step = bounded(
                anext(flow) if response is None else flow.asend(response),
                waiting_seconds=self._limits.timeout,
                blocking_seconds=self._limits.blocking_timeout,
                activity=self._wire.activity,
            )
            return _as_request(await step)
        except StopAsyncIteration:
            return None
        except AuthError as error:
            raise self._told(call).auth(str(error)) from error
        except PenstockError:
            raise
        except Exception as error:  # a plugin may raise anything
            message = f'the auth plugin "{self._auth_name}" failed: {type(error).__name__}: {error}'
            raise self._told(call).auth(message) from error

    async def _exchange(self, call: _Call, request: httpx.Request, own: httpx.Request) -> Exchange | Wait:
        call.signed = request
        self._last = call
        if is_errand(request, own):
            try:
                return await self._errands.exchange(request)
            except AuthError as error:
                raise self._told(call).auth(str(error)) from error
        self._complete(request, own)
        safe: bool | None = request.extensions.get("retry_safe")
        try:
            exchange = await self._wire.exchange(request, self._judge)
        except SuspendedError as error:
            raise self._told(call).quota(error.until) from error
        except JudgementError as error:
            raise self._told(call).unjudged(str(error)) from error
        except SilenceError as error:
            few = not self._wire.answered
            verdict = call.tries.after_silence(request.method, error.trouble, retry_safe=safe, few=few)
            if isinstance(verdict, Wait):
                return verdict
            raise self._told(call).silence(error) from error
        except BodyError as error:
            raise self._told(call).unreadable(str(error)) from error
        if exchange.refusal is not None:
            verdict = call.tries.after_refusal(request.method, exchange.refusal, retry_safe=safe)
            if isinstance(verdict, Wait):
                return verdict
            call.tries.note = verdict.note
        return exchange

    def _complete(self, request: httpx.Request, own: httpx.Request) -> None:
        """Add what a request lacks once the auth is done with it."""
        if self._user:
            request.headers.setdefault("Authorization", self._user)
        if request is not own:
            for name in ("User-Agent", "Accept", "Accept-Encoding"):
                request.headers.setdefault(name, self._headers[name])

    async def _wait(self, call: _Call, wait: Wait) -> None:
        level = logging.WARNING if wait.seconds >= _NOTEWORTHY_WAIT else logging.DEBUG
        _LOG.log(level, "%s: trying again in %.1f s", self._told(call).request, wait.seconds)
        await self._wire.wait(wait)

    def _follow(self, call: _Call, exchange: Exchange) -> None:
        """Point the call where a redirect leads, or raise what the answer comes to."""
        told, status = self._told(call), exchange.response.status_code
        location = exchange.response.headers.get("location", "")
        content_type = exchange.response.headers.get("content-type", "")
        if exchange.refusal is not None and exchange.refusal.limited:
            raise told.limited(status, exchange.content, content_type)
        if status not in _REDIRECTS or not location:
            raise told.status(status, exchange.content, content_type)
        if call.request.method not in {"GET", "HEAD"}:
            raise told.redirect(status, f"redirects are followed for GET and HEAD only, not {call.request.method}")
        if call.redirects == _MAX_REDIRECTS:
            raise told.redirect(status, f"more than {_MAX_REDIRECTS} redirects")
        try:
            target = resolve_link(call.url, location)
        except UrlError as error:
            raise told.redirect(status, str(error)) from error
        if origin(target) not in self._origins:
            raise told.foreign(origin(target), status)
        call.url = target
        call.redirects += 1
        call.tries.made -= 1  # this attempt succeeded

    def _build(self, call: _Call) -> httpx.Request:
        request = call.request
        headers = self._headers
        content = None
        if request.headers or request.conditions or request.body is not None:
            headers = headers.copy()
        if request.body is not None:
            content = to_json(request.body)
            headers["Content-Type"] = "application/json"
        extensions: dict[str, object] = {"retry_safe": request.retry_safe}
        if call.tries.made > 1:
            extensions[RESENDS] = call.tries.made - 1
        try:
            if request.headers:
                headers.update(request.headers)
            if request.conditions:
                headers.update(request.conditions)
            return httpx.Request(request.method, call.url, headers=headers, content=content, extensions=extensions)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            call.signed = None
            raise self._told(call).unsendable(str(error)) from error

    def _describe(self, call: _Call) -> str:
        return f"{call.request.method} {mask_url(call.url, also=self._base_params)}"

    def _told(self, call: _Call) -> Told:
        redact = self._redactor_for(call)
        request = shorten(redact(self._describe(call)), URL_CHARACTERS)
        return Told(request, call.tries.made, call.tries.note, redact)

    def _redactor_for(self, call: _Call) -> Redactor:
        self._learn(call)
        return self._secrets.redactor

    def _learn(self, call: _Call) -> None:
        if call.unsigned is not None and call.signed is not None:
            self._secrets.learn(*credentials_added(call.unsigned, call.signed))


def _is_answer(response: httpx.Response, request: ApiRequest) -> bool:
    return response.is_success or (response.status_code == HTTPStatus.NOT_MODIFIED and bool(request.conditions))


def _as_request(yielded: object) -> httpx.Request:
    if not isinstance(yielded, httpx.Request):
        message = f"its flow yielded {type(yielded).__name__}, not an httpx.Request"
        raise TypeError(message)
    return yielded
