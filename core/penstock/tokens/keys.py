"""The keys of an encrypted store: as somebody writes them, and in use."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

HOW_TO_MAKE: Final = "make one with `openssl rand -base64 32`"
_BYTES: Final = 32
_URL_SAFE: Final = str.maketrans("-_", "+/")
_STANDARD: Final = str.maketrans("+/", "-_")


def parse_keys(text: str) -> tuple[str, ...]:
    """Return the keys in a text: 32 bytes each in base64 of either alphabet, several with blanks between them.

    Raises:
        ValueError: It holds none, or something that is no key; the text is not repeated.
    """
    keys = tuple(text.split())
    for key in keys:
        if not _is_key(key):
            message = f"expected a key, 32 bytes in base64 ({HOW_TO_MAKE}), or several with blanks between them"
            raise ValueError(message)
    if not keys:
        message = f"expected a key, 32 bytes in base64 ({HOW_TO_MAKE})"
        raise ValueError(message)
    return tuple(key.translate(_STANDARD) for key in keys)


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text.translate(_URL_SAFE), validate=True)) == _BYTES
    except (binascii.Error, ValueError):
        return False


class Seal:
    """Encrypts with the first key, and opens what any of them has encrypted, so that a key can be replaced.

    Fernet (https://github.com/fernet/spec): AES-128 in CBC mode with HMAC-SHA256, so that a change is noticed.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - most stores are not encrypted

        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def close(self, content: bytes) -> str:
        """Return the content, encrypted."""
        return self._fernet.encrypt(content).decode()

    def open(self, sealed: str) -> bytes | None:
        """Return the content; None when it was encrypted with another key, or changed since."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as above

        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            return None
