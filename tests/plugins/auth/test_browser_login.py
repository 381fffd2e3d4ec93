"""The browser's part of a login: what is asked for, and which answers are believed."""

from __future__ import annotations

import asyncio
import socket
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import cast
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from penstock.errors import AuthError, CredentialsRefusedError
from penstock_auth._browser_login import Code, CodeRequest, ask_for_code
from support.visiting import Visitor, leave

ISSUER = "https://id.test"
REQUEST = CodeRequest(f"{ISSUER}/authorize?tenant=7", "penstock", [("scope", "read write")], ISSUER)
Params = dict[str, str]


def _asked(url: str) -> Params:
    return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}


def _comes_back_with(*answers: str | Callable[[Params], str]) -> Callable[[str], list[httpx.Response]]:
    """Return a browser that goes straight back, once with each of these queries."""

    def browse(url: str) -> list[httpx.Response]:
        asked = _asked(url)
        queries = [answer if isinstance(answer, str) else answer(asked) for answer in answers]
        with httpx.Client(trust_env=False) as client:
            return [client.get(f"{asked['redirect_uri']}?{query}") for query in queries]

    return browse


def _answer(**parameters: str) -> Callable[[Params], str]:
    return lambda asked: urlencode({"state": asked["state"], **parameters})


def _log_in(visitor: Visitor, request: CodeRequest = REQUEST, *, patience: float = 30) -> Code:
    try:
        return asyncio.run(ask_for_code(request, visitor, patience=patience))
    finally:
        visitor.wait()


def _pages(visitor: Visitor) -> list[httpx.Response]:
    [pages] = visitor.pages
    return cast("list[httpx.Response]", pages)


def test_the_authorization_request_is_one_of_pkce_with_a_loopback_redirect() -> None:
    visitor = Visitor(_comes_back_with(_answer(code="c0de", iss=ISSUER)))
    code = _log_in(visitor)

    [url] = visitor.visited
    asked = _asked(url)
    challenge = urlsafe_b64encode(sha256(code.verifier.encode()).digest()).decode().rstrip("=")
    assert url.startswith("https://id.test/authorize?tenant=7&")
    assert code.parameters() == {
        "code": "c0de",
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": code.verifier,
    }
    assert 43 <= len(code.verifier) <= 128
    assert len(asked.pop("state")) >= 43
    assert urlsplit(asked.pop("redirect_uri")).hostname == "127.0.0.1"
    assert asked == {
        "tenant": "7",
        "response_type": "code",
        "client_id": "penstock",
        "scope": "read write",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    [page] = _pages(visitor)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "You may close this window." in page.text
    assert "c0de" not in repr(code)
    assert code.verifier not in repr(code)


def test_no_two_logins_share_state_or_verifier() -> None:
    visitor = Visitor(_comes_back_with(_answer(code="c0de")))

    assert _log_in(visitor).verifier != _log_in(visitor).verifier
    first, second = map(_asked, visitor.visited)
    assert first["state"] != second["state"]


@pytest.mark.parametrize("query", ["code=forged", "code=forged&state=", "code=forged&state=x", "error=x&state=y", ""])
def test_an_answer_without_the_state_is_ignored_and_the_login_goes_on(query: str) -> None:
    visitor = Visitor(_comes_back_with(query, _answer(code="c0de")))

    assert _log_in(visitor).code == "c0de"
    assert [page.status_code for page in _pages(visitor)] == [400, 200]
    assert visitor.told == ["somebody came back from another login; it is ignored, and this one goes on"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"code": "c0de", "iss": "https://evil.test"}, "the answer is that of https://evil.test, not of the issuer"),
        ({"error": "access_denied", "iss": "https://evil.test"}, "the answer is that of https://evil.test, not of the"),
        ({"code": "c0de"}, "the answer does not say whose it is, as its server promised (RFC 9207)"),
        ({"iss": ISSUER}, "the answer holds no code; it has iss, state"),
        ({"iss": ISSUER, "code": ""}, "the answer holds no code; it has code, iss, state"),
    ],
)
def test_an_answer_that_cannot_be_believed_ends_the_login(answer: Params, message: str) -> None:
    visitor = Visitor(_comes_back_with(_answer(**answer)))

    with pytest.raises(AuthError) as caught:
        _log_in(visitor, replace(REQUEST, names_issuer=True))
    assert str(caught.value).startswith(f"https://id.test/authorize: {message}")
    [page] = _pages(visitor)
    assert "Not logged in" in page.text
    assert "c0de" not in page.text + str(caught.value)


