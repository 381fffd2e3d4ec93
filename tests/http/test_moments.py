"""When a server wants to be asked again: every way of writing it, and what is not to be believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.http.moments import LONGEST, milliseconds, seconds_until

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("1.5", 1.5),
        (" 3 ", 3),
        ("0", 0),
        ("86400", 86_400),
        ("1800000090", 90),
        ("1800000090.5", 90.5),
        ("1800000090000", 90),
        ("1799999000", 0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 15 Jan 2027 09:01:00 +0100", 60),
        ("2027-01-15T08:01:00Z", 60),
        ("2027-01-15T08:01:30+00:00", 90),
        ("2027-01-15T08:01:00", 60),
    ],
)
def test_a_wait_is_a_delay_a_moment_or_a_date(text: str, seconds: float) -> None:
    assert seconds_until(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "x", "5 s", "1,5", "-5", "-1800000090", "nan", "inf", "-inf", "1e999", "0x10"),
        *("999999999", "9999999999", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "2099-01-01T00:00:00Z"),
        *("9999-12-31T23:59:59-14:00", "Fri, 99 Jan 2027 08:00:00 GMT", "0000-00-00T00:00:00Z", "1" * 5000),
    ],
)
def test_what_cannot_be_meant_says_nothing(text: str) -> None:
    assert seconds_until(text, NOW) is None


@pytest.mark.parametrize(("text", "seconds"), [("1500", 1.5), ("0", 0), ("-1", None), ("soon", None), ("1e15", None)])
def test_some_headers_count_milliseconds(text: str, seconds: float | None) -> None:
    assert milliseconds(text) == seconds


@given(st.one_of(st.text(), st.floats().map(str), st.integers().map(str), st.datetimes().map(str)))
def test_no_text_asks_for_a_negative_or_endless_wait(text: str) -> None:
    wait = seconds_until(text, NOW)
    assert wait is None or 0 <= wait <= LONGEST
