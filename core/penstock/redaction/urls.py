"""URLs as anybody may see them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote_plus

from penstock.redaction.names import looks_secret

MASK: Final = "***"
_USER_INFO: Final = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:)?//[^/?#]*@")
_MASKED: Final = re.compile(r"\*\*\*[:;,.)\]]*")
"""A value that was masked before, with what a sentence puts behind a URL: messages may be redacted twice."""


def mask_url(url: str, *, also: Collection[str] = ()) -> str:
    """Return the URL with ``***`` for its user-info and for the values of parameters that look secret.

    Takes any text, never raises, and keeps nothing of what it masks.

    Args:
        url: Absolute or relative.
        also: Names of further parameters to mask.
    """
    front, hash_mark, fragment = url.partition("#")
    path, question_mark, query = front.partition("?")
    path = _USER_INFO.sub(lambda match: f"{match[1] or ''}//{MASK}@", path)
    return path + question_mark + _mask_pairs(query, also) + hash_mark + _mask_pairs(fragment, also)


def mask_base_url(url: str) -> str:
    """Return the URL with its user-info and its whole query masked: whatever a base URL carries is for the API only."""
    path, question_mark, _ = url.partition("?")
    return mask_url(path) + (f"?{MASK}" if question_mark else "")


def _mask_pairs(query: str, also: Collection[str]) -> str:
    if "=" not in query:
        return query
    return "&".join(_mask_pair(pair, also) for pair in query.split("&"))


def _mask_pair(pair: str, also: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    plain = unquote_plus(name)
    if not equals or not value or not (plain in also or looks_secret(plain)) or _MASKED.fullmatch(value):
        return pair
    return f"{name}={MASK}"
