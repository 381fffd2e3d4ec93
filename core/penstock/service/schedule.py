"""When the next scheduled sync is due."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from penstock.values import Timetable


class Schedule(Struct, frozen=True):
    """Every interval, counted from the start: how long a sync takes moves nothing."""

    interval: timedelta
    start: float
    """Seconds of a clock that never jumps."""

    def next_after(self, now: float) -> float:
        """Return the first moment after ``now`` at which a sync is due; those that were slept through are over."""
        seconds = self.interval.total_seconds()
        count = max(math.floor((now - self.start) / seconds) + 1, 1)
        due = self.start + count * seconds
        return due if due > now else due + seconds  # the sum may have been rounded down to this very moment

    def timetable(self, now: float) -> Timetable | None:
        """Return what a sync that begins now is told of those after it; None where no calendar has such a date."""
        delay = timedelta(seconds=self.next_after(now) - now)
        try:
            return Timetable(self.interval, datetime.now(UTC) + delay)
        except OverflowError:
            return None
