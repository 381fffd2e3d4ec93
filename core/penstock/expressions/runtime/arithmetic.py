"""jq's operators on numbers and other values, as far as they are exact.

jq keeps the digits of a number that is only passed on, and calculates in doubles. Here a number of the document or of
the text stays what Python read, int or float; a calculated one is below 2^53 and an int wherever it is a whole number,
so that it prints as jq's double does. What would leave these bounds is undecided.
"""

from __future__ import annotations

import math
from typing import Final

from penstock.expressions.runtime.order import equal
from penstock.expressions.undecided import Undecided
from penstock.values import JSON

EXACT: Final = 2**53
"""Integers below this are exact in a double."""
LONGEST: Final = 1_000_000
"""Texts and lists that expressions build up beyond this are left to libjq, which can be stopped."""
MOST_PAIRS: Final = 100_000
"""Comparisons of each with each that are still done here."""


def calculated(number: float) -> int | float:
    """Return a calculated number as jq prints it.

    Raises:
        Undecided: Its digits would differ: large, infinite, not a number, or a negative zero.
    """
    if not -EXACT < number < EXACT:
        raise Undecided
    if type(number) is float and number.is_integer():
        if number == 0 and math.copysign(1, number) < 0:
            raise Undecided
        return int(number)
    return number


def operand(value: JSON) -> int | float:
    """Return a number to calculate with."""
    if (type(value) is int or type(value) is float) and -EXACT < value < EXACT:
        return value
    raise Undecided


def plus(left: JSON, right: JSON) -> JSON:
    """``left + right``."""
    if left is None:
        return right
    if right is None:
        return left
    if type(left) is str and type(right) is str:
        if len(left) + len(right) > LONGEST:
            raise Undecided
        return left + right
    if type(left) is list and type(right) is list:
        if len(left) + len(right) > LONGEST:
            raise Undecided
        return [*left, *right]
    if type(left) is dict and type(right) is dict:
        return {**left, **right}
    return calculated(operand(left) + operand(right))


def minus(left: JSON, right: JSON) -> JSON:
    """``left - right``."""
    if type(left) is list and type(right) is list:
        if len(left) * len(right) > MOST_PAIRS:
            raise Undecided
        return [element for element in left if not any(equal(element, other) for other in right)]
    return calculated(operand(left) - operand(right))


def times(left: JSON, right: JSON) -> JSON:
    """``left * right``."""
    if type(left) is dict and type(right) is dict:
        return _merged(left, right)
    if type(left) is str and type(right) is int:
        return _repeated(left, right)
    if type(left) is int and type(right) is str:
        return _repeated(right, left)
    product = operand(left) * operand(right)
    if product == 0 and (operand(left) < 0 or operand(right) < 0):  # jq has a negative zero here
        raise Undecided
    return calculated(product)


def divided(left: JSON, right: JSON) -> JSON:
    """``left / right``."""
    if type(left) is str and type(right) is str:
        return split(left, right)
    divisor = operand(right)
    if divisor == 0:
        raise Undecided
    return calculated(operand(left) / divisor)


def remainder(left: JSON, right: JSON) -> JSON:
    """``left % right``, of integers; the sign is the left one's."""
    if type(left) is int and type(right) is int and right != 0:
        rest = abs(operand(left)) % abs(operand(right))
        return calculated(-rest if left < 0 else rest)
    raise Undecided


def negated(value: JSON) -> JSON:
    """``-value``; a sign alone keeps every digit."""
    if type(value) is int or type(value) is float:
        if value == 0:  # jq tells a zero of the document from a calculated one
            raise Undecided
        return -value
    raise Undecided


def split(text: JSON, separator: JSON) -> JSON:
    """Jq's ``split``, of a text by a text."""
    if type(text) is not str or type(separator) is not str:
        raise Undecided
    if not separator or not text:
        return [*text]
    return [*text.split(separator)]


def _repeated(text: str, count: int) -> JSON:
    if count < 0:
        return None
    if max(len(text), 1) * count > LONGEST:
        raise Undecided
    return text * count


def _merged(left: dict[str, JSON], right: dict[str, JSON]) -> dict[str, JSON]:
    """Return ``left`` with the members of ``right``, objects within objects merged too."""
    merged = dict(left)
    for name, value in right.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if type(old) is dict and type(value) is dict else value
    return merged
