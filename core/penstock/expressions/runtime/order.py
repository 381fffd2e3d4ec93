"""jq's equality and total order: null, false, true, numbers, strings, arrays, objects.

Python's own ``==`` will not do: it takes ``True`` for 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from operator import itemgetter
from typing import Final, TypeVar, cast

from penstock.expressions.undecided import Undecided
from penstock.values import JSON

_T = TypeVar("_T")

_EXACT: Final = 2**53
_RANKS: Final[dict[type, int]] = {type(None): 0, int: 3, float: 3, str: 4, list: 5, dict: 6}


def equal(left: JSON, right: JSON) -> bool:
    """Return ``left == right``."""
    kind = type(left)
    if kind is str:
        return left == right
    if left is None or kind is bool:
        return left is right
    if kind is not type(right):
        return (
            (type(left) is int or type(left) is float)
            and (type(right) is int or type(right) is float)
            and _compare_numbers(left, right) == 0
        )
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if type(left) is dict and type(right) is dict:
        return len(left) == len(right) and all(
            name in right and equal(value, right[name]) for name, value in left.items()
        )
    return left == right


def compare(left: JSON, right: JSON) -> int:
    """Return a negative number, zero or a positive one as ``left`` is below, equal to or above ``right``."""
    if type(left) is str and type(right) is str:
        return (left > right) - (left < right)
    if (type(left) is int or type(left) is float) and (type(right) is int or type(right) is float):
        return _compare_numbers(left, right)
    if type(left) is list and type(right) is list:
        return _compare_lists(left, right)
    if type(left) is dict and type(right) is dict:
        names = sorted(left)
        order = _compare_lists(names, sorted(right))
        return order or _compare_lists([left[name] for name in names], [right[name] for name in names])
    return _rank(left) - _rank(right)


def less(left: JSON, right: JSON) -> bool:
    """Return ``left < right``."""
    return compare(left, right) < 0


def at_most(left: JSON, right: JSON) -> bool:
    """Return ``left <= right``."""
    return compare(left, right) <= 0


def greater(left: JSON, right: JSON) -> bool:
    """Return ``left > right``."""
    return compare(left, right) > 0


def at_least(left: JSON, right: JSON) -> bool:
    """Return ``left >= right``."""
    return compare(left, right) >= 0


def ranked(elements: Sequence[_T], keys: Sequence[JSON]) -> list[tuple[JSON, _T]]:
    """Return ``elements`` with their keys, by ascending key; equal keys stay in the order they came in."""
    pairs = list(zip(keys, elements, strict=True))
    kinds = set(map(type, keys))
    if kinds <= {str} or kinds <= {int}:  # Python orders these as jq does, by code point and by value
        return sorted(pairs, key=cast("Callable[[tuple[JSON, _T]], str]", itemgetter(0)))
    comparable = cmp_to_key(compare)
    return sorted(pairs, key=lambda pair: comparable(pair[0]))


def _compare_numbers(left: float, right: float) -> int:
    if type(left) is not type(right) and not (-_EXACT <= left <= _EXACT and -_EXACT <= right <= _EXACT):
        raise Undecided  # jq compares the decimal digits, Python the double
    if math.isnan(left) or math.isnan(right):
        raise Undecided
    return (left > right) - (left < right)


def _compare_lists(left: Sequence[JSON], right: Sequence[JSON]) -> int:
    for one, other in zip(left, right, strict=False):
        if order := compare(one, other):
            return order
    return len(left) - len(right)


def _rank(value: JSON) -> int:
    if value is True:
        return 2
    return 1 if value is False else _RANKS[type(value)]