def test_a_parameter_that_comes_twice_ends_the_login() -> None:
    visitor = Visitor(_comes_back_with(lambda asked: urlencode({"state": asked["state"], "code": "a"}) + "&code=b"))

    with pytest.raises(AuthError, match=r"the answer says code more than once \(RFC 6749 section 3\.1\)"):
        _log_in(visitor)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            {"error": "access_denied", "error_description": "<b>Ada</b> said no"},
            "https://id.test/authorize: access_denied: <b>Ada</b> said no",
        ),
        ({"error": "server_error", "iss": f"{ISSUER}/"}, "https://id.test/authorize: server_error"),
    ],
)
def test_a_refusal_is_quoted_in_the_terminal_and_escaped_on_the_page(answer: Params, message: str) -> None:
    visitor = Visitor(_comes_back_with(_answer(**answer)))

    with pytest.raises(CredentialsRefusedError) as caught:
        _log_in(visitor)
    assert str(caught.value) == message
    [page] = _pages(visitor)
    assert "<b>" not in page.text


def test_whoever_does_not_come_back_is_waited_for_no_longer_than_said() -> None:
    with pytest.raises(AuthError, match=r"^nobody came back from https://id\.test/authorize within 0\.05 s$"):
        _log_in(Visitor(leave), patience=0.05)


def test_other_requests_get_nothing_and_change_nothing() -> None:
    def browse(url: str) -> list[int]:
        asked = _asked(url)
        place = urlsplit(asked["redirect_uri"])
        with socket.create_connection((place.hostname, place.port)):  # a connection that a browser never uses
            with socket.create_connection((place.hostname, place.port)) as garbage:
                garbage.sendall(b"\x00" * 100_000)
            with httpx.Client(trust_env=False) as client:
                base = f"http://{place.netloc}"
                answers = [
                    client.get(f"{base}/favicon.ico"),
                    client.post(asked["redirect_uri"], params={"state": asked["state"], "code": "x"}),
                    client.get(f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'code': 'c0de'})}"),
                ]
            return [answer.status_code for answer in answers]

    visitor = Visitor(browse)
    assert _log_in(visitor).code == "c0de"
    assert visitor.pages == [[404, 404, 200]]


def test_a_configured_port_is_listened_on_and_one_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AuthError) as caught:
            _log_in(Visitor(leave), replace(REQUEST, port=port))
    assert str(caught.value).startswith(f"the port {port} of 127.0.0.1 cannot be listened on: ")
    assert str(caught.value).endswith("; set another redirectPort")
    visitor = Visitor(_comes_back_with(_answer(code="c0de")))

    assert _log_in(visitor, replace(REQUEST, port=port)).redirect_uri == f"http://127.0.0.1:{port}/callback"


def test_a_cancelled_login_leaves_nobody_listening() -> None:
    visitor = Visitor()

    async def run() -> None:
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        visitor.open = lambda _: loop.call_soon_threadsafe(came.set)
        login = asyncio.create_task(ask_for_code(REQUEST, visitor))
        await came.wait()
        login.cancel()
        await asyncio.gather(login, return_exceptions=True)

    asyncio.run(run())
    visitor.wait()
    place = urlsplit(_asked(visitor.visited[0])["redirect_uri"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((place.hostname, place.port)).close()
