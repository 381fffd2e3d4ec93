"""One connection's politeness: how many requests at once, how fast, and not before when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from penstock.http.allowance import Allowance
from penstock.http.budget import Budget, Rate, Spread
from penstock.http.clock import Clock


class SuspendedError(Exception):
    """The source wants no requests for longer than we may wait."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until
        """Seconds since 1970."""


class Limiter:
    """Lets HTTP requests begin, first come, first served, and gives each a slot while it is under way, body included.

    A pause that a server asked for holds back every request of the connection that has not begun; one that is longer
    than ``longest`` ends all requests that have not begun, and all later ones, in ``SuspendedError``.

    Args:
        slots: How many requests may be under way at once.
        clock: Time.
        rates: How fast requests may follow each other.
        longest: Seconds that a server may ask for.
    """

    def __init__(self, slots: int, clock: Clock, rates: Sequence[Rate] = (), *, longest: float = float("inf")) -> None:
        self.suspended_until: float | None = None
        """Seconds since 1970; None unless suspended."""
        self._slots = asyncio.Semaphore(slots)
        self._turn = asyncio.Lock()
        self._clock = clock
        self._longest = longest
        self._budgets = tuple(map(Budget, rates))
        self._spread = Spread(slots, longest)
        self._is_spreading = False
        self._not_before = 0.0
        self._in_flight = 0
        self._last = 0.0
        """When the last request began."""
        self._nap: asyncio.Future[None] | None = None
        """The wait of whoever is first in the queue."""

    @property
    def paused(self) -> bool:
        """Whether a pause is under way."""
        return self._not_before > self._clock.monotonic()

    def pause(self, seconds: float) -> None:
        """Let no request begin for this long; a longer pause that is already under way stays."""
        if seconds > self._longest:
            self.suspended_until = max(self.suspended_until or 0.0, self._clock.time() + seconds)
            self._wake()
        else:
            self._not_before = max(self._not_before, self._clock.monotonic() + seconds)

    def heed(self, allowances: Sequence[Allowance]) -> None:
        """Slow down where an answer, whose request still has its slot, says that little is left."""
        if allowances:
            self._is_spreading = self._spread.heed(allowances, self._in_flight - 1, self._clock.monotonic())
            self._wake()

    async def acquire(self) -> None:
        """Wait until a request may begin, and take a slot for it.

        Raises:
            SuspendedError: Not in this run.
        """
        async with self._turn:  # a lock is fair, and whoever gives up leaves the queue
            await self._slots.acquire()
            try:
                while (rest := self._rest()) > 0:
                    await self._sleep(rest)
            except BaseException:
                self._slots.release()
                raise
            self._in_flight += 1

    def release(self) -> None:
        """Free the slot."""
        self._in_flight -= 1
        self._slots.release()

    def _rest(self) -> float:
        """Return the seconds until the next request may begin; where that is now, count it."""
        if self.suspended_until is not None:
            raise SuspendedError(self.suspended_until)
        now = self._clock.monotonic()
        rest = self._not_before - now
        if self._is_spreading:
            rest = max(rest, self._spread.rest(self._last, now))
        for budget in self._budgets:
            rest = max(rest, budget.rest(now))
        if rest <= 0:
            self._last = now
            for budget in self._budgets:
                budget.spend(now)
        return rest

    async def _sleep(self, seconds: float) -> None:
        self._nap = nap = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait([nap])
        finally:
            self._nap = None
            nap.cancel()
        if not nap.cancelled():
            nap.result()

    def _wake(self) -> None:
        """Have whoever is first in the queue look again: it may be over sooner, or for good."""
        if self._nap is not None:
            self._nap.cancel()
