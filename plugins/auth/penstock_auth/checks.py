"""What can be sent in a header, checked before the first request; no message shows the value."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def without_control(text: str) -> str:
    """Return the text, which has no line break and no other control character.

    Raises:
        ValueError: It has one.
    """
    if "\n" in text or "\r" in text:
        message = "must not contain a line break (a secret read from a file often ends in one)"
        raise ValueError(message)
    if _CONTROL.search(text):
        message = "must not contain control characters"
        raise ValueError(message)
    return text


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        message = "expected text that is not empty"
        raise ValueError(message)
    return secret


def _one_line(secret: SecretStr) -> SecretStr:
    without_control(secret.get_secret_value())
    return secret


def check_ascii(text: str) -> None:
    """Refuse what servers read differently: RFC 9110 section 5.5 leaves other characters in headers to each of them.

    Raises:
        ValueError: There is a character outside ASCII.
    """
    if not text.isascii():
        message = "must contain ASCII characters only: it is sent in a header"
        raise ValueError(message)


def _ascii(secret: SecretStr) -> SecretStr:
    check_ascii(secret.get_secret_value())
    return secret


def _header_name(name: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        message = "expected the name of a header: letters, digits and hyphens"
        raise ValueError(message)
    return name


Secret = Annotated[SecretStr, AfterValidator(_not_empty), AfterValidator(_one_line)]
"""A secret that is not empty and has no line break."""
HeaderSecret = Annotated[Secret, AfterValidator(_ascii)]
"""A secret that can be the value of a header."""
HeaderName = Annotated[str, AfterValidator(_header_name)]
"""A header's name, as RFC 9110 section 5.1 allows it."""


def masked(text: str) -> str:
    """Return what stands for a text that may be a secret where settings are written down."""
    return "**********" if text else ""
