"""Compares values of the compiled tier with the JSON texts that libjq writes."""

from __future__ import annotations

import json
from typing import cast

from penstock.values import JSON


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
