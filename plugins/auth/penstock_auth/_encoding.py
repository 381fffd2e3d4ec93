"""Bytes written as text: secrets read, hashes shown."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Literal, TypeAlias

from pydantic import SecretStr

SecretEncoding: TypeAlias = Literal["text", "hex", "base64"]

HashEncoding: TypeAlias = Literal["hex", "base64", "base64url"]


def written(content: bytes, encoding: HashEncoding) -> str:
    """Return a hash as text; base64url goes without padding, as JOSE writes it (RFC 7515 section 2)."""
    match encoding:
        case "hex":
            return content.hex()
        case "base64":
            return b64encode(content).decode()
        case "base64url":
            return urlsafe_b64encode(content).decode().rstrip("=")


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
