"""Compares values of the compiled tier with the JSON texts that libjq writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol, cast

import jq

from penstock.expressions.quotes import normalise_quotes
from penstock.values import JSON


class Oracle(Protocol):
    """A program of libjq."""

    def input_text(self, text: str) -> Iterable[str]:
        """Run it on a JSON document; each output is a JSON text."""
        ...


def libjq(text: str) -> Oracle:
    """Compile a program for libjq, with JSON texts as its outputs, for they alone keep every digit.

    Raises:
        ValueError: libjq refuses the program.
    """
    plain = normalise_quotes(text)
    jq.compile(plain)  # pyright: ignore[reportUnknownMemberType]
    return cast("Oracle", jq.compile(f"({plain}\n) | tojson"))  # pyright: ignore[reportUnknownMemberType]


def agrees(ours: JSON, text: str) -> bool:
    """Whether ``ours`` is the value that libjq wrote as ``text``: members in order, every digit of integers."""
    return _same(ours, cast("JSON", json.loads(text)))


def _same(ours: JSON, theirs: JSON) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(map(_same, ours.values(), theirs.values()))
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    return ours == theirs
