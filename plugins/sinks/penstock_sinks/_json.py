"""JSON text as the catalog keeps it: no spaces, every digit of an integer, nothing that could not be read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Final, cast

import orjson

from penstock import JSON

MAX_DEPTH: Final = 254
"""Levels of nesting, as deep as orjson writes; SQLite's functions stop at 1,000, and one such value breaks a view."""


class UnstorableError(ValueError):
    """A value cannot be kept as it is; the text says where and why."""


def encode(value: JSON | Mapping[str, JSON], where: str) -> str:
    """Return the JSON text of a value.

    Args:
        value: What to encode.
        where: What the value is, for errors: ``properties``.

    Raises:
        UnstorableError: It holds a number that is not finite, text that is not Unicode or has a NUL character, or is
            nested deeper than ``MAX_DEPTH``.
    """
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return _encode_anything(value, where)
    # NaN and infinity become null without a word; to look for one character first is to look once, and fast
    if ("null" in text and not is_finite(value)) or ("\\" in text and "\\u0000" in text):
        _check(value, where)
    return text


def decode(text: str) -> JSON:
    """Return the value of a text that ``encode`` made; integers keep every digit.

    Raises:
        ValueError: It is not JSON.
    """
    value = cast("JSON", orjson.loads(text))
    try:
        exact = orjson.dumps(value) == text.encode()
    except orjson.JSONEncodeError:  # deeper than we write
        exact = False
    # orjson reads an integer beyond 64 bits as a float
    return value if exact else cast("JSON", json.loads(text))


def same(one: JSON, other: JSON) -> bool:
    """Whether two values are the same JSON: members may come in any order; ``1``, ``1.0`` and ``true`` differ."""
    return _canonical(one) == _canonical(other)


def text_flaw(text: object) -> str:
    """Return why a text cannot be kept, or nothing."""
    if not isinstance(text, str):
        return f"is not text but {type(text).__name__}"
    if "\0" in text:
        return "has a NUL character"
    if text.isascii():
        return ""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half of a surrogate pair, which is no Unicode text"
    return ""


def _encode_anything(value: JSON | Mapping[str, JSON], where: str) -> str:
    _check(value, where)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:  # an integer of more digits than Python turns into text
        message = f"{where}: {error}"
        raise UnstorableError(message) from error


def _canonical(value: JSON) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def is_finite(value: object) -> bool:
    """Whether all numbers inside are finite: the quick look that every null in a record costs."""
    if isinstance(value, Mapping):
        return is_finite(list(cast("Mapping[str, object]", value).values()))
    if isinstance(value, list):
        for item in cast("list[object]", value):
            kind = type(item)
            if (kind is float or kind is dict or kind is list) and not is_finite(item):
                return False
        return True
    return not isinstance(value, float) or isfinite(value)


def _check(value: object, where: str) -> None:
    pending: list[tuple[str, object, int]] = [(where, value, 0)]
    while pending:
        place, item, depth = pending.pop()
        if isinstance(item, dict | list):
            if depth == MAX_DEPTH:
                message = f"{where} is nested more than {MAX_DEPTH} levels deep"
                raise UnstorableError(message)
            members = _members(cast("dict[object, object] | list[object]", item), place, named=depth == 0)
            pending += [(inner_place, inner, depth + 1) for inner_place, inner in members]
        elif flaw := _leaf_flaw(item):
            message = f"{place} {flaw}"
            raise UnstorableError(message)


def _members(item: dict[object, object] | list[object], place: str, *, named: bool) -> Iterator[tuple[str, object]]:
    """Yield what is inside, each with the name it has in errors: one level of names is enough to find it."""
    if isinstance(item, list):
        yield from ((place, inner) for inner in item)
        return
    for name, inner in item.items():
        if flaw := text_flaw(name):
            message = f"{place}: a name {flaw}"
            raise UnstorableError(message)
        yield (f"{place}.{name}" if named else place), inner


def _leaf_flaw(item: object) -> str:
    if item is None or isinstance(item, int):  # bool is an int
        return ""
    if isinstance(item, float):
        return "" if isfinite(item) else f"is {item}, for which JSON has no number"
    return text_flaw(item) if isinstance(item, str) else f"is no JSON value but {type(item).__name__}"
