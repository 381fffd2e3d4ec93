"""A clock that tests set: waiting takes no time and is written down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class FakeClock:
    """Runs only while somebody sleeps; ``sleeps`` lists the seconds, in order."""

    now: float = 1_800_000_000.0
    sleeps: list[float] = field(default_factory=list[float])

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.now

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.sleeps.append(seconds)
        end = self.now + seconds
        await asyncio.sleep(0)  # others may begin to wait meanwhile
        self.now = max(self.now, end)

    def noise(self) -> float:
        """Add nothing to a wait."""
        return 0.0
