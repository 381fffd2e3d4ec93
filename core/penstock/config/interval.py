"""Spans of time as people write them: minutes, or a number with a unit."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_TEXT: Final = r"(?i:([0-9]+(?:\.[0-9]+)?)\s*([smhdw]))"
_SHORTEST: Final = timedelta(seconds=1)
_EXPECTED: Final = "expected minutes, or a number with a unit such as 30m, 1h or 1d"


def _interval(value: object) -> timedelta:
    """Return the span; a bare number is minutes, in whatever form a chart renders it (``60``, ``1e+02``)."""
    if isinstance(value, timedelta):
        return value
    written = re.fullmatch(_TEXT, value.strip()) if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(_EXPECTED)  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        seconds = float(written[1]) * _UNITS[written[2].lower()] if written else float(value) * _UNITS["m"]
        interval = timedelta(seconds=seconds)
    except (ValueError, OverflowError) as error:
        raise ValueError(_EXPECTED) from error
    if interval < _SHORTEST:
        raise ValueError("must be at least a second")
    return interval


def in_words(interval: timedelta) -> str:
    """Return the span as it can be written: in its largest unit that goes into it, ``90m``."""
    seconds = interval.total_seconds()
    unit = next((unit for unit in reversed(_UNITS) if seconds % _UNITS[unit] == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"


Interval: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(_interval, json_schema_input_type=int | str),
    PlainSerializer(in_words, when_used="json"),
]
"""A second or more: a number of minutes, or ``45s``, ``30m``, ``1h``, ``1d``, ``2w``."""
