"""Which parameters, headers and members hold secrets, by their names."""

from __future__ import annotations

import re
from typing import Final

_SECRET_WORDS: Final = frozenset(
    {"auth", "authorization", "code", "jwt", "key", "otp", "pass", "passwd", "pin", "pwd", "session", "sid", "sig"}
)
_SECRET_ENDINGS: Final = (
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "signature",
    "credential",
    "credentials",
)
PUBLIC_NAMES: Final = frozenset(
    {"accept", "accept-encoding", "content-type", "user-agent", "grant_type", "token_type", "token_uri"}
)
"""Of headers and members whose values are words of a standard: messages need them."""
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")


def looks_secret(name: str) -> bool:
    """Whether a parameter or header of this name probably holds a secret."""
    words = _NO_WORD.split(_HUMP.sub("_", name).lower())
    return any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words)
