"""jq's builtins on numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from penstock.expressions.runtime.arithmetic import calculated, operand
from penstock.expressions.undecided import Undecided
from penstock.values import JSON


def absolute(value: JSON) -> JSON:
    """Return what ``length`` makes of a number: its absolute value with every digit."""
    if type(value) is int or type(value) is float:
        return abs(value)
    raise Undecided


def magnitude(value: JSON) -> JSON:
    """``value | abs``, of a number; a zero stays as it is, even a negative one."""
    if type(value) is int or type(value) is float:
        return -value if value < 0 else value
    raise Undecided


def floor(value: JSON) -> JSON:
    """``value | floor``."""
    return _rounded(value, math.floor)


def ceil(value: JSON) -> JSON:
    """``value | ceil``."""
    return _rounded(value, math.ceil)


def round_half_away(value: JSON) -> JSON:
    """``value | round``."""
    return _rounded(value, _half_away)


def _rounded(value: JSON, rule: Callable[[float], int]) -> JSON:
    number = operand(value)
    if type(number) is int:
        return number
    result = rule(number)
    if result == 0 and math.copysign(1, number) < 0:  # a negative zero
        raise Undecided
    return calculated(result)


def _half_away(number: float) -> int:
    below = math.floor(abs(number))
    size = below + (abs(number) - below >= 0.5)  # noqa: PLR2004 - a half
    return size if number > 0 else -size
