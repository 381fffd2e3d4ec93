"""Whether to ask again, and when (sync.md section 10): decisions only, nothing here waits or sends."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from penstock.http.allowance import Hints
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
_SECONDARY: Final = b"secondary rate limit"
"""GitHub's words in a 403; without ``Retry-After`` its documentation asks for a minute."""
_SECONDARY_WAIT: Final = 60.0

Trouble: TypeAlias = Literal["transient", "unsent", "permanent"]
"""Why there was no answer: may pass; may pass, and the request never left; will not pass."""


class Refusal(Struct, frozen=True):
    """What an answer comes to that says: not now."""

    asked: float | None
    """Seconds the server asks to wait, 0 if the moment has passed, None if it does not say."""
    limited: bool
    """Whether a rate limit is the reason."""
    put_off: bool
    """Whether the server surely has done nothing, so that even a POST may be repeated."""
    few: bool
    """Whether it is often a defect that no waiting mends."""


def refusal_of(status: int, content: bytes, hints: Hints, *, limited: bool) -> Refusal | None:
    """Return what an answer comes to that is worth asking again for; None for any other.

    ``Retry-After`` counts with any of them; when a limit starts anew only where the limit is the reason, for some APIs
    say so with every answer.

    Args:
        status: The answer's.
        content: Its body, as far as it was read.
        hints: What its headers say.
        limited: Whether the user's ``rateLimitWhen`` takes it for a rate limit.
    """
    secondary = status == HTTPStatus.FORBIDDEN and _SECONDARY in content.lower()
    told = limited or secondary or (status == HTTPStatus.FORBIDDEN and hints.used_up)
    if not told and status not in RETRIED_STATUSES:
        return None
    limited = told or status == HTTPStatus.TOO_MANY_REQUESTS
    asked = hints.retry_after
    if asked is None and hints.used_up:
        asked = hints.renewal
    elif asked is None and secondary:
        asked = _SECONDARY_WAIT
    elif asked is None and limited:
        asked = hints.next_reset
    put_off = told or (status in _POLITE_STATUSES and hints.retry_after is not None)
    return Refusal(asked, limited, put_off, few=not told and status in DOUBTFUL_STATUSES)


class Wait(Struct, frozen=True):
    """Ask again after so many seconds."""

    seconds: float
    asked: bool = False
    """Whether the server asked for it, so that all requests of the connection should wait."""


class GiveUp(Struct, frozen=True):
    """Do not ask again."""

    note: str = ""
    """For a person, where it is not obvious why."""


class RetryPolicy(Struct, frozen=True):
    """What the connection's settings say about trying again."""

    max_retries: int
    max_wait: float
    """Seconds that all waits a server asks for, in the course of one request, may add up to."""
    post: bool
    """Whether a POST that the server put off may be repeated: 429 or 503 with ``Retry-After``, a rate limit told
    otherwise."""


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

    def after_refusal(self, method: str, refusal: Refusal, *, retry_safe: bool | None) -> Wait | GiveUp:
        """Decide after an answer that says: not now."""
        put_off = retry_safe is None and self._policy.post and refusal.put_off
        if not _may_repeat(method, retry_safe) and not put_off:
            return GiveUp()
        return self._next(refusal.asked, few=refusal.few)

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


def _may_repeat(method: str, retry_safe: bool | None) -> bool:  # noqa: FBT001
    return method in _SAFE_METHODS if retry_safe is None else retry_safe
