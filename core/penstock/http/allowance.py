"""What the headers of an answer say about asking again: ``Retry-After``, and rate limits in every dialect.

Read in all spellings that are about: ``RateLimit-*``, ``X-RateLimit-*`` and ``X-Rate-Limit-*``, the structured
``RateLimit`` and ``RateLimit-Policy`` of draft-ietf-httpapi-ratelimit-headers (both the members ``limit``,
``remaining``, ``reset`` of its seventh version and the parameters ``r``, ``t``, ``q``, ``w`` of later ones).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from penstock.http.moments import date_in, milliseconds, number, seconds_until

_PREFIXES: Final = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
_MILLISECOND_HEADERS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
_CLOCK: Final = frozenset({"date", "age"})
_FIGURES: Final = ("limit", "remaining", "reset", "reset-after", "policy")
_KNOWN: Final = frozenset(
    {
        *_CLOCK,
        *("retry-after", *_MILLISECOND_HEADERS, "ratelimit"),
        *(prefix + figure for prefix in _PREFIXES for figure in _FIGURES),
    }
)
"""Every header that is read; what else a server tells of its limits is nobody's business here."""
_USUAL: Final = frozenset({"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"})
_PARAMETER: Final = re.compile(r'([a-z]+)\s*=\s*"?([^\s;,"]+)')
_SHOWN: Final = 40
_MOST_SKEW: Final = 86_400
"""Seconds by which the server's clock may differ from ours and still be believed."""


class Allowance(Struct, frozen=True):
    """What is left of one rate limit."""

    remaining: float
    """Requests that may still be sent."""
    reset: float | None
    """Seconds until it starts anew; None when the answer does not say."""
    limit: float | None = None
    """Requests that it allows in all; None when the answer does not say."""

    @property
    def used_up(self) -> bool:
        """Whether nothing is left."""
        return self.remaining < 1


class Hints(Struct, frozen=True):
    """What an answer says."""

    retry_after: float | None = None
    """Seconds that it asks to wait; 0 when the moment has passed, None when it does not say."""
    allowances: tuple[Allowance, ...] = ()
    reset: float | None = None
    """Seconds until a rate limit starts anew of which it is not said what is left."""
    doubts: tuple[str, ...] = ()
    """What is not believed, for a person."""

    @property
    def used_up(self) -> bool:
        """Whether nothing is left of a rate limit."""
        return any(allowance.used_up for allowance in self.allowances)

    @property
    def renewal(self) -> float | None:
        """Seconds until all that is used up starts anew; 0 when nothing is used up, None when nobody says."""
        waits = [allowance.reset for allowance in self.allowances if allowance.used_up]
        known = [wait for wait in waits if wait is not None]
        return max(known, default=None if waits else 0.0)

    @property
    def next_reset(self) -> float | None:
        """Seconds until the first rate limit starts anew, whatever is left of it."""
        resets = [self.reset, *(allowance.reset for allowance in self.allowances)]
        return min((reset for reset in resets if reset is not None), default=None)


NO_HINTS: Final = Hints()


def read_hints(headers: Sequence[tuple[bytes, bytes]], now: float) -> Hints:
    """Return what the headers of an answer say.

    Moments are compared with the server's own clock (``Date``), which may differ from ours, unless the answer comes
    from a cache (``Age``).

    Args:
        headers: All of them, in any case.
        now: Seconds since 1970, by our clock.
    """
    names = b"\n".join([name for name, _ in headers]).lower().decode("latin-1")
    if "rate" not in names and "retry" not in names:  # so it is with most answers
        return NO_HINTS
    told: dict[str, str] = {}
    for name, (_, value) in zip(names.split("\n"), headers, strict=True):
        if name in _KNOWN:
            text = value.decode("latin-1").strip()
            told[name] = f"{told[name]}, {text}" if name in told and "rate" in name else text
    now = _servers_now(told, now)
    return _usual_hints(told, now) or _Reader(told, now).hints()


def _usual_hints(told: dict[str, str], now: float) -> Hints | None:
    """Return what nearly all say that say anything, three plain figures; None for what takes more to read."""
    if (told.keys() - _CLOCK) ^ _USUAL:
        return None
    remaining, limit = number(told["x-ratelimit-remaining"]), number(told["x-ratelimit-limit"])
    reset = seconds_until(told["x-ratelimit-reset"], now)
    if remaining is None or limit is None or reset is None:
        return None
    return Hints(None, (Allowance(remaining, reset, limit),))


