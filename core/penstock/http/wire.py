"""One HTTP request and its answer, within the limits: slots, time and size. No retries, no redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

import httpx
from msgspec import Struct
from msgspec.structs import replace

from penstock.config.models import HttpSettings
from penstock.http.allowance import NO_HINTS, Hints, read_hints
from penstock.http.body import read_all, read_start
from penstock.http.budget import rates_of
from penstock.http.clock import Clock, SystemClock
from penstock.http.judge import Judge
from penstock.http.limiter import Limiter, SuspendedError
from penstock.http.pool import Outgoing, close
from penstock.http.retry import Refusal, Wait, refusal_of
from penstock.http.routes import Route, Routes
from penstock.http.silence import explain
from penstock.http.transport import aiohttp
from penstock.plugin_calls import Activity

ResultT = TypeVar("ResultT")
_ERROR_BYTES: Final = 64 * 1024
"""How much of an error's body is read."""


class RawAnswer(Struct, frozen=True):
    """An answer, read to its end."""

    status: int
    reason: str
    """What the server calls its status."""
    headers: Sequence[tuple[bytes, bytes]]
    """As they came."""
    content: bytes
    """The body, no longer compressed."""
    seconds: float
    """From the moment the request had its slot to the last byte."""
    refusal: Refusal | None
    """What it comes to where it is worth asking again."""


class Exchange(Struct, frozen=True):
    """An answer, read to its end, to an ``httpx.Request``."""

    response: httpx.Response
    content: bytes
    seconds: float
    """As of ``RawAnswer``."""
    refusal: Refusal | None
    """As of ``RawAnswer``."""


Limited: TypeAlias = Callable[[RawAnswer], bool]
"""Whether an answer is a rate limit, beyond those that are known to be."""


class HeaderReading(Struct, frozen=True):
    """What the headers of an answer say."""

    hints: Hints = NO_HINTS
    refusal: Refusal | None = None
    """What the answer comes to, as far as its headers tell."""


_NOTHING_READ: Final = HeaderReading()


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
        self._routes = Routes(settings)
        self._under_way: set[asyncio.Task[RawAnswer]] = set()
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
        """Do what ``ask`` does, for an answer as httpx has it.

        Args:
            request: What to send.
            judge: Says which answers are rate limits, beyond those that are known to be.

        Raises:
            SilenceError, BodyError, SuspendedError: As of ``ask``.
            JudgementError: The judge cannot tell.
        """

        def is_limit(heard: RawAnswer) -> bool:
            return judge is not None and judge(_response(heard, request), heard.content)

        heard = await self.ask(request, None if judge is None else is_limit)
        return Exchange(_response(heard, request), heard.content, heard.seconds, heard.refusal)

    async def ask(self, request: Outgoing, is_limit: Limited | None = None) -> RawAnswer:
        """Send the request, and read the answer whatever its status.

        Once it is sent, it keeps its slot until it is answered, even where the caller is cancelled: the server is busy
        with it all the same. What the answer says of rate limits holds for the connection before the slot is free.

        Raises:
            SilenceError: No answer, or half of one, came.
            BodyError: A success that cannot be read.
            SuspendedError: The source wants no requests for longer than ``maxRetryWait``: this one was not sent, or
                is to be sent again.
        """
        with self.activity:
            await self.limiter.acquire()
            task = asyncio.create_task(self._ask(request, is_limit))
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
            with self.activity:
                await self.clock.sleep(wait.seconds)

    async def _ask(self, request: Outgoing, is_limit: Limited | None) -> RawAnswer:
        self.requests += 1
        start = self.clock.monotonic()
        limit: float = request.extensions.get("time_limit", self._settings.timeout)
        try:
            async with asyncio.timeout(limit):
                answer, content, told = await self._send(request)
        except (httpx.HTTPError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise explain(error, limit) from error
        self.answered = True
        heard = RawAnswer(
            answer.status, answer.reason or "", answer.raw_headers, content, self.clock.monotonic() - start, None
        )
        refusal = refusal_of(answer.status, content, told.hints, limited=is_limit is not None and is_limit(heard))
        if refusal is None:
            return heard
        if refusal != told.refusal:
            self.limiter.pause(refusal.asked or 0.0)
        if self.limiter.suspended_until is not None:
            raise SuspendedError(self.limiter.suspended_until)
        return replace(heard, refusal=refusal)

    def _hear(self, route: Route, answer: aiohttp.ClientResponse) -> HeaderReading:
        """Read the headers of an answer, and act on them before its body comes."""
        hints = read_hints(answer.raw_headers, self.clock.time())
        if hints is NO_HINTS:
            return _NOTHING_READ
        self.doubts.update(dict.fromkeys(hints.doubts))
        refusal = refusal_of(answer.status, b"", hints, limited=False)
        if refusal is not None and refusal.asked:
            self.limiter.pause(refusal.asked)
        elif self._settings.rate_limit_headers and route.is_own:
            self.limiter.pause(hints.renewal or 0.0)
            self.limiter.heed(hints.allowances)
        return HeaderReading(hints, refusal)

    async def _send(self, request: Outgoing) -> tuple[aiohttp.ClientResponse, bytes, HeaderReading]:
        route = self._routes.to(request.url)
        answer = await route.pool.send(request, route.headers)
        try:
            told = self._hear(route, answer)
            if is_success(answer.status):
                content = await read_all(answer, self._settings.max_response_bytes)
            else:
                content = await read_start(answer, _ERROR_BYTES)
        finally:
            await close(answer)
        return answer, content, told


def is_success(status: int) -> bool:
    """Whether a status says that all went well."""
    return 200 <= status < 300  # noqa: PLR2004 - RFC 9110 section 15.3


def _response(heard: RawAnswer, request: httpx.Request) -> httpx.Response:
    """Return an answer that an auth flow may want to read: as it is now, no longer compressed."""
    headers = [pair for pair in heard.headers if pair[0].lower() != b"content-encoding"]
    return httpx.Response(
        heard.status,
        headers=headers,
        stream=httpx.ByteStream(heard.content),
        request=request,
        extensions={"http_version": b"HTTP/1.1", "reason_phrase": heard.reason.encode("latin-1", "replace")},
    )
