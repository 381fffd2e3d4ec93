"""What every pagination must do, tried with ours: ``pytest`` and ``penstock plugins check`` run it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from penstock import JSON, PageRequest
from penstock.testing import Answer, PaginationConformance

from penstock_time_window import TimeWindow

START = datetime(2026, 1, 1, tzinfo=UTC)


class TimeWindowCase(PaginationConformance):
    """An API that gives what happened in a window of time; every fourth hour nothing did."""

    strategy = TimeWindow
    config = {"windowStart": START.isoformat(), "windowHours": 1}

    def records(self, count: int) -> Sequence[dict[str, JSON]]:
        """Return one record an hour, three hours out of four."""
        hours = (number + number // 3 for number in range(count))
        return [{"id": hour, "at": (START + timedelta(hours=hour)).isoformat()} for hour in hours]

    def answer(self, asked: PageRequest, records: Sequence[dict[str, JSON]], cap: int) -> Answer:
        """Answer as the real API does."""
        start, end = (datetime.fromisoformat(str(asked.params[name])) for name in ("from", "to"))
        found: list[JSON] = [one for one in records if start <= datetime.fromisoformat(str(one["at"])) < end]
        last = datetime.fromisoformat(str(records[-1]["at"])) if records else START
        return Answer({"items": found[:cap]}, {"date": format_datetime(last + timedelta(minutes=30), usegmt=True)})
