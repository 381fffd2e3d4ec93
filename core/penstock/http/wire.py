"""One HTTP request and its answer, within the limits: slots, time and size. No retries, no redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import httpx

from penstock.config.models import HttpSettings
from penstock.http.allowance import NO_HINTS, Hints, read_hints
from penstock.http.body import read_all, read_start
from penstock.http.budget import rates_of
from penstock.http.clock import Clock, SystemClock
from penstock.http.judge import Judge
from penstock.http.limiter import Limiter, SuspendedError
from penstock.http.retry import Refusal, Wait, refusal_of
from penstock.http.routes import Routes
from penstock.http.silence import explain
from penstock.http.transport import aiohttp
from penstock.http.urls import origin
from penstock.plugin_calls import Activity

ResultT = TypeVar("ResultT")
_ERROR_BYTES: Final = 64 * 1024
"""How much of an error's body is read."""


class Exchange(NamedTuple):
    """An answer, read to its end."""

    response: httpx.Response
    content: bytes
    seconds: float
    """From the moment the request had its slot to the last byte."""
    refusal: Refusal | None
    """What it comes to where it is worth asking again."""


class _Heard(NamedTuple):
    """What the headers of an answer say."""

    hints: Hints = NO_HINTS
    refusal: Refusal | None = None
    """What the answer comes to, as far as its headers tell."""


_NOTHING_HEARD: Final = _Heard()


class Wire:
    """Sends the requests of one connection; ``async with`` closes its pool."""

    def __init__(self, settings: HttpSettings, clock: Clock | None = None) -> None:
        """Take the settings; another clock than the system's is for tests."""
        clock = clock or SystemClock()
        self.limiter = Limiter(
            settings.max_concurrent_requests, clock, rates_of(settings), longest=settings.max_retry_wait
        )
        self.requests = 0
        self.doubts: dict[str, None] = {}
        """What servers said of waiting that was not believed, in the order in which it came."""
        self.answered = False
        """Whether any request of this connection was ever answered."""
        self.clock = clock
        self.activity = Activity()
        """Whether something of this connection is under way."""
        self._settings = settings
        self._origins = frozenset(map(origin, (settings.base_url, *settings.allowed_origins)))
        self._routes = Routes(settings)
        self._under_way: set[asyncio.Task[Exchange]] = set()
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Return the wire; connections are made when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection, once all is done that has to be done to its end."""
        while self._unfinished:
            await asyncio.wait(self._unfinished)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._routes.aclose()

    async def exchange(self, request: httpx.Request, judge: Judge | None = None) -> Exchange:
        """Send the request, and read the answer whatever its status.

        Once it is sent, it keeps its slot until it is answered, even where the caller is cancelled: the server is busy
        with it all the same. What the answer says of rate limits holds for the connection before the slot is free.

        Args:
            request: What to send.
            judge: Says which answers are rate limits, beyond those that are known to be.

        Raises:
            SilenceError: No answer, or half of one, came.
            BodyError: A success that cannot be read.
            SuspendedError: The source wants no requests for longer than ``maxRetryWait``: this one was not sent, or
                is to be sent again.
            JudgementError: The judge cannot tell.
        """
        with self.activity.going_on():
            return await self._in_a_slot(request, judge)

    async def _in_a_slot(self, request: httpx.Request, judge: Judge | None) -> Exchange:
        await self.limiter.acquire()
        task = asyncio.create_task(self._exchange(request, judge))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():
                self.limiter.release()
            else:
                task.add_done_callback(lambda _: self.limiter.release())

    async def to_the_end(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await the work; where the caller is cancelled, it goes on, and the wire stays open for it."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled():
            task.exception()  # perhaps nobody is left to be told

    async def wait(self, wait: Wait) -> None:
        """Wait before asking again; what the server asked for holds for all, and is the limiter's business."""
        if not wait.asked:
            with self.activity.going_on():
                await self.clock.sleep(wait.seconds)

    async def _exchange(self, request: httpx.Request, judge: Judge | None) -> Exchange:
        self.requests += 1
        start = self.clock.monotonic()
        limit: float = request.extensions.get("time_limit", self._settings.timeout)
        try:
            async with asyncio.timeout(limit):
                response, content, heard = await self._send(request)
        except (httpx.HTTPError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise explain(error, limit) from error
        self.answered = True
        limited = judge is not None and judge(response, content)
        refusal = refusal_of(response.status_code, content, heard.hints, limited=limited)
        if refusal is not None:
            if refusal != heard.refusal:
                self.limiter.pause(refusal.asked or 0.0)
            if self.limiter.suspended_until is not None:
                raise SuspendedError(self.limiter.suspended_until)
        return Exchange(response, content, self.clock.monotonic() - start, refusal)

    def _hear(self, request: httpx.Request, response: httpx.Response) -> _Heard:
        """Read the headers of an answer, and act on them before its body comes."""
        hints = read_hints(response.headers.raw, self.clock.time())
        if hints is NO_HINTS:
            return _NOTHING_HEARD
        self.doubts.update(dict.fromkeys(hints.doubts))
        refusal = refusal_of(response.status_code, b"", hints, limited=False)
        if refusal is not None and refusal.asked:
            self.limiter.pause(refusal.asked)
        elif self._settings.rate_limit_headers and origin(str(request.url)) in self._origins:
            self.limiter.pause(hints.renewal or 0.0)
            self.limiter.heed(hints.allowances)
        return _Heard(hints, refusal)

    async def _send(self, request: httpx.Request) -> tuple[httpx.Response, bytes, _Heard]:
        route = self._routes.to(request.url)
        if route.headers:
            request.headers.update(route.headers)
        response = await route.transport.handle_async_request(request)
        heard = self._hear(request, response)
        stream = response.stream
        try:
            if response.is_success:
                content = await read_all(response, self._settings.max_response_bytes)
            else:
                content = await read_start(response, _ERROR_BYTES)
        finally:
            if isinstance(stream, httpx.AsyncByteStream):
                await stream.aclose()
        # An auth flow may want to read it: as it is now, no longer compressed.
        if "content-encoding" in response.headers:
            del response.headers["content-encoding"]
        response.stream = httpx.ByteStream(content)
        return response, content, heard
