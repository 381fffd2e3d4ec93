"""The secrets that are known at a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from penstock.redaction.finding import WHOLE_WORD_BELOW
from penstock.redaction.redactor import Redactor
from penstock.redaction.spellings import needles

_LEARNT: Final = 32
"""Secrets obtained while running that are remembered: tokens change, and old ones are worth nothing."""


class Secrets:
    """What no message may show: the secrets of the settings, and the latest of those obtained while running.

    Calling it takes them out of a text. Cheap to tell, for a token may change with every third request.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = tuple(known)
        self._learnt: deque[str] = deque(maxlen=_LEARNT)
        self._redactor: Redactor | None = None
        self._needles: tuple[bytes, ...] | None = None

    def learn(self, *secrets: str) -> None:
        """Keep these out of every message from now on."""
        for secret in filter(None, secrets):
            if secret in self._learnt:
                self._learnt.remove(secret)  # the latest use counts: what is in use is not to be forgotten
            else:
                self._redactor = self._needles = None
            self._learnt.append(secret)

    @property
    def redactor(self) -> Redactor:
        """What takes out of a text all that is known by now."""
        if self._redactor is None:
            self._redactor = Redactor((*self._known, *self._learnt))
        return self._redactor

    def __call__(self, text: str) -> str:
        """Return the text with ``***`` for every secret known by now."""
        return self.redactor(text)

    def are_in(self, *contents: bytes) -> bool:
        """Whether there are secrets in what is to be kept: quicker than taking them out, and sees usual spellings."""
        if self._needles is None:
            secrets = _innermost((*self._known, *self._learnt))
            self._needles = tuple(needle for secret in secrets for needle in needles(secret))
        return any(needle in content for content in contents for needle in self._needles)


def _innermost(secrets: Iterable[str]) -> list[str]:
    """Return the secrets that hold no other: who finds ``x`` finds ``Bearer x``, too."""
    found: list[str] = []
    for secret in sorted(secrets, key=len):
        if len(secret) >= WHOLE_WORD_BELOW and not any(other in secret for other in found):
            found.append(secret)
    return found
