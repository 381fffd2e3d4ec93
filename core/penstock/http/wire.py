"""One HTTP request and its answer, within the limits: slots, time and size. No retries, no redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import httpx

from penstock.config.models import HttpSettings
from penstock.http.body import read_all, read_start
from penstock.http.clock import Clock, SystemClock
from penstock.http.limiter import Limiter
from penstock.http.retry import Wait, exhausted_wait
from penstock.http.routes import Routes
from penstock.http.silence import explain

ResultT = TypeVar("ResultT")
_ERROR_BYTES: Final = 64 * 1024
"""How much of an error's body is read."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer, read to its end."""

    response: httpx.Response
    content: bytes
    seconds: float
    """From the moment the request had its slot to the last byte."""


class Wire:
    """Sends the requests of one connection; ``async with`` closes its pool."""

    def __init__(self, settings: HttpSettings, clock: Clock | None = None) -> None:
        """Take the settings; another clock than the system's is for tests."""
        clock = clock or SystemClock()
        self.limiter = Limiter(settings.max_concurrent_requests, clock)
        self.requests = 0
        self.answered = False
        """Whether any request of this connection was ever answered."""
        self.clock = clock
        self._settings = settings
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

    async def exchange(self, request: httpx.Request) -> Exchange:
        """Send the request, and read the answer whatever its status.

        Once it is sent, it keeps its slot until it is answered, even where the caller is cancelled: the server is busy
        with it all the same.

        Raises:
            SilenceError: No answer, or half of one, came.
            BodyError: A success that cannot be read.
        """
        await self.limiter.acquire()
        task = asyncio.create_task(self._exchange(request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():  # here, not in a callback, for the caller may want a pause before anybody gets the slot
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
        """Wait before asking again; where the server asked for it, all requests of the connection do."""
        if wait.asked:
            self.limiter.pause(wait.seconds)
        else:
            await self.clock.sleep(wait.seconds)

    async def _exchange(self, request: httpx.Request) -> Exchange:
        self.requests += 1
        start = self.clock.monotonic()
        limit: float = request.extensions.get("time_limit", self._settings.timeout)
        try:
            async with asyncio.timeout(limit):
                response, content = await self._send(request)
        except (httpx.HTTPError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise explain(error, limit) from error
        self.answered = True
        if pause := exhausted_wait(response.headers, self.clock.time()):
            self._pause(pause)
        return Exchange(response, content, self.clock.monotonic() - start)

    async def _send(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        route = self._routes.to(request.url)
        if route.headers:
            request.headers.update(route.headers)
        response = await route.transport.handle_async_request(request)
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
        return response, content

    def _pause(self, seconds: float) -> None:
        if seconds <= self._settings.max_retry_wait:
            self.limiter.pause(seconds)
