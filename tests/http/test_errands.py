"""What an auth sends on its own account."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import httpx
import pytest

from penstock.errors import AuthError
from penstock.http.wire import Wire
from support.clock import FakeClock
from support.fetching import context_of, settings
from support.server import Received, Reply, routes, serve


class _Stamp(httpx.Auth):
    """Numbers what it signs, as an assertion that may be used once has a number."""

    def __init__(self) -> None:
        self.signed = 0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self.signed += 1
        request.headers["X-Stamp"] = str(self.signed)
        body = request.content + f"&stamp={self.signed}".encode()
        response = yield httpx.Request(
            request.method,
            request.url,
            headers={"X-Stamp": str(self.signed)},
            content=body,
            extensions=request.extensions,
        )
        if response.status_code == 401:
            request.headers["X-Stamp"] = "refused"
            yield request


def _send(request: httpx.Request, auth: httpx.Auth, clock: FakeClock | None = None) -> httpx.Response:
    async def run() -> httpx.Response:
        connection = settings("https://api.test")
        async with Wire(connection, clock or FakeClock()) as wire:
            return await context_of(connection, wire=wire).send(request, auth=auth)

    return asyncio.run(run())


def _post(url: str) -> httpx.Request:
    return httpx.Request("POST", url, content=b"a=1", extensions={"retry_safe": True})


def test_every_attempt_at_a_signed_request_is_signed_anew() -> None:
    replies = [Reply("busy", 503), Reply("busy", 503), Reply("done")]
    clock = FakeClock()

    with serve(lambda _: replies[len(api.received) - 1]) as api:
        answer = _send(_post(f"{api.url}/token"), _Stamp(), clock)

    assert answer.json() == "done"
    assert [request.headers["X-Stamp"] for request in api.received] == ["1", "2", "3"]
    assert [request.body for request in api.received] == [b"a=1&stamp=1", b"a=1&stamp=2", b"a=1&stamp=3"]
    assert clock.sleeps == [0.1, 0.2]


def test_an_auth_sees_the_answer_and_may_send_the_request_once_more() -> None:
    def answer(request: Received) -> Reply:
        return Reply(request.headers["X-Stamp"], 200 if request.headers["X-Stamp"] == "refused" else 401)

    with serve(answer) as api:
        assert _send(_post(f"{api.url}/token"), _Stamp()).json() == "refused"


def test_attempts_at_a_signed_request_are_as_many_as_at_any_other() -> None:
    with serve(lambda _: Reply("busy", 503)) as api:
        answer = _send(_post(f"{api.url}/token"), _Stamp())

    assert answer.status_code == 503
    assert len(api.received) == 11


def test_what_an_auth_sends_elsewhere_first_is_retried_by_itself() -> None:
    class Login(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            ticket = yield httpx.Request("GET", f"{api.url}/ticket")
            request.headers["X-Ticket"] = ticket.text
            yield request

    tickets = [Reply("busy", 503), Reply("1")]

    def ticket(request: Received) -> Reply:
        del request
        return tickets.pop(0)

    with serve(routes({"/ticket": ticket, "/token": {}})) as api:
        _send(_post(f"{api.url}/token"), Login())

    assert api.targets() == ["/ticket", "/ticket", "/token"]
    assert api.received[-1].headers["X-Ticket"] == '"1"'


def test_a_signed_request_that_nobody_answers_ends_with_what_was_tried() -> None:
    with serve(lambda _: Reply()) as api:
        url = api.url

    with pytest.raises(AuthError, match=r"^POST http://127\.0\.0\.1:\d+/token: .* after 3 attempts$"):
        _send(_post(f"{url}/token"), _Stamp())


def test_what_must_not_be_given_up_halfway_ends_before_the_connection_is_closed() -> None:
    done: list[object] = []

    async def run() -> None:
        connection = settings(api.url)
        async with Wire(connection, FakeClock()) as wire:
            context = context_of(connection, wire=wire)

            async def work() -> None:
                for number in range(3):
                    answer = await context.send(httpx.Request("GET", f"{api.url}/{number}"))
                    done.append(answer.json())

            caller = asyncio.create_task(context.to_the_end(work()))
            await asyncio.sleep(0)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller

    with serve(lambda request: Reply(request.path)) as api:
        asyncio.run(run())
    assert done == ["/0", "/1", "/2"]


def test_work_to_the_end_gives_its_result_and_its_error_to_who_waits() -> None:
    async def run() -> int:
        connection = settings("https://api.test")
        async with Wire(connection, FakeClock()) as wire:
            context = context_of(connection, wire=wire)

            async def result() -> int:
                return 7

            async def error() -> int:
                message = "no"
                raise AuthError(message)

            with pytest.raises(AuthError, match="no"):
                await context.to_the_end(error())
            return await context.to_the_end(result())

    assert asyncio.run(run()) == 7
