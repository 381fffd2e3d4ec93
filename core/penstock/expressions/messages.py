"""jq's own words about an expression that does not compile, made fit to read."""

from __future__ import annotations

import re
from typing import Final

_ERROR: Final = r"jq: error: (?P<what>.*?)(?: at <top-level>, line (?P<line>\d+), column (?P<column>\d+):)?$"
_MODULES: Final = r"\s*(?:import|include|module)\b"
_BARE_WORD: Final = r"\s*[A-Za-z_][\w-]*\s*\Z"
_NOISE: Final = {"INVALID_CHARACTER": "character", "IDENT": "name", "QQSTRING_START": "text", "FIELD": "field"}
_TERMINAL: Final = r"\b(?:" + "|".join(_NOISE) + r")\b"


def explain(message: str, text: str) -> str:
    """Return one line that says what is wrong with an expression, and where.

    Args:
        message: What jq said, possibly several errors, each with an excerpt.
        text: The expression.
    """
    if re.match(_MODULES, text):
        return "import, include and module are not allowed"
    found = [error for line in message.splitlines() if (error := re.match(_ERROR, line))]
    if re.match(_BARE_WORD, text) and "is not defined" in message:
        word = text.strip()
        return f"{_what(found, message)}; a text constant needs jq's quotes inside YAML's: '\"{word}\"'"
    return _what(found, message)


def _what(found: list[re.Match[str]], message: str) -> str:
    if not found:
        return message.splitlines()[0] if message else "jq refuses it"
    return "; ".join(re.sub(_TERMINAL, lambda word: _NOISE[word[0]], error["what"]) + _place(error) for error in found)


def _place(error: re.Match[str]) -> str:
    if error["line"] is None:
        return ""
    return f" (line {error['line']}, column {error['column']})"
