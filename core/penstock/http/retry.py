"""Whether to ask again, and when (sync.md section 10): decisions only, nothing here waits or sends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from penstock.http.clock import Clock

RETRIED_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
DOUBTFUL_STATUSES: Final = frozenset({500, 520, 521, 522, 523, 524})
"""Often a defect that no waiting mends, so tried a few times only."""
FEW_RETRIES: Final = 2
BACKOFF_START: Final = 0.1
BACKOFF_CAP: Final = 60.0
_DOUBLINGS: Final = 10
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_POLITE_STATUSES: Final = frozenset({429, 503})
_LARGEST_DELAY: Final = 10_000
"""A larger number in a reset header is a moment, not a delay."""
_MILLISECONDS_FROM: Final = 100_000_000_000
_REMAINING_HEADERS: Final = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
_RESET_HEADERS: Final = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")

Trouble: TypeAlias = Literal["transient", "unsent", "permanent"]
"""Why there was no answer: may pass; may pass, and the request never left; will not pass."""


class Wait(NamedTuple):
    """Ask again after so many seconds."""

    seconds: float
    asked: bool = False
    """Whether the server asked for it, so that all requests of the connection should wait."""


class GiveUp(NamedTuple):
    """Do not ask again."""

    note: str = ""
    """For a person, where it is not obvious why."""


class RetryPolicy(NamedTuple):
    """What the connection's settings say about trying again."""

    max_retries: int
    max_wait: float
    """Seconds that all waits a server asks for, in the course of one request, may add up to."""
    post: bool
    """Whether a POST that the server put off (429 or 503 with ``Retry-After``) may be repeated."""


class Tries:
    """The attempts at one request.

    Each attempt is bounded by the request timeout, each wait of our own by ``BACKOFF_CAP`` and all waits the server
    asks for by ``max_wait``: so a request ends, at the latest, after ``(1 + max_retries) * (timeout + 60) + max_wait``
    seconds, not counting the time it queues for a slot.
    """

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self.made = 0
        self.note = ""
        self._policy = policy
        self._clock = clock
        self._asked = 0.0

    def after_answer(
        self, method: str, status: int, headers: Mapping[str, str], *, retry_safe: bool | None
    ) -> Wait | GiveUp:
        """Decide after an answer whose status is one of ``RETRIED_STATUSES``."""
        asked = asked_wait(status, headers, self._clock.time())
        put_off = status in _POLITE_STATUSES and "retry-after" in headers and asked is not None
        if not _may_repeat(method, retry_safe) and not (retry_safe is None and self._policy.post and put_off):
            return GiveUp()
        return self._next(asked, few=status in DOUBTFUL_STATUSES)

    def after_silence(self, method: str, trouble: Trouble, *, retry_safe: bool | None, few: bool) -> Wait | GiveUp:
        """Decide after no answer, or half of one, came.

        ``few``: where nothing was ever answered, the address is more likely wrong than the server briefly away.
        """
        repeatable = _may_repeat(method, retry_safe) or (trouble == "unsent" and retry_safe is None)
        if trouble == "permanent" or not repeatable:
            return GiveUp()
        return self._next(None, few=few)

    def _next(self, asked: float | None, *, few: bool) -> Wait | GiveUp:
        limit = min(self._policy.max_retries, FEW_RETRIES) if few else self._policy.max_retries
        if self.made > limit:
            return GiveUp()
        if not asked:
            return Wait(backoff(self.made, self._clock.noise()))
        if self._asked + asked > self._policy.max_wait:
            return GiveUp(
                f"the server asks to wait {asked:.0f} s, and maxRetryWait allows {self._policy.max_wait:.0f} s in all"
            )
        self._asked += asked
        return Wait(asked, asked=True)


def backoff(retry: int, noise: float) -> float:
    """Return the seconds to wait before the k-th retry (from 1): 0.1, 0.2, 0.4 ... 60, give or take a tenth."""
    return min(BACKOFF_START * 2.0 ** min(retry - 1, _DOUBLINGS), BACKOFF_CAP) * (1 + noise / 10)


def asked_wait(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds the server asks to wait, 0 if the moment has passed, None if it does not say.

    ``Retry-After`` counts with any status; a reset header only where the rate limit is the reason, for some APIs send
    it with every answer.
    """
    wait = parse_retry_after(headers.get("retry-after", ""), now)
    if wait is None and (status == 429 or _is_used_up(headers)):  # noqa: PLR2004
        wait = _reset(headers, now)
    return wait


def exhausted_wait(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds until the rate limit, of which this answer took the last request, starts anew; 0 for none."""
    return (_reset(headers, now) or 0.0) if _is_used_up(headers) else 0.0


def parse_retry_after(text: str, now: float) -> float | None:
    """Return the seconds of a ``Retry-After``: a number, fractions allowed, or an HTTP or ISO date."""
    number = _number(text)
    return number if number is not None else _until(text, now)


def parse_reset(text: str, now: float) -> float | None:
    """Return the seconds of a reset header: a delay up to 10,000, else epoch seconds or milliseconds, or a date."""
    number = _number(text)
    if number is None:
        return _until(text, now)
    if number <= _LARGEST_DELAY:
        return number
    return max(0.0, (number / 1000 if number >= _MILLISECONDS_FROM else number) - now)


def _may_repeat(method: str, retry_safe: bool | None) -> bool:  # noqa: FBT001
    return method in _SAFE_METHODS if retry_safe is None else retry_safe


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return any(headers.get(name, "").strip() == "0" for name in _REMAINING_HEADERS)


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    waits = (parse_reset(headers.get(name, ""), now) for name in _RESET_HEADERS)
    return next((wait for wait in waits if wait is not None), None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(text: str, now: float) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
        except ValueError:
            continue
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
    return None
