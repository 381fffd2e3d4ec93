"""How far a run has come in each partition, so that one that was broken off can be taken up."""

from __future__ import annotations

import json
from typing import TypeAlias

from msgspec import Struct

from penstock.values import PageRequest, StopReason


class Checkpoint(Struct, frozen=True):
    """Where to go on: all pages before this one are in the sink."""

    index: int
    """Of the page to ask for, from 0."""
    request: PageRequest
    url: str
    """Of the page before, for relative links."""
    sound: bool
    """Whether every item so far could be judged."""

    def to_json(self) -> str:
        """Return it as kept."""
        request = {
            "params": dict(self.request.params),
            "body": dict(self.request.body),
            "headers": dict(self.request.headers),
            "url": self.request.url,
            "state": self.request.state,
        }
        return json.dumps({"index": self.index, "url": self.url, "request": request})

    @classmethod
    def from_json(cls, text: str, *, sound: bool) -> Checkpoint:
        """Return what ``to_json`` kept."""
        kept = json.loads(text)
        return cls(kept["index"], PageRequest(**kept["request"]), kept["url"], sound)


class Finished(Struct, frozen=True):
    """The read has ended, and all of it is in the sink."""

    reason: StopReason
    sound: bool
    """Whether every item could be judged."""
    drifts: bool
    """Whether its pages were counted from the start of the list: when rows moved, some may have been missed."""


Progress: TypeAlias = Checkpoint | Finished
