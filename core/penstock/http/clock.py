"""Time and chance, passed in so that tests need not wait for either."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol


class Clock(Protocol):
    """What retries need to know of the world."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def time(self) -> float:
        """Return seconds since 1970, UTC, to compare with what servers say."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def noise(self) -> float:
        """Return a random number from -1 to 1, so that clients do not come back all at once."""
        ...


class SystemClock:
    """The real thing."""

    def monotonic(self) -> float:
        """Return the system's monotonic clock."""
        return time.monotonic()

    def time(self) -> float:
        """Return the system's idea of now."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking others."""
        await asyncio.sleep(seconds)

    def noise(self) -> float:
        """Return a pseudo-random number."""
        return random.uniform(-1, 1)  # noqa: S311 - spreads load, protects nothing
