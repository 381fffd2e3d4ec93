from __future__ import annotations

import pytest
from pydantic import ValidationError

from penstock_nonce_hmac import NonceHmacConfig, signature
from penstock_nonce_hmac.conformance import NonceHmacCase


class TestNonceHmac(NonceHmacCase):
    """Everything that an auth must do."""


def test_a_signature_is_the_one_the_api_expects() -> None:
    made = signature(b"0123456789abcdef", "n-1", "1", "GET", b"/users?a=1", b"")

    assert made == "2781974d516c94023424f1e4ac8f8fc712a7e78b25769ee98f8b47f619e9607d"


@pytest.mark.parametrize("position", range(5))
def test_a_signature_covers_every_part(position: int) -> None:
    parts = ["n-1", "1", "GET", "/users", "{}"]
    other = [*parts[:position], "other", *parts[position + 1 :]]

    assert _signed(parts) != _signed(other)


def _signed(parts: list[str]) -> str:
    nonce, count, method, target, body = parts
    return signature(b"0123456789abcdef", nonce, count, method, target.encode(), body.encode())


def test_a_short_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError, match="nonceHmacSecret") as raised:
        NonceHmacConfig.model_validate({"nonceHmacKeyId": "reader", "nonceHmacSecret": "short-one"})

    assert "short-one" not in str(raised.value)
