"""Whether and when to ask again: sync.md section 10, C15, C16."""

import pytest

from penstock.http.retry import (
    RETRIED_STATUSES,
    GiveUp,
    RetryPolicy,
    Tries,
    Wait,
    asked_wait,
    backoff,
    exhausted_wait,
    parse_reset,
    parse_retry_after,
)
from support.clock import FakeClock

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def tries(made: int = 1, *, max_retries: int = 10, max_wait: float = 900, post: bool = True) -> Tries:
    result = Tries(RetryPolicy(max_retries, max_wait, post), FakeClock(NOW))
    result.made = made
    return result


def test_the_retried_statuses_are_those_of_the_spec() -> None:
    assert sorted(RETRIED_STATUSES) == [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]


@pytest.mark.parametrize(
    ("retry", "noise", "seconds"),
    [(1, 0, 0.1), (2, 0, 0.2), (3, 0, 0.4), (10, 0, 51.2), (11, 0, 60), (5000, 0, 60), (1, 1, 0.11), (1, -1, 0.09)],
)
def test_backoff_doubles_up_to_a_minute(retry: int, noise: float, seconds: float) -> None:
    assert backoff(retry, noise) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("1.5", 1.5),
        (" 3 ", 3),
        ("0", 0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 15 Jan 2027 09:01:00 +0100", 60),
        ("2027-01-15T08:01:00Z", 60),
        ("2027-01-15T08:01:00", 60),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("10000", 10_000),
        ("1800000090", 90),
        ("1799999000", 0),
        ("1800000090000", 90),
        ("2027-01-15T08:01:30+00:00", 90),
        ("", None),
        ("x", None),
    ],
)
def test_a_reset_is_a_delay_a_moment_or_a_date(text: str, seconds: float | None) -> None:
    assert parse_reset(text, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7", "x-ratelimit-reset": "60"}, 7),
        (429, {"x-ratelimit-reset": "60", "ratelimit-reset": "5"}, 60),
        (429, {"ratelimit-reset": "5"}, 5),
        (429, {"x-rate-limit-reset": "1800000005"}, 5),
        (429, {"retry-after": "soon", "x-ratelimit-reset": "60"}, 60),
        (429, {}, None),
        (503, {"retry-after": "7"}, 7),
        (502, {"x-ratelimit-reset": "1800003600", "x-ratelimit-remaining": "4999"}, None),
        (503, {"x-ratelimit-reset": "60", "x-ratelimit-remaining": "0"}, 60),
    ],
)
def test_the_server_may_say_how_long_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(status, headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000020"}, 20),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "20"}, 20),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1800000020"}, 0),
        ({"x-ratelimit-remaining": "0"}, 0),
        ({"x-ratelimit-reset": "20"}, 0),
    ],
)
def test_a_used_up_rate_limit_says_when_it_starts_anew(headers: dict[str, str], seconds: float) -> None:
    assert exhausted_wait(headers, NOW) == seconds


PUT_OFF = {"retry-after": "2"}


@pytest.mark.parametrize(
    ("method", "status", "headers", "retry_safe", "post", "repeated"),
    [
        ("GET", 503, {}, None, True, True),
        ("HEAD", 503, {}, None, True, True),
        ("PUT", 503, {}, None, True, True),
        ("DELETE", 503, {}, None, True, True),
        ("POST", 503, {}, None, True, False),
        ("POST", 500, PUT_OFF, None, True, False),
        ("POST", 503, PUT_OFF, None, True, True),
        ("POST", 429, PUT_OFF, None, True, True),
        ("PATCH", 429, PUT_OFF, None, True, True),
        ("POST", 429, {"retry-after": "soon"}, None, True, False),
        ("POST", 429, {"x-ratelimit-reset": "2"}, None, True, False),
        ("POST", 429, PUT_OFF, None, False, False),
        ("POST", 500, {}, True, False, True),
        ("POST", 429, PUT_OFF, False, True, False),
        ("GET", 503, {}, False, True, False),
    ],
)
def test_only_what_does_no_harm_is_repeated(
    method: str,
    status: int,
    headers: dict[str, str],
    retry_safe: bool | None,  # noqa: FBT001
    post: bool,  # noqa: FBT001
    repeated: bool,  # noqa: FBT001
) -> None:
    verdict = tries(post=post).after_answer(method, status, headers, retry_safe=retry_safe)
    assert isinstance(verdict, Wait) is repeated


@pytest.mark.parametrize(
    ("status", "retries"), [(408, 10), (429, 10), (502, 10), (503, 10), (504, 10), (500, 2), (520, 2), (524, 2)]
)
def test_each_status_has_its_number_of_retries(status: int, retries: int) -> None:
    assert isinstance(tries(retries).after_answer("GET", status, {}, retry_safe=None), Wait)
    assert tries(retries + 1).after_answer("GET", status, {}, retry_safe=None) == GiveUp()


def test_no_retries_means_none() -> None:
    assert tries(max_retries=0).after_answer("GET", 503, PUT_OFF, retry_safe=None) == GiveUp()


def test_a_server_may_ask_for_more_than_the_cap_of_our_own_waits() -> None:
    verdict = tries().after_answer("GET", 429, {"retry-after": "899.5"}, retry_safe=None)
    assert verdict == Wait(899.5, asked=True)


def test_all_that_a_server_asks_for_has_a_limit() -> None:
    asking = tries(max_wait=100)
    assert asking.after_answer("GET", 429, {"retry-after": "60"}, retry_safe=None) == Wait(60, asked=True)
    assert asking.after_answer("GET", 429, {"retry-after": "60"}, retry_safe=None) == GiveUp(
        "the server asks to wait 60 s, and maxRetryWait allows 100 s in all"
    )


def test_being_asked_to_wait_no_time_at_all_is_no_reason_to_rush() -> None:
    assert tries(3).after_answer("GET", 503, {"retry-after": "0"}, retry_safe=None) == Wait(0.4)


@pytest.mark.parametrize(
    ("method", "trouble", "retry_safe", "repeated"),
    [
        ("GET", "transient", None, True),
        ("POST", "transient", None, False),
        ("POST", "unsent", None, True),
        ("POST", "unsent", False, False),
        ("POST", "transient", True, True),
        ("GET", "permanent", None, False),
    ],
)
def test_silence_is_retried_where_it_may_pass_and_nothing_is_done_twice(
    method: str,
    trouble: str,
    retry_safe: bool | None,  # noqa: FBT001
    repeated: bool,  # noqa: FBT001
) -> None:
    verdict = tries().after_silence(method, trouble, retry_safe=retry_safe, few=False)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a table
    assert isinstance(verdict, Wait) is repeated
