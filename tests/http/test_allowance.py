"""What headers say of rate limits, in every dialect."""

from __future__ import annotations

import pytest

from penstock.http.allowance import NO_HINTS, Allowance, Hints, read_hints

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def read(headers: dict[str, str]) -> Hints:
    return read_hints([(name.encode(), value.encode("latin-1")) for name, value in headers.items()], NOW)


DIALECTS: list[tuple[str, dict[str, str], list[Allowance]]] = [
    (
        "GitHub",
        {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "1800000600"},
        [Allowance(12, 600, 5000)],
    ),
    (
        "Okta and Twitter",
        {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1800000005"},
        [Allowance(0, 5, 600)],
    ),
    (
        "draft 3",
        {"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "7", "RateLimit-Reset": "20"},
        [Allowance(7, 20, 100)],
    ),
    (
        "draft 6, window only",
        {"RateLimit-Limit": "100", "RateLimit-Policy": "100;w=60", "RateLimit-Remaining": "7"},
        [Allowance(7, 60, 100)],
    ),
    ("draft 7", {"RateLimit": "limit=100, remaining=0, reset=5"}, [Allowance(0, 5, 100)]),
    (
        "draft 7, window only",
        {"RateLimit": "limit=100, remaining=3", "RateLimit-Policy": "100;w=60"},
        [Allowance(3, 60, 100)],
    ),
    ("draft 8", {"RateLimit": '"default";r=50;t=30'}, [Allowance(50, 30)]),
    (
        "draft 10, two limits",
        {
            "RateLimit": '"burst";r=5;t=1, "day";r=900',
            "RateLimit-Policy": '"burst";q=10;w=1, "day";q=1000;w=86400',
        },
        [Allowance(5, 1, 10), Allowance(900, 86_400, 1000)],
    ),
    (
        "Discord",
        {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1800000470.123", "X-RateLimit-Reset-After": "64.57"},
        [Allowance(1, 64.57)],
    ),
    ("milliseconds", {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1800000005000"}, [Allowance(1, 5)]),
    ("ISO date", {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "2027-01-15T08:01:00Z"}, [Allowance(1, 60)]),
    (
        "two limits in one header",
        {"X-RateLimit-Limit": "10, 500", "X-RateLimit-Remaining": "0, 499", "X-RateLimit-Reset": "1, 3600"},
        [Allowance(0, 1, 10), Allowance(499, 3600, 500)],
    ),
    ("no reset", {"X-RateLimit-Remaining": "0"}, [Allowance(0, None)]),
]


@pytest.mark.parametrize(("headers", "allowances"), [case[1:] for case in DIALECTS], ids=[case[0] for case in DIALECTS])
def test_every_dialect_says_what_is_left_and_until_when(headers: dict[str, str], allowances: list[Allowance]) -> None:
    hints = read(headers)
    assert list(hints.allowances) == allowances
    assert hints.doubts == ()


@pytest.mark.parametrize(
    "figures",
    [
        ("5000", "12", "1800000600"), ("5000", "0", "3"), ("5000", "0", "1700000000"), ("10, 500", "0, 499", "1, 3600"),
        ("100;w=60", "7", "20"), ("many", "7", "20"), ("100", "-1", "20"), ("100", "7", "never"),
        ("100", "7", "Fri, 15 Jan 2027 08:01:00 GMT"), ("100", "7", "99999999999999"), ("", "", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("clock", [{}, {"Date": "Fri, 15 Jan 2027 07:59:00 GMT"}, {"Date": "x", "Age": "1"}])
def test_the_most_usual_dialect_is_read_as_every_other(figures: tuple[str, str, str], clock: dict[str, str]) -> None:
    def told(prefix: str) -> Hints:
        names = (f"{prefix}{figure}" for figure in ("limit", "remaining", "reset"))
        return read({**clock, **dict(zip(names, figures, strict=True))})

    usual, other = told("x-ratelimit-"), told("x-rate-limit-")

    assert usual.allowances == other.allowances
    assert [doubt.replace("x-rate", "x-rate-") for doubt in usual.doubts] == list(other.doubts)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 2),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "soon", "retry-after-ms": "1500"}, 1.5),
    ],
)
def test_an_answer_may_ask_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert read(headers).retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "doubt"),
    [
        ({"Retry-After": "-5"}, "retry-after: '-5' cannot be meant, and is ignored"),
        ({"Retry-After": "nan"}, "retry-after: 'nan' cannot be meant, and is ignored"),
        ({"Retry-After": "99999999999999"}, "retry-after: '99999999999999' cannot be meant, and is ignored"),
        ({"X-RateLimit-Remaining": "-1"}, "x-ratelimit-remaining: '-1' cannot be meant, and is ignored"),
        (
            {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "never"},
            "x-ratelimit-reset: 'never' cannot be meant, and is ignored",
        ),
        (
            {"RateLimit": "limit=5, remaining=lots"},
            "ratelimit: 'limit=5, remaining=lots' cannot be meant, and is ignored",
        ),
        ({"Retry-After": "x" * 9000}, f"retry-after: '{'x' * 40}' cannot be meant, and is ignored"),
    ],
)
def test_what_cannot_be_meant_is_ignored_and_said(headers: dict[str, str], doubt: str) -> None:
    hints = read(headers)
    assert hints.doubts == (doubt,)
    assert not hints.used_up
    assert hints.retry_after is None


def test_a_header_may_come_on_several_lines() -> None:
    lines = [(b"RateLimit", b'"burst";r=5;t=1'), (b"Retry-After", b"7"), (b"ratelimit", b'"day";r=9;t=80')]
    assert read_hints(lines, NOW) == Hints(7, (Allowance(5, 1), Allowance(9, 80)))


def test_other_headers_cost_nothing_and_say_nothing() -> None:
    assert read({"Content-Type": "application/json", "X-Request-Id": "7", "Date": "x"}) is NO_HINTS
    assert read({"X-Generated-By": "x", "RateLimit": "(((", "X-RateLimit": "7"}).allowances == ()


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Date": "Fri, 15 Jan 2027 09:00:00 GMT"}, 30),
        ({"Date": "Fri, 15 Jan 2027 09:00:00 GMT", "Age": "60"}, 3630),
        ({"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, 3630),
        ({"Date": "yesterday"}, 3630),
        ({}, 3630),
    ],
)
def test_a_moment_goes_by_the_clock_of_the_server(headers: dict[str, str], wait: float) -> None:
    assert read({**headers, "Retry-After": "Fri, 15 Jan 2027 09:00:30 GMT"}).retry_after == wait


@pytest.mark.parametrize(
    ("allowances", "renewal"),
    [
        ([], 0),
        ([Allowance(1, 20)], 0),
        ([Allowance(0, 20)], 20),
        ([Allowance(0.5, 20)], 20),
        ([Allowance(0, 20), Allowance(0, 3600), Allowance(5, 9999)], 3600),
        ([Allowance(0, None), Allowance(0, 20)], 20),
        ([Allowance(0, None)], None),
    ],
)
def test_all_that_is_used_up_has_to_start_anew(allowances: list[Allowance], renewal: float | None) -> None:
    assert Hints(allowances=tuple(allowances)).renewal == renewal
