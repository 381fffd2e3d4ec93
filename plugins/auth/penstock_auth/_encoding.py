"""Secrets that are bytes, written as text."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64decode
from typing import Literal, TypeAlias

from pydantic import SecretStr

SecretEncoding: TypeAlias = Literal["text", "hex", "base64"]


def secret_bytes(secret: SecretStr, encoding: SecretEncoding) -> bytes:
    """Return the bytes that a secret stands for; base64 in either alphabet, padded or not.

    Raises:
        ValueError: It is not written so.
    """
    text = secret.get_secret_value()
    if encoding == "text":
        return text.encode()
    try:
        if encoding == "hex":
            return bytes.fromhex(text)
        padded = text.strip() + "=" * (-len(text.strip()) % 4)
        return urlsafe_b64decode(padded) if {"-", "_"} & set(padded) else b64decode(padded, validate=True)
    except ValueError:
        message = f"is not written in {encoding}"
        raise ValueError(message) from None
