"""How a secret may be spelt where it shows: URL-encoded, escaped as in JSON, Python or HTML, within base64."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from string import ascii_letters, digits
from typing import Final
from urllib.parse import quote

from penstock.redaction.finding import WHOLE_WORD_BELOW

_PLAIN: Final = frozenset(ascii_letters + digits)
_UNRESERVED: Final = frozenset("-._~")
"""Of RFC 3986 section 2.3; nobody else has to encode them."""
PARTS: Final = re.compile(r"\\+|[^\\]", re.DOTALL)
_BACKSLASH: Final = r"(?:\\|(?i:%(?:25)*5c|&(?:amp;)*#(?:0*92|x0*5c);))"
"""There may be any number before what JSON escapes, for JSON within JSON has many."""
TO_URLSAFE: Final = str.maketrans("+/", "-_")
_PARTIAL_ESCAPE: Final = re.compile(
    r"(?:%(?:25)*[0-9a-fA-F]{2}){0,3}(?:%(?:25)*[0-9a-fA-F]?|\\*[u0-9a-fA-F]{0,5}|&(?:amp;)*[a-z#0-9]{0,6})?\Z"
)


@lru_cache(maxsize=1024)
def compiled(secret: str) -> re.Pattern[str]:
    """Return what finds a secret however it is spelt."""
    if len(secret) < WHOLE_WORD_BELOW:
        return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
    return re.compile("".join(map(_spellings, PARTS.findall(secret))))


@lru_cache(maxsize=1024)
def compiled_start(secret: str) -> re.Pattern[str]:
    """Return what finds the first characters of a secret, as few as can be told from other text."""
    return re.compile("".join(map(_spellings, PARTS.findall(secret)[:WHOLE_WORD_BELOW])))


@lru_cache(maxsize=1024)
def _compiled_part(part: str) -> re.Pattern[str]:
    return re.compile(_spellings(part))


def breaks_off(text: str, at: int, parts: Sequence[str]) -> bool:
    """Whether a text ends while it spells these parts of a secret, perhaps amid an escape."""
    for part in parts:
        match = _compiled_part(part).match(text, at)
        if match is None:
            return _PARTIAL_ESCAPE.match(text, at) is not None
        at = match.end()
    return at == len(text)


@lru_cache(maxsize=1024)
def _spellings(character: str) -> str:
    """Return a pattern for one character as URLs, JSON, Python and HTML spell it, even several times over."""
    if character in _PLAIN:
        return character
    if character.startswith("\\"):
        return f"{_BACKSLASH}++"
    encoded = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode(errors="surrogatepass"))
    if character in _UNRESERVED:
        return rf"(?:{re.escape(character)}|(?i:{encoded}))"
    number = rf"&(?:amp;)*#(?:0*{ord(character)}|x0*{ord(character):x});|u{ord(character):04x}"
    texts = {character, json.dumps(character)[1:-1], repr(character)[1:-1]}
    if character == " ":  # a plus sign in a form, which may be encoded in its turn
        texts.add("+")
        encoded = f"{encoded}|%(?:25)*2b"
    longest_first = sorted({text.lstrip("\\") for text in texts}, key=lambda text: (-len(text), text))
    escaped = _html_escaped(character)
    named = "|&(?:amp;)*" + re.escape(escaped[1:]) if escaped != character else ""
    return rf"{_BACKSLASH}*+(?:(?i:{encoded}|{number}{named})|{'|'.join(map(re.escape, longest_first))})"


def _html_escaped(text: str) -> str:
    from html import escape  # noqa: PLC0415 - it takes 1 ms, and some sources have no secrets

    return escape(text)


@lru_cache(maxsize=1024)
def compiled_base64(secret: str) -> re.Pattern[str] | None:
    """Return what finds a secret within base64 in either alphabet, perhaps in a URL or JSON; None if it is short."""
    patterns = [
        re.escape(inner).replace(r"\+", r"(?:[+-]|%2[bB])").replace("/", r"(?:\\?/|_|%2[fF])")
        for inner in dict.fromkeys(base64_inner(secret))
    ]
    return re.compile("|".join(patterns)) if patterns else None


def base64_inner(secret: str) -> Iterator[str]:
    """Iterate over what the secret, perhaps spelt as in a URL or JSON, looks like within base64."""
    if len(secret) >= WHOLE_WORD_BELOW:
        for spelling in _plain_spellings(secret):
            yield from _aligned(spelling.encode(errors="surrogatepass"))


def _plain_spellings(secret: str) -> Iterable[str]:
    """Return the secret as it is, and as one encoding spells it."""
    quoted = quote(secret, safe="", errors="surrogatepass")
    return dict.fromkeys(
        (
            secret,
            quoted,
            quoted.replace("%20", "+"),
            quote(secret, errors="surrogatepass"),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
        )
    )


def _aligned(content: bytes) -> Iterator[str]:
    """Iterate over what bytes look like within base64, at each of the three alignments."""
    for shift in range(3):
        encoded = b64encode(bytes(shift) + content).decode()
        start = (0, 2, 3)[shift]
        rest = (len(content) + shift) % 3
        inner = encoded[start : len(encoded) - (0, 3, 2)[rest]]
        if len(inner) >= WHOLE_WORD_BELOW:
            yield inner


@lru_cache(maxsize=256)
def needles(secret: str) -> tuple[bytes, ...]:
    """Return the usual spellings of a secret, to be looked for in much text."""
    inner = list(_aligned(secret.encode(errors="surrogatepass")))
    texts = (*_plain_spellings(secret), _html_escaped(secret), *inner, *(text.translate(TO_URLSAFE) for text in inner))
    return tuple(dict.fromkeys(text.encode(errors="surrogatepass") for text in texts))
