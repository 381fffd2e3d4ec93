"""When a record was changed: from what the source writes to microseconds since 1970, and back."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from penstock.config.incremental import Incremental
from penstock.values import JSON

SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime(1000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST: Final = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LONGEST: Final = 64
_UNITS: Final = {"epoch": SECOND, "epoch_ms": 1000}


class ChangeTimes:
    """Reads and writes moments as one resource's settings say."""

    def __init__(self, settings: Incremental) -> None:
        self._format = settings.format
        self._unit = _UNITS.get(settings.format)
        self._pattern = settings.format if "%" in settings.format else None
        self._lookback = round(settings.lookback_seconds * SECOND)
        self._zone = _zone(settings.timezone)

    def read(self, value: JSON) -> int | None:
        """Return a moment, rounded down to microseconds; None for what is none.

        Text is ISO 8601, or what the pattern says. A number, be it in quotes, is a moment only where the format is that
        of numbers: elsewhere nobody could tell seconds from milliseconds.
        """
        if isinstance(value, str):
            moment = self._text(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = self._number(value)
        else:
            moment = None
        return moment if moment is not None and _FIRST <= moment <= _LAST else None

    def write(self, mark: int) -> str | int:
        """Return the moment to ask for: the mark, put back by the lookback and rounded down to what the format says."""
        moment = max(mark - self._lookback, _FIRST)
        if self._unit is not None:
            return moment // self._unit
        when = in_utc(moment)
        if self._pattern is not None:
            return when.astimezone(self._zone).strftime(self._pattern)
        return when.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _text(self, text: str) -> int | None:
        if len(text) > _LONGEST:
            return None
        if self._unit is not None and text.removeprefix("-").replace(".", "", 1).isdecimal():
            return self._number(float(text) if "." in text else int(text))
        moment = None if self._pattern is None else _parsed(text, self._pattern)
        if moment is None:
            if text.isdecimal():  # which may be a date to Python, and is more often a number
                return None
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return None
        try:
            return ((moment if moment.tzinfo else moment.replace(tzinfo=self._zone)) - _EPOCH) // _MICROSECOND
        except OverflowError:
            return None

    def _number(self, value: float) -> int | None:
        if self._unit is None or not math.isfinite(value) or abs(value) > _LAST:
            return None
        return value * self._unit if isinstance(value, int) else math.floor(value * self._unit)


def in_utc(moment: int) -> datetime:
    """Return microseconds since 1970 as a datetime, in UTC."""
    return _EPOCH + timedelta(microseconds=moment)


def _parsed(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007 - its zone is added where it has none
    except ValueError:
        return None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few need another zone

    return ZoneInfo(name)
