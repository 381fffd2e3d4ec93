"""What the process of a sync is to do, beside its configuration."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self, TypedDict, cast

import orjson
from msgspec import Struct

from penstock.values import Timetable


class _Content(TypedDict):
    only: list[str]
    interval: float | None
    """Seconds."""
    due: str | None


class Order(Struct, frozen=True):
    """Which kinds to sync, and what comes after."""

    only: tuple[str, ...] = ()
    """Kinds; all when empty."""
    timetable: Timetable | None = None
    """When the next sync is due; None without a schedule."""

    def to_json(self) -> bytes:
        """Return the order for another process."""
        table = self.timetable
        content: _Content = {
            "only": [*self.only],
            "interval": None if table is None else table.interval.total_seconds(),
            "due": None if table is None else table.due.isoformat(),
        }
        return orjson.dumps(content)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Return the order that ``to_json`` wrote."""
        content = cast("_Content", orjson.loads(data))
        only, interval, due = tuple(content["only"]), content["interval"], content["due"]
        if interval is None or due is None:
            return cls(only)
        return cls(only, Timetable(timedelta(seconds=interval), datetime.fromisoformat(due)))
