"""Durations as people write them: ``90s``, ``5m``, ``1h30m``, ``1d``, ``2w``."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WHOLE: Final = re.compile(r"(?:\d{1,9}(?:\.\d+)?\s*[smhdw]\s*)+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.ASCII)


def seconds_of(text: str) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: It is none; a number without a unit is refused, for nobody could tell what it counts.
    """
    if not _WHOLE.fullmatch(text.strip()):
        message = "expected a duration with its unit, such as 90s, 5m, 12h, 1d or 1h30m"
        raise ValueError(message)
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
