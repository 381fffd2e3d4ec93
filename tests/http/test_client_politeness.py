"""Rates, limits told in odd ways, and long quotas, over real sockets; time is the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import httpx
import pytest

from penstock.http.client import ApiRequest
from penstock.http.failures import AuthFailedError, HttpError, QuotaError, RequestFailedError
from penstock.values import StopReason
from support.clock import FakeClock
from support.fetching import fetch, get, opened, post, settings
from support.server import Handler, Received, Reply, serve

SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}


def first(reply: Reply, *, times: int = 1) -> Handler:
    """Answer so many times with ``reply``, then with success."""
    left = [times]

    def answer(_: Received) -> Reply:
        left[0] -= 1
        return reply if left[0] >= 0 else Reply([])

    return answer


def test_everything_that_is_sent_counts_against_the_rate() -> None:
    clock = FakeClock()
    moments: list[tuple[str, float]] = []

    class Login(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            answer = yield httpx.Request("POST", f"{api.url}/token")
            request.headers["Authorization"] = answer.text
            yield request

    def answer(request: Received) -> Reply:
        moments.append((request.path, clock.now))
        if request.path == "/old":
            return Reply("", 302, {"Location": "/new"})
        return Reply("", 503, {"Retry-After": "0.5"}) if len(moments) == 4 else Reply([])

    with serve(answer) as api:
        connection = settings(api.url, requests_per_second=0.25)
        fetch(connection, get(f"{api.url}/old"), auth=Login(), clock=clock)
    start = moments[0][1]
    assert [(path, moment - start) for path, moment in moments] == [
        ("/token", 0),
        ("/old", 4),
        ("/token", 8),
        ("/new", 12),
        ("/token", 16),
        ("/new", 20),
    ]


@pytest.mark.parametrize("in_flight", [1, 10])
def test_a_rate_holds_whatever_is_in_flight(in_flight: int) -> None:
    clock = FakeClock()

    async def run(url: str) -> None:
        connection = settings(url, requests_per_minute=30, max_concurrent_requests=in_flight)
        async with opened(connection, clock=clock) as client:
            await asyncio.gather(*[client.send(get(f"{url}/{number}")) for number in range(20)])

    with serve(lambda _: Reply([])) as api:
        asyncio.run(run(api.url))
        assert len(api.received) == 20
    assert sum(clock.sleeps) == pytest.approx(38)


@pytest.mark.parametrize(
    ("reply", "sleeps"),
    [
        (Reply(SECONDARY, 403, {"Retry-After": "30", "X-RateLimit-Remaining": "4998"}), [30]),
        (Reply(SECONDARY, 403), [60]),
        (Reply({}, 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000040"}), [40]),
        (Reply({"code": 429}, 200, {"Retry-After": "7"}), [7]),
        (Reply({"code": 429}, 200, {"RateLimit-Reset": "8"}), [8]),
        (Reply({"code": 429}, 400), [0.1]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_rate_limit_told_with_another_status_is_waited_for(reply: Reply, sleeps: list[float], method: str) -> None:
    clock = FakeClock()
    with serve(first(reply)) as api:
        request = get(api.url) if method == "GET" else post(api.url, {"query": "{ users { id } }"})
        [response] = fetch(settings(api.url, rate_limit_when=".body.code? == 429"), request, clock=clock)
        assert len(api.received) == 2
    assert response.content == b"[]"
    assert clock.sleeps == pytest.approx(sleeps)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({"message": "Resource not accessible"}, 403, {"X-RateLimit-Remaining": "4998"}), AuthFailedError),
        (Reply({"message": "locked"}, 403, {"Retry-After": "30"}), AuthFailedError),
        (Reply({"code": 17}, 400), RequestFailedError),
    ],
)
def test_a_refusal_for_another_reason_is_final(reply: Reply, kind: type[HttpError]) -> None:
    with serve(lambda _: reply) as api, pytest.raises(kind):
        fetch(settings(api.url, rate_limit_when=".body.code? == 429"), get(api.url))
    assert len(api.received) == 1


def test_a_rate_limit_that_never_ends_is_an_error_and_no_answer() -> None:
    with serve(lambda _: Reply({"code": 429, "why": "busy"})) as api, pytest.raises(RequestFailedError) as caught:
        fetch(settings(api.url, rate_limit_when=".body.code == 429", max_retries=2), get(f"{api.url}/u"))
    assert caught.value.reason is StopReason.REQUEST_FAILED
    assert str(caught.value) == (
        f'GET {api.url}/u: 200 OK (application/json), a rate limit after 3 attempts: {{"code": 429, "why": "busy"}}'
    )


def test_a_limit_told_with_403_is_no_question_of_credentials() -> None:
    with serve(lambda _: Reply(SECONDARY, 403, {"Retry-After": "1"})) as api, pytest.raises(HttpError) as caught:
        fetch(settings(api.url, max_retries=1), get(api.url))
    assert caught.value.reason is StopReason.REQUEST_FAILED
    assert "403 Forbidden (application/json), a rate limit after 2 attempts" in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "reply", "holds"),
    [
        (".status == 420", Reply("", 420), True),
        ('.headers["x-why"] == "slow"', Reply([], headers={"X-Why": "slow"}), True),
        ('.headers["x-why"] == "slow"', Reply([], headers={"X-Why": "fast"}), False),
        (".body == null", Reply(b"<html>busy</html>", headers={"content-type": "text/html"}), True),
        (".body == null", Reply(b"", 204), True),
        (".body == null", Reply([]), False),
        ("[.body[]?.code] | any(. == 7)", Reply([{"code": 7}]), True),
        ("null", Reply([]), False),
        ("def slow: .body.code?; slow == 7", Reply({"code": 7}), True),
    ],
)
def test_the_rule_sees_status_headers_and_body(rule: str, reply: Reply, holds: bool) -> None:  # noqa: FBT001
    with serve(first(reply)) as api:
        fetch(settings(api.url, rate_limit_when=rule), get(api.url))
        assert len(api.received) == (2 if holds else 1)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (".body.code == 7", "rateLimitWhen `.body.code == 7` failed: "),
        (".status", "rateLimitWhen `.status` gave 200; it must give true, false or null"),
    ],
)
def test_a_rule_that_fails_on_an_answer_ends_the_read_and_says_so(rule: str, message: str) -> None:
    with serve(lambda _: Reply(["a"])) as api, pytest.raises(RequestFailedError) as caught:
        fetch(settings(api.url, rate_limit_when=rule), get(f"{api.url}/u"))
    assert caught.value.reason is StopReason.EXPRESSION_FAILED
    assert str(caught.value).startswith(f"GET {api.url}/u: {message}")
    assert len(api.received) == 1


def test_the_rule_is_not_asked_about_what_the_auth_sends() -> None:
    class Login(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            yield httpx.Request("POST", f"{api.url}/token")
            yield request

    with serve(lambda request: Reply("granted" if request.path == "/token" else {"code": 1})) as api:
        fetch(settings(api.url, rate_limit_when=".body.code == 7"), get(f"{api.url}/u"), auth=Login())
    assert api.targets() == ["/token", "/u"]


LONG: list[tuple[str, Reply]] = [
    ("429", Reply("", 429, {"Retry-After": "3600"})),
    ("429 until a date", Reply("", 429, {"Retry-After": "Fri, 15 Jan 2027 09:00:00 GMT"})),
    ("503", Reply("", 503, {"Retry-After": "3600"})),
    ("403", Reply("", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800003600"})),
    ("rateLimitWhen", Reply({"code": 429}, 200, {"Retry-After": "3600"})),
]


@pytest.mark.parametrize("reply", [case[1] for case in LONG], ids=[case[0] for case in LONG])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_long_wait_is_a_matter_of_quota_and_says_until_when(reply: Reply, method: str) -> None:
    clock = FakeClock()
    rule = ".body.code? == 429"
    with serve(lambda _: reply) as api, pytest.raises(QuotaError) as caught:
        fetch(settings(api.url, rate_limit_when=rule), ApiRequest(method, f"{api.url}/u"), clock=clock)
    assert (caught.value.reason, caught.value.until) == (StopReason.QUOTA, clock.now + 3600)
    assert str(caught.value) == (
        f"{method} {api.url}/u: the source wants no requests before 2027-01-15 09:00:00 UTC, which is later than "
        "maxRetryWait allows to wait; run again then"
    )
    assert (len(api.received), clock.sleeps) == (1, [])


def test_the_last_answer_of_a_quota_is_good_and_nothing_is_sent_after_it() -> None:
    clock = FakeClock()
    last = Reply(["last"], headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800003600"})

    async def run(url: str) -> None:
        async with opened(settings(url), clock=clock) as client:
            assert (await client.send(get(url))).content == b'["last"]'
            outcomes = await asyncio.gather(*[client.send(get(url)) for _ in range(20)], return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {QuotaError}
            assert client.suspended_until == clock.now + 3600

    with serve(lambda _: last) as api:
        asyncio.run(run(api.url))
        assert len(api.received) == 1


def test_a_token_endpoint_with_a_long_quota_is_no_question_of_credentials() -> None:
    class Login(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            yield httpx.Request("POST", f"{api.url}/token")
            yield request

    with (
        serve(lambda _: Reply("", 429, {"Retry-After": "3600"})) as api,
        pytest.raises(QuotaError, match="/token: the source wants no requests before 2027-01-15 09:00:00 UTC"),
    ):
        fetch(settings(api.url), get(f"{api.url}/u"), auth=Login())


def test_what_another_server_says_of_its_own_limits_is_not_about_the_source() -> None:
    clock = FakeClock()

    class Login(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            yield httpx.Request("POST", f"{issuer.url}/token")
            yield request

    used_up = Reply("granted", headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"})
    with serve(lambda _: Reply([])) as api, serve(lambda _: used_up) as issuer:
        fetch(settings(api.url), get(f"{api.url}/u"), auth=Login(), clock=clock)
        assert (len(api.received), clock.sleeps) == (1, [])


@pytest.mark.parametrize(("headers", "sleeps"), [({}, [30]), ({"rate_limit_headers": False}, [])])
def test_limits_in_good_answers_can_be_left_unheeded(headers: dict[str, bool], sleeps: list[float]) -> None:
    clock = FakeClock()
    used_up = Reply([], headers={"RateLimit": "limit=100, remaining=0, reset=30"})
    with serve(first(used_up)) as api:
        fetch(settings(api.url, **headers), get(api.url), get(api.url), clock=clock)
    assert clock.sleeps == sleeps


def test_the_little_that_remains_is_spread() -> None:
    clock = FakeClock()
    left = iter(range(4, -1, -1))

    def answer(_: Received) -> Reply:
        remaining = next(left, 99)
        reset = 1_800_000_060 - clock.now
        return Reply([], headers={"RateLimit": f"limit=100, remaining={remaining}, reset={reset}"})

    with serve(answer) as api:
        fetch(settings(api.url), *[get(api.url)] * 6, clock=clock)
    assert clock.sleeps == pytest.approx([12] * 5)


@pytest.mark.parametrize("value", ["-1", "nan", "99999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "1e400"])
def test_an_absurd_wait_is_replaced_by_our_own_and_reported(value: str) -> None:
    clock = FakeClock()

    async def run(url: str) -> list[str]:
        async with opened(settings(url), clock=clock) as client:
            await client.send(get(url))
            return list(client.doubts)

    with serve(first(Reply("", 429, {"Retry-After": value}), times=2)) as api:
        doubts = asyncio.run(run(api.url))
    assert clock.sleeps == pytest.approx([0.1, 0.2])
    assert doubts == [f"retry-after: {value!r} cannot be meant, and is ignored"]
