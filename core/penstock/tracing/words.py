"""What a span may say: nothing secret, and nothing of a query."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_QUERY: Final = re.compile(r"(?<=[\w/*}\])])\?[^\s\"'<>]+?(?=[:;,.)\]]*(?:[\s\"'<>]|$))")
"""What follows a path, without the punctuation of the sentence around it."""
_LONGEST: Final = 1000


class Words:
    """Makes any text fit for a span.

    Args:
        redact: Takes out the secrets known by now.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def __call__(self, text: str) -> str:
        """Return the text without secrets and query strings, cut to 1,000 characters.

        What cannot be encoded is replaced, for it would cost the whole batch of spans.
        """
        shown = _QUERY.sub("?***", self._redact(text))
        return shown[:_LONGEST].encode(errors="replace").decode()
