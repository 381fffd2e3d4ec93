"""Whether and when to ask again: sync.md section 10, C15, C16."""

import pytest

from penstock.http.allowance import read_hints
from penstock.http.retry import RETRIED_STATUSES, GiveUp, Refusal, RetryPolicy, Tries, Wait, backoff, refusal_of
from support.clock import FakeClock

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def refusal(status: int, headers: dict[str, str], content: bytes = b"", *, limited: bool = False) -> Refusal | None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return refusal_of(status, content, read_hints(raw, NOW), limited=limited)


def after(
    trying: Tries, method: str, status: int, headers: dict[str, str], *, retry_safe: bool | None = None
) -> Wait | GiveUp:
    refused = refusal(status, headers)
    assert refused is not None
    return trying.after_refusal(method, refused, retry_safe=retry_safe)


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
    refused = refusal(status, headers)
    assert refused is not None
    assert refused.asked == seconds


GITHUB = {"x-ratelimit-limit": "5000", "x-ratelimit-reset": "1800000040"}
SECONDARY = b'{"message": "You have exceeded a secondary rate limit. Please wait"}'


@pytest.mark.parametrize(
    ("status", "headers", "content", "limited", "asked"),
    [
        (403, {**GITHUB, "x-ratelimit-remaining": "0"}, b"", False, 40),
        (403, {**GITHUB, "x-ratelimit-remaining": "4999", "retry-after": "30"}, SECONDARY, False, 30),
        (403, {**GITHUB, "x-ratelimit-remaining": "4999"}, SECONDARY, False, 60),
        (403, {**GITHUB, "x-ratelimit-remaining": "0"}, SECONDARY, False, 40),
        (200, {"retry-after": "9"}, b"", True, 9),
        (200, {"ratelimit-reset": "9"}, b"", True, 9),
        (200, {}, b"", True, None),
        (400, {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "9"}, b"", True, 9),
    ],
)
def test_a_rate_limit_may_be_told_with_any_status_and_even_a_post_is_repeated_then(
    status: int,
    headers: dict[str, str],
    content: bytes,
    limited: bool,  # noqa: FBT001
    asked: float | None,
) -> None:
    refused = refusal(status, headers, content, limited=limited)
    assert refused is not None
    assert refused == Refusal(asked, limited=True, put_off=True, few=False)
    assert isinstance(tries(10).after_refusal("POST", refused, retry_safe=None), Wait)


@pytest.mark.parametrize(
    ("status", "headers", "content"),
    [
        (403, {**GITHUB, "x-ratelimit-remaining": "4999"}, b'{"message": "Resource not accessible"}'),
        (403, {"retry-after": "30"}, b"locked"),
        (401, {"retry-after": "30"}, b""),
        (404, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, SECONDARY),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9", "retry-after": "9"}, SECONDARY),
    ],
)
def test_any_other_answer_is_final(status: int, headers: dict[str, str], content: bytes) -> None:
    assert refusal(status, headers, content) is None


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
    verdict = after(tries(post=post), method, status, headers, retry_safe=retry_safe)
    assert isinstance(verdict, Wait) is repeated


@pytest.mark.parametrize(
    ("status", "retries"), [(408, 10), (429, 10), (502, 10), (503, 10), (504, 10), (500, 2), (520, 2), (524, 2)]
)
def test_each_status_has_its_number_of_retries(status: int, retries: int) -> None:
    assert isinstance(after(tries(retries), "GET", status, {}), Wait)
    assert after(tries(retries + 1), "GET", status, {}) == GiveUp()


def test_no_retries_means_none() -> None:
    assert after(tries(max_retries=0), "GET", 503, PUT_OFF) == GiveUp()


def test_a_server_may_ask_for_more_than_the_cap_of_our_own_waits() -> None:
    verdict = after(tries(), "GET", 429, {"retry-after": "899.5"})
    assert verdict == Wait(899.5, asked=True)


def test_all_that_a_server_asks_for_has_a_limit() -> None:
    asking = tries(max_wait=100)
    assert after(asking, "GET", 429, {"retry-after": "60"}) == Wait(60, asked=True)
    assert after(asking, "GET", 429, {"retry-after": "60"}) == GiveUp(
        "the server asks to wait 60 s, and maxRetryWait allows 100 s in all"
    )


def test_being_asked_to_wait_no_time_at_all_is_no_reason_to_rush() -> None:
    assert after(tries(3), "GET", 503, {"retry-after": "0"}) == Wait(0.4)


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
