"""How many deletions are too many to be done without asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.journal import Reason
from penstock.sync.guard import Limits, reason_to_hold

SHARES = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.floats(0, 1))
COUNTS = st.one_of(st.none(), st.integers(0, 20), st.integers(0, 10**7))
LIMITS = st.builds(Limits, SHARES, COUNTS)


@st.composite
def kinds(draw: st.DrawFn) -> tuple[int, int]:
    """How many entities are gone, and of how many."""
    owned = draw(st.one_of(st.integers(0, 20), st.integers(0, 10**7)))
    return draw(st.one_of(st.integers(0, owned), st.just(owned))), owned


@pytest.mark.parametrize(
    ("stale", "owned", "share", "count", "reason"),
    [
        (0, 0, 0.0, 0, None),
        (0, 10, 0.0, 0, None),
        (1, 10, 0.0, None, Reason.SHARE),
        (1, 10, 0.1, None, None),
        (2, 10, 0.1, None, Reason.SHARE),
        (9, 10, 0.9, None, None),
        (90_000, 100_000, 0.9, None, None),
        (90_001, 100_000, 0.9, None, Reason.SHARE),
        (10, 10, 0.9, None, Reason.EMPTIED),
        (1, 1, 0.9, 1000, Reason.EMPTIED),
        (1, 1, 0.0, 0, Reason.EMPTIED),
        (10, 10, 1.0, None, None),
        (1, 1, 1.0, None, None),
        (1, 1, 1.0, 0, Reason.COUNT),
        (1, 1000, 0.9, 0, Reason.COUNT),
        (1000, 10_000, 0.9, 1000, None),
        (1001, 10_000, 0.9, 1000, Reason.COUNT),
        (9_999, 10_000, 0.9, 1000, Reason.SHARE),
    ],
)
def test_deletions_above_a_limit_are_held_and_those_at_it_are_not(
    stale: int, owned: int, share: float, count: int | None, reason: Reason | None
) -> None:
    assert reason_to_hold(stale, owned, Limits(share, count)) is reason


@given(kinds(), LIMITS)
def test_what_is_not_held_keeps_both_limits(kind: tuple[int, int], limits: Limits) -> None:
    stale, owned = kind
    if reason_to_hold(stale, owned, limits) is None:
        assert stale <= owned * limits.share or stale / owned <= limits.share
        assert limits.count is None or stale <= limits.count


@given(kinds(), LIMITS)
def test_what_is_held_breaks_the_limit_that_is_named(kind: tuple[int, int], limits: Limits) -> None:
    stale, owned = kind
    match reason_to_hold(stale, owned, limits):
        case Reason.EMPTIED:
            assert stale == owned > 0
            assert limits.share < 1
        case Reason.SHARE:
            assert 0 < stale < owned
            assert stale / owned > limits.share
        case Reason.COUNT:
            assert limits.count is not None
            assert stale > limits.count
        case reason:
            assert reason is None


@given(st.integers(0, 10**7), LIMITS)
def test_nothing_gone_is_never_held_and_everything_gone_always_is_unless_there_is_no_limit(
    owned: int, limits: Limits
) -> None:
    assert reason_to_hold(0, owned, limits) is None
    if owned and limits.share < 1:
        assert reason_to_hold(owned, owned, limits) is Reason.EMPTIED
    assert reason_to_hold(owned, owned, Limits(1, None)) is None


@given(kinds(), LIMITS)
def test_one_deletion_more_is_never_held_less(kind: tuple[int, int], limits: Limits) -> None:
    stale, owned = kind
    if stale < owned and reason_to_hold(stale, owned, limits):
        assert reason_to_hold(stale + 1, owned, limits)


@given(kinds(), st.sampled_from([Limits(0, None), Limits(1, 0), Limits(0, 0)]))
def test_a_limit_of_nothing_asks_for_every_deletion(kind: tuple[int, int], limits: Limits) -> None:
    stale, owned = kind
    assert (reason_to_hold(stale, owned, limits) is not None) == (stale > 0)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_exactly_at_the_limit_nothing_is_held(owned: int, stale: int) -> None:
    stale = min(stale, owned)
    assert reason_to_hold(stale, owned, Limits(stale / owned, stale)) is None
