from __future__ import annotations

import pytest
from penstock import StopReason
from penstock.testing import Answer, Reading, read, script
from pydantic import ValidationError

from penstock_time_window import TimeWindow, TimeWindowConfig
from penstock_time_window.conformance import TimeWindowCase

DAY = {"windowStart": "2026-01-01T00:00:00Z"}


class TestTimeWindow(TimeWindowCase):
    """Everything that a pagination must do."""


def _read(*answers: Answer, **settings: object) -> Reading:
    return read(TimeWindow(), TimeWindowConfig.model_validate({**DAY, **settings}), script(*answers))


def test_windows_follow_each_other_without_gaps_and_the_last_one_is_cut_short() -> None:
    reading = _read(*[Answer([])] * 2, windowEnd="2026-01-02T12:00:00Z")

    assert reading.asked("from") == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    assert reading.asked("to") == ["2026-01-02T00:00:00Z", "2026-01-02T12:00:00Z"]
    assert reading.reason is StopReason.NO_MORE


def test_without_an_end_the_time_of_the_first_answer_is_the_end() -> None:
    dates = ["Fri, 02 Jan 2026 06:00:00 GMT", "Sat, 10 Jan 2026 06:00:00 GMT"]

    reading = _read(*(Answer([], {"date": date}) for date in dates))

    assert reading.asked("to") == ["2026-01-02T00:00:00Z", "2026-01-02T06:00:00Z"]


def test_a_window_as_full_as_it_can_be_is_no_proof() -> None:
    reading = _read(Answer([{"id": 1}, {"id": 2}]), windowLimit=2, windowEnd="2026-02-01T00:00:00Z")

    assert not reading.reason.complete
    assert reading.stop is not None
    assert "windowHours" in reading.stop.detail


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="windowStart"):
        TimeWindowConfig.model_validate({"windowStart": "2026-01-01T00:00:00"})
