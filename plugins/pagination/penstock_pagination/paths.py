"""Dot paths: how settings name a place in an answer (connection.md section 6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from penstock import JSON

DotPath: TypeAlias = Annotated[str, Field(min_length=1)]
"""``meta.next``, ``.meta.next``, ``data[-1].id``, ``[0].id`` or a single key with dots in it, ``@odata.nextLink``."""

_WITH_INDEXES: Final = re.compile(r"([^\[\]]*)((?:\[-?[0-9]{1,9}\])+)")
_INDEX: Final = re.compile(r"-?[0-9]+")


def look_up(document: JSON, path: str) -> JSON:
    """Return the value at a dot path; null where there is none.

    The whole text is tried as a key first. Else its parts walk through objects, and ``[n]`` through lists, ``[-1]``
    being the last element; a leading dot is dropped.
    """
    if isinstance(document, dict):
        for key in (path, path.removeprefix(".")):
            if key in document:
                return document[key]
    return walk(document, _steps(path))


def walk(document: JSON, steps: Sequence[str | int]) -> JSON:
    """Return what keys (text) and indexes (numbers) lead to; null as soon as one leads nowhere."""
    for step in steps:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        elif isinstance(document, list) and -len(document) <= step < len(document):
            document = document[step]
        else:
            return None
    return document


@lru_cache(maxsize=64)
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(step for part in path.removeprefix(".").split(".") for step in _part(part))


def _part(part: str) -> list[str | int]:
    found = _WITH_INDEXES.fullmatch(part)
    if found is None:
        return [part]
    key, indexes = found.groups()
    keys: list[str | int] = [key] if key else []
    return keys + [int(index) for index in _INDEX.findall(indexes)]
