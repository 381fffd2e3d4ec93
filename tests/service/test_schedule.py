"""Every interval, counted from the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.service.order import Order
from penstock.service.schedule import Schedule
from penstock.values import Timetable


def test_the_first_sync_is_due_one_interval_after_the_start_and_lateness_does_not_add_up() -> None:
    schedule = Schedule(timedelta(minutes=1), start=100)

    assert schedule.next_after(100) == 160
    assert schedule.next_after(159.9) == 160
    assert schedule.next_after(160) == 220
    assert schedule.next_after(161.5) == 220


def test_moments_that_were_slept_through_are_not_made_up_for() -> None:
    assert Schedule(timedelta(minutes=1), start=0).next_after(3605) == 3660


@given(st.integers(1, 10**7), st.floats(0, 1e9, allow_nan=False), st.floats(0, 1e9, allow_nan=False))
def test_the_next_moment_is_later_and_at_most_an_interval_away(seconds: int, start: float, later: float) -> None:
    now = start + later

    due = Schedule(timedelta(seconds=seconds), start).next_after(now)

    assert now < due <= now + seconds + 1e-3


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "due"),
    [(-90, 0), (-1, 0), (0, 60), (59.9, 60), (60, 120), (200, 240)],
)
def test_a_sync_that_takes_long_knows_which_one_is_due_next(minutes: float, due: float) -> None:
    table = Timetable(timedelta(hours=1), NOON)

    assert table.after(NOON + timedelta(minutes=minutes)) == Timetable(
        timedelta(hours=1), NOON + timedelta(minutes=due)
    )


def test_of_a_sync_after_the_last_date_there_is_nothing_is_told() -> None:
    """A service whose interval is to mean never has to run all the same."""
    assert Schedule(timedelta(days=9_999_999), start=0).timetable(now=0) is None
    assert Schedule(timedelta(days=365_000), start=0).timetable(now=0) is not None


@pytest.mark.parametrize(
    "order", [Order(), Order(("/a", "/b")), Order((), Timetable(timedelta(seconds=45), NOON))], ids=str
)
def test_a_process_gets_its_order_as_it_was_given(order: Order) -> None:
    assert Order.from_json(order.to_json()) == order
