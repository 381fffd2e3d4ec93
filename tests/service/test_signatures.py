"""A request for a sync is obeyed if it was signed with the secret, lately, and comes for the first time."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from penstock.service.signatures import WINDOW, Signatures, signature

SECRET = SecretStr("correct horse battery staple")
NOW = 1_800_000_000.0
BEGAN = NOW - 3600
BODY = b'{"source": "hr"}'


def _headers(timestamp: str = "1800000000", body: bytes = BODY, *, prefix: str = "x-penstock") -> dict[str, str]:
    return {f"{prefix}-timestamp": timestamp, f"{prefix}-signature": signature(SECRET, timestamp, body)}


def test_the_signature_is_that_of_ports_webhooks() -> None:
    """printf '1800000000.{}' | openssl dgst -sha256 -hmac 'correct horse battery staple' -binary | base64"""
    assert signature(SECRET, "1800000000", b"{}") == "v1,XcmYcHCTz4YgTny5IFwVfYwmwOXyZwQPcrmgK6N5yvA="


@pytest.mark.parametrize("prefix", ["x-penstock", "x-port"])
def test_a_signed_request_is_accepted_once(prefix: str) -> None:
    signatures = Signatures(SECRET, BEGAN)
    headers = _headers(prefix=prefix)

    assert signatures.refusal(headers, BODY, NOW) is None
    assert signatures.refusal(headers, BODY, NOW + 1) == "it came before"


def test_the_same_wish_can_be_signed_anew() -> None:
    signatures = Signatures(SECRET, BEGAN)

    assert signatures.refusal(_headers("1800000000"), BODY, NOW) is None
    assert signatures.refusal(_headers("1800000001"), BODY, NOW) is None


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, BODY, "it is not signed"),
        ({"x-penstock-signature": "v1,x"}, BODY, "it is not signed"),
        ({"x-penstock-signature": "v1,é", "x-penstock-timestamp": "1800000000"}, BODY, "its signature is wrong"),
        (_headers(), BODY + b" ", "its signature is wrong"),
        (_headers() | {"x-penstock-timestamp": "1800000001"}, BODY, "its signature is wrong"),
        (_headers("soon"), BODY, "its timestamp is not seconds"),
        (_headers("-1"), BODY, "its timestamp is not seconds"),
        (_headers("9" * 400), BODY, "its timestamp is not seconds"),
        (_headers(str(int(NOW - WINDOW - 1))), BODY, "its timestamp is more than 300 seconds off"),
        (_headers(str(int(NOW + WINDOW + 1))), BODY, "its timestamp is more than 300 seconds off"),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], body: bytes, why: str) -> None:
    assert (Signatures(SECRET, BEGAN).refusal(headers, body, NOW) or "").startswith(why)


def test_a_request_cannot_be_played_back_while_its_timestamp_is_good() -> None:
    """Requests in between do not make the first one forgotten."""
    signatures = Signatures(SECRET, BEGAN)
    early = _headers(str(int(NOW)))
    assert signatures.refusal(early, BODY, NOW - WINDOW) is None

    for step in range(int(-WINDOW), int(WINDOW), 30):
        other = f"{step}".encode()
        assert signatures.refusal(_headers(str(int(NOW) + step), other), other, NOW + step) is None
        assert signatures.refusal(early, BODY, NOW + step) == "it came before"
    assert signatures.refusal(early, BODY, NOW + WINDOW) == "it came before"


def test_what_was_signed_before_the_service_began_may_have_been_obeyed_then() -> None:
    why = "it was signed before the service began, and may have been obeyed then: sign it anew"

    assert Signatures(SECRET, NOW + 0.9).refusal(_headers(), BODY, NOW + 1) is None  # timestamps are whole seconds
    for later in (2, 200):
        assert Signatures(SECRET, NOW + later).refusal(_headers(), BODY, NOW + later + 1) == why
