"""Taking known secrets out of texts and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import ascii_letters, digits
from typing import Final

from penstock.redaction.finding import WHOLE_WORD_BELOW
from penstock.redaction.names import looks_secret
from penstock.redaction.shapes import mask_shapes
from penstock.redaction.spellings import (
    PARTS,
    TO_URLSAFE,
    base64_inner,
    breaks_off,
    compiled,
    compiled_base64,
    compiled_start,
)
from penstock.redaction.urls import MASK, mask_url
from penstock.values import JSON

_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s\"'<>]+")
_BASE64: Final = frozenset(f"{ascii_letters}{digits}+/_-=")
_BASE64_RUN: Final = re.compile(r"(?:[A-Za-z0-9+/_=-]|%2[bBfF]|%3[dD]|\\/)*")
_CUT: Final = re.compile(r"…|\.\.\.")
_LONGEST_WORD: Final = 8192


class Redactor:
    """Replaces known secrets in any text: as they are, URL-encoded, JSON- or HTML-escaped, base64-encoded, cut off.

    Of others it replaces those that show by their shape what they are.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: dict[str, None] = {}
        self._plain: list[re.Pattern[str]] = []
        self._encoded: list[re.Pattern[str]] = []
        self._beginnings: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn more secrets, such as tokens obtained while running."""
        for secret in secrets:
            if stripped := secret.strip():
                self._secrets |= dict.fromkeys((secret, stripped))
        if self._secrets:
            longest_first = sorted(self._secrets, key=lambda secret: (-len(secret), secret))
            inner = dict.fromkeys(text for secret in longest_first for text in base64_inner(secret))
            self._plain = [compiled(secret) for secret in longest_first]
            self._encoded = [pattern for secret in longest_first if (pattern := compiled_base64(secret)) is not None]
            either = (*longest_first, *inner, *(text.translate(TO_URLSAFE) for text in inner))
            self._beginnings = [text for text in dict.fromkeys(either) if len(text) >= WHOLE_WORD_BELOW]

    def __call__(self, text: str) -> str:
        """Return the text with ``***`` for every secret, known or recognised by its shape or in a URL."""
        for encoded in self._encoded:
            text = _without_base64(text, encoded)
        for plain in self._plain:
            text = plain.sub(MASK, text)
        if self._beginnings:
            text = self._without_beginnings(text)
        text = mask_shapes(text)
        return _URL.sub(lambda match: mask_url(match[0]), text) if "://" in text else text

    def json(self, value: JSON) -> JSON:
        """Return a JSON value with every text in it redacted, names of members included."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.json(element) for element in value]
        if isinstance(value, dict):
            return {self(name): self.json(member) for name, member in value.items()}
        return value

    def example(self, value: JSON) -> JSON:
        """Return a record for strangers: as ``json`` does, and masked is whatever has the name of a secret."""
        if isinstance(value, list):
            return [self.example(element) for element in value]
        if isinstance(value, dict):
            return {
                self(name): _masked(member) if looks_secret(name) else self.example(member)
                for name, member in value.items()
            }
        return self.json(value)

    def _without_beginnings(self, text: str) -> str:
        """Mask what is left of a secret where somebody cut the text, and said so with dots."""
        done, parts = 0, list[str]()
        for cut in _CUT.finditer(text):
            head = text[done : cut.start()]
            start = self._beginning(head)
            parts += [head[:start], MASK if start < len(head) else "", cut[0]]
            done = cut.end()
        return "".join(parts) + text[done:]

    def _beginning(self, head: str) -> int:
        """Return where the beginning of a secret starts with which a text ends; its length when there is none."""
        start = max(0, len(head) - _LONGEST_WORD)
        return min((_beginning_at(head, secret, start) for secret in self._beginnings), default=len(head))


def _masked(value: JSON) -> JSON:
    """Return a value with every text and number in it masked; what it is made of still shows."""
    if isinstance(value, list):
        return [_masked(element) for element in value]
    if isinstance(value, dict):
        return {name: _masked(member) for name, member in value.items()}
    return value if value is None or isinstance(value, bool) else MASK


def _beginning_at(text: str, secret: str, start: int) -> int:
    """Return where a text begins to spell a secret and ends before it is done; its length where it does not."""
    for match in compiled_start(secret).finditer(text, start):
        if breaks_off(text, match.end(), PARTS.findall(secret)[WHOLE_WORD_BELOW:]):
            return match.start()
    return len(text)


def _without_base64(text: str, encoded: re.Pattern[str]) -> str:
    """Mask the whole run of base64 around each match, for the characters next to it hold a few of its bits."""
    done, parts = 0, list[str]()
    for match in encoded.finditer(text):
        if match.start() < done:
            continue
        start = match.start()
        while start > done and text[start - 1] in _BASE64:
            start -= 1
        rest = _BASE64_RUN.match(text, match.end())
        parts += [text[done:start], MASK]
        done = rest.end() if rest else match.end()
    return "".join(parts) + text[done:]
