"""Retries over real sockets; time is the test's own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Generator

import httpx
import pytest

from penstock.http.failures import HttpError, RequestFailedError, UnreadableAnswerError
from penstock.values import StopReason
from support.clock import FakeClock
from support.fetching import fetch, get, opened, post, settings
from support.raw import serve_raw
from support.server import Handler, Received, Reply, serve


def failing(times: int, reply: Reply) -> Handler:
    """Answer so many times with ``reply``, then with success."""
    left = [times]

    def answer(_: Received) -> Reply:
        left[0] -= 1
        return reply if left[0] >= 0 else Reply([])

    return answer


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_passing_failure_is_tried_again_with_growing_waits(status: int) -> None:
    clock = FakeClock()
    with serve(failing(4, Reply("later", status))) as api:
        [response] = fetch(settings(api.url), get(api.url), clock=clock)
    assert response.status == 200
    assert clock.sleeps == pytest.approx([0.1, 0.2, 0.4, 0.8])


def test_after_all_retries_the_error_says_how_often_it_was_tried_and_what_came() -> None:
    clock = FakeClock()
    with serve(lambda _: Reply({"error": "busy"}, 503)) as api, pytest.raises(RequestFailedError) as caught:
        fetch(settings(api.url), get(f"{api.url}/u?page=2"), clock=clock)
    assert len(api.received) == 11
    assert sum(clock.sleeps) == pytest.approx(102.3)
    assert caught.value.reason is StopReason.REQUEST_FAILED
    assert (caught.value.status, caught.value.attempts) == (503, 11)
    assert str(caught.value) == (
        f'GET {api.url}/u?page=2: 503 Service Unavailable (application/json) after 11 attempts: {{"error": "busy"}}'
    )


@pytest.mark.parametrize("status", [500, 520, 522, 524])
def test_a_doubtful_failure_is_tried_three_times(status: int) -> None:
    with serve(lambda _: Reply("oops", status)) as api, pytest.raises(RequestFailedError, match="after 3 attempts"):
        fetch(settings(api.url), get(api.url))
    assert len(api.received) == 3


@pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 404, 409, 410, 422, 501])
def test_other_failures_are_final(status: int) -> None:
    with serve(lambda _: Reply(b"", status)) as api, pytest.raises(HttpError, match=f": {status} ") as caught:
        fetch(settings(api.url), get(api.url))
    assert len(api.received) == 1
    assert "attempts" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "Fri, 15 Jan 2027 08:02:00 GMT"}, 120),
        ({"X-RateLimit-Reset": "1800000033"}, 33),
        ({"RateLimit-Reset": "44"}, 44),
    ],
)
def test_the_wait_a_server_asks_for_is_kept_exactly(headers: dict[str, str], wait: float) -> None:
    clock = FakeClock()
    with serve(failing(1, Reply("slow down", 429, headers))) as api:
        fetch(settings(api.url), get(api.url), clock=clock)
    assert clock.sleeps == [wait]


def test_all_waits_that_a_server_asks_for_in_the_course_of_a_request_have_a_limit() -> None:
    clock = FakeClock()
    with (
        serve(lambda _: Reply("later", 429, {"Retry-After": "600"})) as api,
        pytest.raises(RequestFailedError, match="the server asks to wait 600 s, and maxRetryWait allows 900 s in all"),
    ):
        fetch(settings(api.url), get(api.url), clock=clock)
    assert (len(api.received), clock.sleeps) == (2, [600])


def test_a_post_is_repeated_only_when_the_server_put_it_off() -> None:
    with serve(failing(2, Reply("later", 429, {"Retry-After": "1"}))) as api:
        fetch(settings(api.url), post(api.url, {"q": 1}))
        assert [request.body for request in api.received] == [b'{"q":1}'] * 3
    with serve(failing(1, Reply("broken", 503))) as api, pytest.raises(RequestFailedError):
        fetch(settings(api.url), post(api.url, {"q": 1}))
    with serve(failing(1, Reply("broken", 503))) as api:
        fetch(settings(api.url), post(api.url, {"q": 1}, retry_safe=True))
        assert len(api.received) == 2
    with serve(failing(1, Reply("later", 503, {"Retry-After": "1"}))) as api, pytest.raises(RequestFailedError):
        fetch(settings(api.url, retry_post=False), post(api.url, {"q": 1}))


def test_every_attempt_is_signed_anew() -> None:
    class Counting(httpx.Auth):
        count = 0

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            self.count += 1
            assert "Authorization" not in request.headers
            request.headers["Authorization"] = f"Signature {self.count}"
            yield request

    with serve(failing(2, Reply("later", 503))) as api:
        fetch(settings(api.url), get(api.url), auth=Counting())
    assert [request.headers["Authorization"] for request in api.received] == [
        "Signature 1",
        "Signature 2",
        "Signature 3",
    ]


def test_an_errand_of_the_auth_is_retried_like_any_request() -> None:
    class Login(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            errand = httpx.Request("POST", f"{api.url}/token", extensions={"retry_safe": True})
            answer = yield errand
            request.headers["Authorization"] = answer.text
            yield request

    with serve(failing(2, Reply("later", 503))) as api:
        fetch(settings(api.url), get(f"{api.url}/u"), auth=Login())
    assert api.targets() == ["/token", "/token", "/token", "/u"]


def run_together(url: str, clock: FakeClock, count: int, **options: int) -> int:
    """Send requests at the same time; return how many HTTP requests that took."""

    async def run() -> int:
        async with opened(settings(url, **options), clock=clock) as client:
            await asyncio.gather(*[client.send(get(f"{url}/{number}")) for number in range(count)])
            return client.requests

    return asyncio.run(run())


def test_a_wait_holds_back_all_requests_of_the_connection() -> None:
    clock = FakeClock()
    moments: list[float] = []
    first_answer = failing(1, Reply("slow down", 429, {"Retry-After": "30"}))

    def answer(request: Received) -> Reply:
        moments.append(clock.now)
        return first_answer(request)

    with serve(answer) as api:
        sent = run_together(api.url, clock, 5, max_concurrent_requests=1)
    assert sent == 6
    start = moments[0]
    assert [moment - start for moment in moments] == [0, 30, 30, 30, 30, 30]


def test_a_used_up_rate_limit_is_respected_before_the_server_refuses() -> None:
    clock = FakeClock()
    used_up = Reply([], headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(clock.now) + 20)})
    with serve(failing(1, used_up)) as api:
        fetch(settings(api.url), get(api.url), get(api.url), clock=clock)
    assert len(api.received) == 2
    assert clock.sleeps == [20]


def test_retries_and_redirects_are_counted_as_requests() -> None:
    def answer(request: Received) -> Reply:
        replies = [Reply("later", 503), Reply("", 302, {"Location": "/there"}), Reply([])]
        return replies[len(api.received) - 1] if request.path else Reply([])

    with serve(answer) as api:
        assert run_together(api.url, FakeClock(), 1) == 3


def hang_up(_: bytes, __: socket.socket) -> None:
    return


def reset(_: bytes, connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (hang_up, RequestFailedError, "the server closed the connection without an answer"),
        (reset, RequestFailedError, "the connection broke"),
        (b"HELLO\r\n\r\n", RequestFailedError, "the answer is not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[1, 2", UnreadableAnswerError, "the answer was cut off"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2\r\n",
            UnreadableAnswerError,
            "the answer was cut off",
        ),
    ],
)
def test_a_broken_answer_is_tried_again_and_then_named(
    answer: bytes | Callable[[bytes, socket.socket], None], kind: type[Exception], message: str
) -> None:
    clock = FakeClock()
    with serve_raw(answer) as server, pytest.raises(kind, match=f"{message}.* after 3 attempts"):
        fetch(settings(server.url), get(server.url), clock=clock)
    assert len(server.received) == 3
    assert clock.sleeps == pytest.approx([0.1, 0.2])


def test_where_the_server_has_answered_before_silence_is_retried_to_the_end() -> None:
    count = [0]

    def answer(_: bytes, connection: socket.socket) -> None:
        count[0] += 1
        if count[0] in {1, 8}:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")

    with serve_raw(answer) as server:
        responses = fetch(settings(server.url), get(server.url), get(server.url))
    assert [response.status for response in responses] == [200, 200]
    assert len(server.received) == 8


def test_an_unreachable_host_is_named_after_three_attempts() -> None:
    with serve(lambda _: Reply([])) as gone:
        url = gone.url
    with pytest.raises(RequestFailedError) as caught:
        fetch(settings(url), get(f"{url}/u"))
    place = url.removeprefix("http://")
    assert str(caught.value).startswith(f"GET {url}/u: cannot connect to {place}: ")
    assert str(caught.value).endswith(" after 3 attempts")


def test_an_unknown_host_name_is_named() -> None:
    with pytest.raises(RequestFailedError, match=r'host name "nowhere\.invalid" cannot be resolved after 3 attempts'):
        fetch(settings("http://nowhere.invalid"), get("http://nowhere.invalid/u"))


def test_a_timeout_covers_the_whole_answer_and_is_named() -> None:
    def drip(_: bytes, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not stop.wait(0.01):
            connection.sendall(b" ")

    stop = threading.Event()
    with (
        serve_raw(drip) as server,
        pytest.raises(RequestFailedError, match=r"no whole answer within 0.2 s \(timeout\) after 2 attempts"),
    ):
        fetch(settings(server.url, timeout=0.2, max_retries=1), get(server.url))
    stop.set()
    assert len(server.received) == 2
