"""One connection's politeness: how many requests at once, and not before when."""

from __future__ import annotations

import asyncio

from penstock.http.clock import Clock


class Limiter:
    """Gives each HTTP request one of the slots while it is under way, body included.

    A pause that a server asked for holds back every request of the connection that has not begun.
    """

    def __init__(self, slots: int, clock: Clock) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._clock = clock
        self._not_before = 0.0

    def pause(self, seconds: float) -> None:
        """Let no request begin for this long; a longer pause that is already under way stays."""
        self._not_before = max(self._not_before, self._clock.monotonic() + seconds)

    async def acquire(self) -> None:
        """Wait for the end of a pause and for a free slot."""
        while True:
            while (rest := self._not_before - self._clock.monotonic()) > 0:
                await self._clock.sleep(rest)
            await self._slots.acquire()
            if self._not_before <= self._clock.monotonic():
                return
            self._slots.release()  # a pause began while we queued

    def release(self) -> None:
        """Free the slot."""
        self._slots.release()
