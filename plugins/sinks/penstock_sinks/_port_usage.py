"""What reading a kind costs in processor and memory, as Ocean tells it (sync.md section 9).

Measured is this process, between the beginning of a kind and its end: kinds are read one after the other, so what it
does meanwhile is done for that kind. Processes in which expressions are evaluated are not part of it.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from pathlib import Path
from resource import getpagesize
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from penstock.values import JSON

_SECONDS: Final = 1.0
"""Between two looks."""
_SHORTEST: Final = 0.1
"""Seconds of which a share of the processor's time is worth telling, where there are longer ones."""
_STATM: Final = Path("/proc/self/statm")
"""Of Linux: pages of the process; the second number tells those that are in memory."""


class _Look(NamedTuple):
    processor: float
    """Seconds it has worked for us."""
    clock: float
    """Seconds."""

    @classmethod
    def now(cls) -> _Look:
        return cls(time.process_time(), time.monotonic())


class Meter:
    """Measures from ``begin`` to ``end``, any number of times."""

    def __init__(self) -> None:
        self._looking: asyncio.Task[None] | None = None
        self._first = self._last = _Look.now()
        self._percents = array("d")
        self._bytes = array("d")

    def begin(self) -> None:
        """Forget what was measured before."""
        self._drop()
        self._percents, self._bytes = array("d"), array("d")
        self._first = self._last = _Look.now()
        self._look_at_memory()
        self._looking = asyncio.create_task(self._look_on())

    def end(self) -> dict[str, JSON]:
        """Return the figures, by the names Ocean has for them; memory only where the system tells it."""
        self._drop()
        if not self._percents or time.monotonic() - self._last.clock >= _SHORTEST:
            self._look_at_processor()
        self._look_at_memory()
        now = _Look.now()
        average = _percent(self._first, now)
        figures: dict[str, JSON] = {
            "cpu_max_percent": round(max(self._percents), 1),
            "cpu_median_percent": round(_median(self._percents), 1),
            "cpu_avg_percent": round(average, 1),
        }
        if self._bytes:
            figures["memory_max_bytes"] = int(max(self._bytes))
            figures["memory_median_bytes"] = int(_median(self._bytes))
            figures["memory_avg_bytes"] = int(sum(self._bytes) / len(self._bytes))
        return figures

    async def close(self) -> None:
        """Measure nothing more."""
        looking = self._looking
        self._drop()
        if looking is not None:
            await asyncio.wait([looking])

    def _drop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            self._look_at_processor()
            self._look_at_memory()

    def _look_at_processor(self) -> None:
        before, self._last = self._last, _Look.now()
        self._percents.append(_percent(before, self._last))

    def _look_at_memory(self) -> None:
        try:
            pages = _STATM.read_bytes().split()[1]
        except OSError:  # not on this system
            return
        self._bytes.append(int(pages) * getpagesize())


def _median(numbers: array[float]) -> float:
    """Return the one in the middle, the lower of two; importing ``statistics`` would take longer than a small kind."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


def _percent(one: _Look, other: _Look) -> float:
    """Return the share of one processor's time between two looks."""
    return 100 * (other.processor - one.processor) / max(other.clock - one.clock, 1e-6)
