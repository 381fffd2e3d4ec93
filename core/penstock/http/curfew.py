"""What a client that a sink has on loan may still do once its run was told to stop: no retries, and soon nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

from penstock.http.silence import SilenceError
from penstock.http.wire import ResultT

_ONE: Final = 4.0
"""Seconds that one request may still take."""
_ALL: Final = 8.0
"""Seconds for all of one client's, from the first of them that meets the end of the run."""


class Curfew:
    """Heeds ``stop`` for one client, within an ``async with`` block."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._pauses: set[asyncio.Timeout] = set()
        self._requests: set[asyncio.Timeout] = set()
        self._end: float | None = None
        """When nothing more is sent, by the loop's clock; None before anything was to be sent."""

    async def __aenter__(self) -> Self:
        """Begin to heed it."""
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Heed it no longer."""
        self._watching.cancel()
        await asyncio.wait([self._watching])

    @property
    def has_come(self) -> bool:
        """Whether no failure is worth a retry any more."""
        return self._stop.is_set()

    async def pause(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Wait, but no longer than until the run is told to stop."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._pauses.add(scope)
                await waiting
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._pauses.discard(scope)

    async def answer(self, answer: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Wait for an answer, for a short time once the run was told to stop.

        Raises:
            SilenceError: As of ``Wire.ask``, or there was no time left.
        """
        until = self._until() if self.has_come else None
        if until is not None and until <= asyncio.get_running_loop().time():
            answer.close()
            raise SilenceError("it was not sent any more, for the run was told to stop", "permanent")
        scope = asyncio.timeout_at(until)
        try:
            async with scope:
                self._requests.add(scope)
                return await answer
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise SilenceError("no answer came soon after the run was told to stop", "permanent") from error
        finally:
            self._requests.discard(scope)

    async def _watch(self) -> None:
        await self._stop.wait()
        for pause in self._pauses:
            pause.reschedule(asyncio.get_running_loop().time())
        for request in self._requests:
            request.reschedule(self._until())

    def _until(self) -> float:
        """Return until when a request may take that is under way now, or about to be sent."""
        now = asyncio.get_running_loop().time()
        if self._end is None:
            self._end = now + _ALL
        return min(now + _ONE, self._end)
