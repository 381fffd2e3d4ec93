"""Secrets that nobody has told us of, but that show by their shape what they are (sync.md section 11)."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from penstock.redaction.urls import MASK

_MARKS: Final = (
    "PRIVATE KEY",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "xox",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
)
"""Nearly no text has any of these, and to look for them takes about a microsecond."""
_ALONE: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""No middle of a longer word, which data in base64 may be; what JSON or a URL escapes may stand before it."""
_BREAK: Final = r"(?:\s|\\+[nr])"
_LABEL: Final = r"[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
_KEY: Final = rf"[^-]*+(?:-(?!----)[^-]*+)*+-----END {_LABEL}"
_KEY_CUT_OFF: Final = rf"{_BREAK}*[A-Za-z0-9+/=]{{16,}}(?:{_BREAK}+[A-Za-z0-9+/=]+)*+"
_SHAPES: Final = (
    rf"{_ALONE}(?:AKIA|ASIA)[A-Z0-9]{{16}}(?![A-Za-z0-9])",  # keys of AWS
    rf"{_ALONE}(?:AIza[\w-]{{30,}}|ya29\.[\w-]{{20,}})",  # keys and tokens of Google
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_\w{20,}",
    r"xox[a-z]-[A-Za-z0-9-]{10,}",  # tokens of Slack
    rf"-----BEGIN {_LABEL}(?:{_KEY}|{_KEY_CUT_OFF})",
)


def mask_shapes(text: str) -> str:
    """Return the text with ``***`` for what can hardly be anything but a secret."""
    for mark in _MARKS:  # any() takes twice as long
        if mark in text:
            return _compiled().sub(MASK, text)
    return text


@cache
def _compiled() -> re.Pattern[str]:
    return re.compile("|".join(_SHAPES), re.ASCII)  # milliseconds that most runs need not spend
