"""What the process that listens tells the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias, cast

import orjson


class Opened(NamedTuple):
    """The catalog is reached, and we are logged in."""

    secret: str
    """What it signs its calls with; empty if it calls nobody."""

    def to_json(self) -> object:
        """Return what can be written."""
        return {"opened": self.secret}


class Asked(NamedTuple):
    """Somebody asks for a sync."""

    why: str

    def to_json(self) -> object:
        """Return what can be written."""
        return {"asked": self.why}


class Quiet(NamedTuple):
    """Whether somebody asks cannot be told; with an empty reason, it can be again."""

    why: str

    def to_json(self) -> object:
        """Return what can be written."""
        return {"quiet": self.why}


Message: TypeAlias = Opened | Asked | Quiet


def read(line: bytes) -> Message | None:
    """Return what a line tells; None for what a plugin has printed there."""
    try:
        content: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(content, dict) or len(cast("dict[str, object]", content)) != 1:
        return None
    [(word, value)] = cast("dict[str, object]", content).items()
    kind = _WORDS.get(word)
    return None if kind is None or not isinstance(value, str) else kind(value)


_WORDS: Final[Mapping[str, type[Message]]] = {"opened": Opened, "asked": Asked, "quiet": Quiet}
