"""How fast requests may follow each other: what the settings allow, and what the server has left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config.models import HttpSettings
from penstock.http.allowance import Allowance

_MINUTE: Final = 60.0
_LOW: Final = 0.05
"""The share of a limit below which what remains is spread."""


class Rate(Struct, frozen=True):
    """So many seconds from one request to the next, and so many at once after a rest."""

    interval: float
    burst: int = 1


def rates_of(settings: HttpSettings) -> tuple[Rate, ...]:
    """Return the rates of a connection; where there are two, a burst of the slower one keeps to the faster one."""
    intervals: list[float] = []
    if settings.requests_per_second is not None:
        intervals.append(1 / settings.requests_per_second)
    if settings.requests_per_minute is not None:
        intervals.append(_MINUTE / settings.requests_per_minute)
    intervals.sort(reverse=True)
    return tuple(Rate(interval, 1 if place else settings.burst) for place, interval in enumerate(intervals))


class Budget:
    """Counts requests against one rate: the generic cell rate algorithm (ITU-T I.371), which needs one number.

    Of a burst of one, no stretch of time sees more than the rate allows; a larger one adds that many less one.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._slack = rate.interval * (rate.burst - 1)
        self._due = float("-inf")
        """When the next request is due, had all come evenly."""

    def rest(self, now: float) -> float:
        """Return the seconds to wait before the next request; none if not positive."""
        return self._due - self._slack - now

    def spend(self, now: float) -> None:
        """Count a request that begins now."""
        self._due = max(self._due, now) + self._rate.interval


class Spread:
    """Spreads what remains of a server's limit over the time until it starts anew, once it is nearly used up.

    So several requests in flight do not run into the limit together, and nobody else who shares it is shut out.

    Args:
        slots: How many requests are in flight at most: fewer remaining ones could be overrun.
        longest: Seconds; where the limit starts anew later than that, spreading would only draw the end out.
    """

    def __init__(self, slots: int, longest: float) -> None:
        self._slots = slots
        self._longest = longest
        self._gap = 0.0
        self._until = float("-inf")

    def heed(self, allowances: Sequence[Allowance], in_flight: int, now: float) -> bool:
        """Take in what an answer says, and return whether requests are to be spread.

        Args:
            allowances: What is left.
            in_flight: Other requests, which the server may not have counted yet.
            now: Of the monotonic clock.
        """
        self._gap, self._until = 0.0, float("-inf")
        for allowance in allowances:
            reset = allowance.reset
            if reset is None or not 0 < reset <= self._longest or not self._is_low(allowance):
                continue
            gap = reset / max(1.0, allowance.remaining + 1 - in_flight)
            if gap > self._gap:
                self._gap, self._until = gap, now + reset
        return self._gap > 0

    def rest(self, last: float, now: float) -> float:
        """Return the seconds to wait before the next request, where the last one began at ``last``."""
        return min(last + self._gap, self._until) - now

    def _is_low(self, allowance: Allowance) -> bool:
        return allowance.remaining < max(self._slots, (allowance.limit or 0) * _LOW)
