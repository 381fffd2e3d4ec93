"""jq's builtins on arrays and objects."""

from __future__ import annotations

from typing import Final, cast

from penstock.expressions.runtime.access import NOTHING, elements, text_key
from penstock.expressions.runtime.arithmetic import LONGEST, MOST_PAIRS, plus
from penstock.expressions.runtime.numeric import absolute
from penstock.expressions.runtime.order import compare, equal, ranked
from penstock.expressions.runtime.texts import join
from penstock.expressions.undecided import Undecided
from penstock.values import JSON

_TYPES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def array(value: JSON) -> list[JSON]:
    """Return an array; nothing else is decided here."""
    if type(value) is list:
        return value
    raise Undecided


def kind(value: JSON) -> str:
    """``value | type``."""
    return _TYPES[type(value)]


def length(value: JSON) -> JSON:
    """``value | length``."""
    if value is None:
        return 0
    if type(value) is str or type(value) is list or type(value) is dict:
        return len(value)
    return absolute(value)


def keys(value: JSON) -> JSON:
    """``value | keys``."""
    if type(value) is dict:
        return [*sorted(value)]
    return list(range(len(array(value))))


def keys_unsorted(value: JSON) -> JSON:
    """``value | keys_unsorted``."""
    return list(value) if type(value) is dict else keys(value)


def has(value: JSON, key: JSON) -> bool:
    """Jq's ``has``."""
    if value is None:
        return False
    if type(value) is dict and type(key) is str:
        return key in value
    if type(value) is list and type(key) is int:
        return 0 <= key < len(value)
    raise Undecided


def is_key_of(key: JSON, value: JSON) -> bool:
    """Jq's ``in``."""
    return has(value, key)


def contains(value: JSON, wanted: JSON) -> bool:
    """Jq's ``contains``."""
    if _TYPES[type(value)] != _TYPES[type(wanted)] or (type(value) is bool and value is not wanted):
        raise Undecided
    return _contains(value, wanted, [MOST_PAIRS])


def is_inside(value: JSON, container: JSON) -> bool:
    """Jq's ``inside``."""
    return contains(container, value)


def _contains(value: JSON, wanted: JSON, left: list[int]) -> bool:
    """Return whether ``wanted`` is in ``value``; ``left`` holds how many more comparisons are allowed."""
    left[0] -= 1
    if left[0] < 0:
        raise Undecided
    if type(value) is str and type(wanted) is str:
        return wanted in value
    if type(value) is dict and type(wanted) is dict:
        return all(name in value and _contains(value[name], member, left) for name, member in wanted.items())
    if type(value) is list and type(wanted) is list:
        return all(any(_contains(element, other, left) for element in value) for other in wanted)
    return equal(value, wanted)


def to_entries(value: JSON) -> JSON:
    """``value | to_entries``, of an object."""
    if type(value) is not dict:
        raise Undecided
    return [{"key": name, "value": member} for name, member in value.items()]


def from_entries(value: JSON) -> JSON:
    """``value | from_entries``, of an array with texts as keys."""
    entries: dict[str, JSON] = {}
    for entry in array(value):
        if type(entry) is not dict:
            raise Undecided
        named = (entry.get(name) for name in ("key", "Key", "name", "Name"))
        name = next((name for name in named if name is not None and name is not False), None)
        entries[text_key(name)] = entry["value"] if "value" in entry else entry.get("Value")
    return entries


def add(value: JSON) -> JSON:
    """``value | add``."""
    values: list[JSON] = [element for element in elements(value) if element is not None]
    kinds = set(map(type, values))
    if kinds == {str}:
        return join(values, "")
    if kinds == {list}:
        return [element for inner in values for element in cast("list[JSON]", inner)]
    if kinds == {dict}:
        return {name: member for inner in values for name, member in cast("dict[str, JSON]", inner).items()}
    total: JSON = None
    for element in values:
        total = plus(total, element)
    return total


def reverse(value: JSON) -> JSON:
    """``value | reverse``, of an array."""
    return array(value)[::-1]


def flatten(value: JSON) -> JSON:
    """``value | flatten``, of an array."""
    flat: list[JSON] = []
    _flatten(array(value), -1, flat)
    return flat


def flatten_to(value: JSON, depth: JSON) -> JSON:
    """Jq's ``flatten``, of an array."""
    if type(depth) is not int or depth < 0:
        raise Undecided
    flat: list[JSON] = []
    _flatten(array(value), depth, flat)
    return flat


def _flatten(values: list[JSON], depth: int, flat: list[JSON]) -> None:
    for element in values:
        if type(element) is list and depth != 0:
            _flatten(element, depth - 1, flat)
        else:
            flat.append(element)
    if len(flat) > LONGEST:
        raise Undecided


def sort(value: JSON) -> JSON:
    """``value | sort``."""
    values = array(value)
    return sort_by(values, values)


def sort_by(values: list[JSON], by: list[JSON]) -> JSON:
    """Jq's ``sort_by``, with what ``f`` gives for each."""
    return [element for _, element in ranked(values, by)]


def group_by(values: list[JSON], by: list[JSON]) -> list[JSON]:
    """Jq's ``group_by``, with what ``f`` gives for each."""
    groups: list[JSON] = []
    group: list[JSON] = []
    last: object = NOTHING
    for key, element in ranked(values, by):
        if last is NOTHING or not equal(cast("JSON", last), key):
            group = []
            groups.append(group)
            last = key
        group.append(element)
    return groups


def unique(value: JSON) -> JSON:
    """``value | unique``."""
    values = array(value)
    return unique_by(values, values)


def unique_by(values: list[JSON], by: list[JSON]) -> JSON:
    """Jq's ``unique_by``: the first of each group."""
    return [cast("list[JSON]", group)[0] for group in group_by(values, by)]


def smallest(value: JSON) -> JSON:
    """``value | min``."""
    values = array(value)
    return min_by(values, values)


def largest(value: JSON) -> JSON:
    """``value | max``."""
    values = array(value)
    return max_by(values, values)


def min_by(values: list[JSON], by: list[JSON]) -> JSON:
    """Jq's ``min_by``: the first of the smallest."""
    best = 0
    for position in range(1, len(by)):
        if compare(by[position], by[best]) < 0:
            best = position
    return values[best] if values else None


def max_by(values: list[JSON], by: list[JSON]) -> JSON:
    """Jq's ``max_by``: the last of the largest."""
    best = 0
    for position in range(1, len(by)):
        if compare(by[position], by[best]) >= 0:
            best = position
    return values[best] if values else None
