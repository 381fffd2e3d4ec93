"""Steps into values: ``.name``, ``[key]``, ``[start:end]``, ``[]``, ``range`` and ``del``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from penstock.expressions.runtime.arithmetic import EXACT
from penstock.expressions.undecided import Undecided
from penstock.values import JSON

NOTHING: Final = object()
"""Stands for no output where a variable has to hold one or none."""

_LONGEST_INDEX: Final = 2**31 - 1
_LONGEST_RANGE: Final = 10_000


def index(value: JSON, key: JSON) -> JSON:
    """``value[key]``."""
    if type(key) is str:
        if type(value) is dict:
            return value.get(key)
        if value is None:
            return None
    elif type(key) is int or type(key) is float:
        if type(value) is list:
            return _element(value, key)
        if value is None:
            return None
    raise Undecided


def index_or_nothing(value: JSON, key: JSON) -> object:
    """``value[key]?``: ``NOTHING`` where jq has an error to hide."""
    if type(key) is str and type(value) is not dict and value is not None:
        return NOTHING
    if (type(key) is int or type(key) is float) and type(value) is not list and value is not None:
        return NOTHING
    return index(value, key)


def part(value: JSON, start: JSON, end: JSON) -> JSON:
    """``value[start:end]``, with whole numbers or null."""
    if not (start is None or type(start) is int) or not (end is None or type(end) is int):
        raise Undecided
    if value is None:
        return None
    if type(value) is str or type(value) is list:
        return value[start:end]
    raise Undecided


def elements(value: JSON) -> Sequence[JSON]:
    """``value[]``."""
    if type(value) is list:
        return value
    if type(value) is dict:
        return list(value.values())
    raise Undecided


def elements_or_nothing(value: JSON) -> Sequence[JSON]:
    """``value[]?``."""
    return elements(value) if type(value) is list or type(value) is dict else ()


def count_up(start: JSON, end: JSON) -> Sequence[int]:
    """``range(start; end)``, of whole numbers."""
    if type(start) is not int or type(end) is not int or not -EXACT < start < EXACT or end - start > _LONGEST_RANGE:
        raise Undecided
    return range(start, end)


def without(value: JSON, paths: Sequence[tuple[str, ...]]) -> JSON:
    """Jq's ``del``: names only."""
    for path in paths:
        member = value
        for name in path:
            member = index(member, name)
    for path in paths:
        value = _without(value, path)
    return value


def text_key(value: JSON) -> str:
    """Return the key of an object under construction."""
    if type(value) is str:
        return value
    raise Undecided


def refilled(container: JSON, members: Sequence[object]) -> JSON:
    """``container | map_values(f)``, with what ``f`` gives for each member, ``NOTHING`` to leave it out."""
    if type(container) is dict:
        return {name: cast("JSON", new) for name, new in zip(container, members, strict=True) if new is not NOTHING}
    return [cast("JSON", new) for new in members if new is not NOTHING]


def _element(values: list[JSON], position: float) -> JSON:
    if not -_LONGEST_INDEX < position < _LONGEST_INDEX:
        raise Undecided
    position = int(position)
    return values[position] if -len(values) <= position < len(values) else None


def _without(value: JSON, path: tuple[str, ...]) -> JSON:
    if type(value) is not dict or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: member for name, member in value.items() if name != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}