def _servers_now(headers: Mapping[str, str], now: float) -> float:
    date = None if "age" in headers or "date" not in headers else date_in(headers["date"])
    return now if date is None or abs(date - now) > _MOST_SKEW else date


class _Reader:
    def __init__(self, told: Mapping[str, str], now: float) -> None:
        self._told = told
        self._now = now
        self._doubts: list[str] = []

    def hints(self) -> Hints:
        retry_after = self._retry_after()
        allowances = (*self._structured(), *self._separate())
        reset = None if allowances else self._first_reset()
        return Hints(retry_after, allowances, reset, tuple(self._doubts))

    def _retry_after(self) -> float | None:
        text = self._told.get("retry-after")
        found = [] if text is None else [self._believed("retry-after", seconds_until(text, self._now))]
        there = [name for name in _MILLISECOND_HEADERS if name in self._told]
        found += [self._believed(name, milliseconds(self._told[name])) for name in there]
        return next((wait for wait in found if wait is not None), None)

    def _separate(self) -> Iterator[Allowance]:
        """Read the dialects that have a header for each figure; several limits may share one, split by commas."""
        for prefix in _PREFIXES:
            left = self._told.get(f"{prefix}remaining")
            if left is None:
                continue
            counts = [self._believed(f"{prefix}remaining", number(part)) for part in left.split(",")]
            resets = self._resets(prefix)
            limits = [number(part.partition(";")[0]) for part in self._told.get(f"{prefix}limit", "").split(",")]
            window = self._policy_window(prefix) if None in resets or not resets else None
            for position, count in enumerate(counts):
                if count is not None:
                    yield Allowance(
                        count,
                        _at(resets, position, len(counts), window),
                        _at(limits, position, len(counts), None),
                    )

    def _resets(self, prefix: str) -> list[float | None]:
        for name in (f"{prefix}reset-after", f"{prefix}reset"):
            text = self._told.get(name)
            if text is None:
                continue
            whole = seconds_until(text, self._now)
            if whole is not None:
                return [whole]
            parts = [seconds_until(part, self._now) for part in text.split(",")]
            if any(part is not None for part in parts):
                return parts
            self._believed(name, None)
        return []

    def _first_reset(self) -> float | None:
        found = [wait for prefix in _PREFIXES for wait in self._resets(prefix)]
        return next((wait for wait in found if wait is not None), None)

    def _policy_window(self, prefix: str) -> float | None:
        """Return the window that ``RateLimit-Limit: 100;w=60`` or a policy speaks of: it starts anew within that."""
        for name in (f"{prefix}policy", f"{prefix}limit"):
            for _, parameters in _members(self._told.get(name, "")):
                if "w" in parameters:
                    return seconds_until(parameters["w"], self._now)
        return None

    def _structured(self) -> Iterator[Allowance]:
        text = self._told.get("ratelimit")
        if text is None:
            return
        policies = dict(_members(self._told.get("ratelimit-policy", "")))
        figures = dict(_PARAMETER.findall(text))
        if "remaining" in figures:  # the seventh version: one limit, whose figures are members of their own
            policy = {"q": figures.get("limit", ""), **next(iter(policies.values()), dict[str, str]())}
            yield from self._allowance(figures["remaining"], figures.get("reset", ""), policy)
        for name, parameters in _members(text):
            if "r" in parameters:
                yield from self._allowance(parameters["r"], parameters.get("t", ""), policies.get(name, {}))

    def _allowance(self, remaining: str, reset: str, policy: Mapping[str, str]) -> Iterator[Allowance]:
        left = self._believed("ratelimit", number(remaining))
        if left is not None:
            seconds = seconds_until(reset or policy.get("w", ""), self._now)
            yield Allowance(left, seconds, number(policy.get("q", "")))

    def _believed(self, name: str, value: float | None) -> float | None:
        text = self._told.get(name)
        if value is None and text is not None:
            self._doubts.append(f"{name}: {text[:_SHOWN]!r} cannot be meant, and is ignored")
        return value


def _members(text: str) -> list[tuple[str, dict[str, str]]]:
    """Take ``"burst";r=5;t=1, "day";r=90`` apart."""
    found: list[tuple[str, dict[str, str]]] = []
    for member in text.split(","):
        name, _, parameters = member.strip().partition(";")
        if name:
            found.append((name.strip('" '), dict(_PARAMETER.findall(parameters))))
    return found


def _at(values: list[float | None], position: int, count: int, default: float | None) -> float | None:
    """Return the figure of one of ``count`` limits: its own, or the only one there is."""
    if not values:
        return default
    value = values[position] if len(values) == count else values[0]
    return default if value is None else value
