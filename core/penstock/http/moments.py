"""When a server wants to be asked again, in whichever way it writes that; nothing it writes is believed blindly."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 32 * 86_400.0
"""Seconds: quotas are counted by the month at most, so a longer wait is a mistake."""
_MOMENTS_FROM: Final = 1_000_000_000
"""A number from here on (September 2001) is a moment, in seconds since 1970; a smaller one is a delay."""
_MILLISECONDS_FROM: Final = 100_000_000_000
_LONGEST_DATE: Final = 64


def seconds_until(text: str, now: float) -> float | None:
    """Return the seconds to wait: 0 where the moment has passed, None where the text says nothing to be believed.

    The text is a delay in seconds, fractions allowed; seconds or milliseconds since 1970; an HTTP date (RFC 9110,
    section 5.6.7); or an ISO date, in UTC unless it says otherwise.

    Args:
        text: The value of ``Retry-After``, or of a header that tells when a rate limit starts anew.
        now: Seconds since 1970, by the clock that the server goes by.
    """
    moment = number(text)
    if moment is None:
        moment = _date(text)
    elif moment < _MOMENTS_FROM:
        return _believed(moment)
    elif moment >= _MILLISECONDS_FROM:
        moment /= 1000
    return None if moment is None else _believed(max(0.0, moment - now))


def milliseconds(text: str) -> float | None:
    """Return the seconds of a delay in milliseconds; None where the text says nothing to be believed."""
    delay = number(text)
    return None if delay is None else _believed(delay / 1000)


def number(text: str) -> float | None:
    """Return a number that counts something: finite and not negative; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def date_in(text: str) -> float | None:
    """Return an HTTP date as seconds since 1970, None for any other text."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def in_words(moment: float) -> str:
    """Return seconds since 1970 as ``2027-01-15 08:00:00 UTC``; a part of a second counts as one."""
    return f"{datetime.fromtimestamp(math.ceil(moment), UTC):%Y-%m-%d %H:%M:%S} UTC"


def _believed(seconds: float) -> float | None:
    return seconds if seconds <= LONGEST else None


def _date(text: str) -> float | None:
    if len(text) > _LONGEST_DATE:  # the parser finds dates in the oddest texts
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return None
