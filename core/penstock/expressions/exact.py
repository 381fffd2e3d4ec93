"""JSON to and from libjq without losing a digit."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Final, cast

import orjson

from penstock.values import JSON

_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")
_WHOLE_LIMIT: Final = 2.0**53
UNCLEAN: Final = frozenset[type]({float, list, dict})
"""The types of the values that ``whole`` may have to change."""


def encode(value: JSON) -> bytes:
    """Return the JSON text of a value, for libjq.

    Raises:
        ValueError: It cannot be written as JSON, and why.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # integers beyond 64 bits, lone surrogates, more than 254 levels
        pass
    try:
        return json.dumps(value, separators=(",", ":")).encode()
    except RecursionError:
        message = "it is nested too deeply"
        raise ValueError(message) from None


def decode(text: bytes) -> JSON:
    """Return the value of a JSON text that libjq wrote; integers keep every digit.

    Raises:
        ValueError: It cannot be read back, and why.
    """
    if not _LONG_NUMBER.search(text):
        try:
            return cast("JSON", orjson.loads(text))
        except orjson.JSONDecodeError:  # numbers beyond a double, more than 1,024 levels
            pass
    try:
        return cast("JSON", json.loads(text, parse_float=_finite))
    except RecursionError:
        message = "the result is nested too deeply"
        raise ValueError(message) from None


def whole(value: JSON) -> JSON:
    """Return the value with every float that is a whole number as an integer, ``1.0`` as ``1``.

    Floats of 2^53 and more stay, for their digits are not known; NaN becomes null and infinity the largest double, as
    jq prints them. The value itself is never changed: what has such floats inside is copied.

    Raises:
        ValueError: It is nested too deeply.
    """
    if type(value) is float:
        return _number(value)
    try:
        return _whole(value)
    except RecursionError:
        message = "the result is nested too deeply"
        raise ValueError(message) from None


def _whole(value: JSON) -> JSON:
    if type(value) is float:
        return _number(value)
    if type(value) is list:
        for index, element in enumerate(value):
            if type(element) in UNCLEAN and (clean := _whole(element)) is not element:
                return [*value[:index], clean, *map(_whole, value[index + 1 :])]
    elif type(value) is dict:
        for element in value.values():
            if type(element) in UNCLEAN and _whole(element) is not element:
                return {name: _whole(member) for name, member in value.items()}
    return value


def _number(value: float) -> JSON:
    if value.is_integer() and abs(value) < _WHOLE_LIMIT:
        return int(value)
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else math.copysign(sys.float_info.max, value)


def _finite(text: str) -> float:
    number = float(text)
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else number
