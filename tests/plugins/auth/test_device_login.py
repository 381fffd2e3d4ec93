"""The device's part of a login: what is shown, how often is asked, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from penstock.errors import AuthError, CredentialsRefusedError
from penstock.http.wire import Wire
from penstock_auth._answers import read_token_answer
from penstock_auth._device_login import ask_device
from support.clock import FakeClock
from support.fetching import context_of, settings
from support.server import Received, Reply, serve
from support.visiting import Visitor, leave

ANNOUNCED = {
    "device_code": "d3vice",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://id.test/device",
    "verification_uri_complete": "https://id.test/device?user_code=WDJB-MJHT",
    "expires_in": 1800,
    "interval": 5,
}
PENDING, SLOWER = Reply({"error": "authorization_pending"}, 400), Reply({"error": "slow_down"}, 400)
GRANTED = Reply({"access_token": "t0ken"})


def _log_in(visitor: Visitor, announced: object, *answers: Reply) -> tuple[dict[str, Any], list[float]]:
    """Return what the token endpoint said at last, and the seconds between the questions."""
    waiting, clock = list(answers), FakeClock()

    def handle(request: Received) -> Reply:
        if request.path == "/device":
            return announced if isinstance(announced, Reply) else Reply(announced)
        assert request.body == b"d3vice"
        return waiting.pop(0)

    async def run(url: str) -> dict[str, Any]:
        connection = settings(url)
        async with Wire(connection, clock) as wire:
            context = context_of(connection, wire=wire)

            async def post(path: str, body: str) -> httpx.Response:
                return await context.send(httpx.Request("POST", f"{url}{path}", content=body))

            response = await ask_device(
                lambda: post("/device", ""), lambda code: post("/token", code), context, visitor, sleep=clock.sleep
            )
            return dict(read_token_answer(response))

    with serve(handle) as server:
        answer = asyncio.run(run(server.url))
    assert waiting == []
    return answer, clock.sleeps


def test_the_code_is_shown_and_the_complete_link_opened() -> None:
    visitor = Visitor(leave)

    assert _log_in(visitor, ANNOUNCED, GRANTED)[0] == {"access_token": "t0ken"}
    assert visitor.told == ["the code to enter, or to compare, is WDJB-MJHT"]
    assert visitor.visited == ["https://id.test/device?user_code=WDJB-MJHT"]


def test_without_a_complete_link_the_plain_one_is_opened() -> None:
    visitor = Visitor(leave)
    announced = {name: value for name, value in ANNOUNCED.items() if name != "verification_uri_complete"}

    _log_in(visitor, announced, GRANTED)
    assert visitor.visited == ["https://id.test/device"]


@pytest.mark.parametrize(
    ("interval", "answers", "seconds"),
    [
        ({"interval": 2}, (PENDING, PENDING, GRANTED), [2, 2, 2]),
        ({"interval": 2}, (PENDING, SLOWER, PENDING, SLOWER, GRANTED), [2, 2, 7, 7, 12]),
        ({"interval": "3"}, (GRANTED,), [3]),
        ({"interval": 0}, (GRANTED,), [0]),
        ({}, (GRANTED,), [5]),
        ({"interval": None}, (GRANTED,), [5]),
        ({"interval": -1}, (GRANTED,), [5]),
        ({"interval": "soon"}, (GRANTED,), [5]),
        ({"interval": 1}, (Reply({"error": "authorization_pending"}), GRANTED), [1, 1]),
    ],
)
def test_the_server_says_how_often_it_is_asked(
    interval: dict[str, object], answers: Sequence[Reply], seconds: list[float]
) -> None:
    announced = {name: value for name, value in ANNOUNCED.items() if name != "interval"} | interval

    assert _log_in(Visitor(leave), announced, *answers)[1] == seconds


def test_the_code_is_asked_about_no_longer_than_it_lives() -> None:
    with pytest.raises(AuthError, match=r"^nobody approved the code in time; log in again for a new one$"):
        _log_in(Visitor(leave), ANNOUNCED | {"expires_in": 16}, PENDING, PENDING, PENDING)


def test_a_code_that_the_server_let_expire_is_said_so() -> None:
    with pytest.raises(AuthError, match="nobody approved the code in time"):
        _log_in(Visitor(leave), ANNOUNCED, PENDING, Reply({"error": "expired_token"}, 400))


def test_a_refusal_ends_it_at_once() -> None:
    refusal = Reply({"error": "access_denied", "error_description": "Ada said no"}, 400)

    with pytest.raises(CredentialsRefusedError, match=r"/token: 400 Bad Request .*: access_denied: Ada said no$"):
        _log_in(Visitor(leave), ANNOUNCED, PENDING, refusal)


@pytest.mark.parametrize(
    ("announced", "message"),
    [
        (Reply({"error": "invalid_client"}, 401), "401 Unauthorized .*: invalid_client$"),
        (
            Reply(b"<html>", 200, {"Content-Type": "text/html"}),
            r"200 OK \(text/html\): expected a JSON object",
        ),
        ({"user_code": "x"}, "there is no text at device_code; the answer has user_code$"),
        (ANNOUNCED | {"user_code": 7}, "there is no text at user_code; the answer has device_code, expires_in"),
        (ANNOUNCED | {"verification_uri": None}, "there is no text at verification_uri;"),
        (ANNOUNCED | {"verification_uri": "file:///x"}, "verification_uri is no http or https URL$"),
        (ANNOUNCED | {"verification_uri_complete": "javascript:x"}, "verification_uri_complete is no http or https"),
    ],
)
def test_an_announcement_that_leads_nowhere_is_explained(announced: object, message: str) -> None:
    with pytest.raises(AuthError, match=rf"^POST http://127\.0\.0\.1:\d+/device: .*{message}"):
        _log_in(Visitor(leave), announced)
