"""Keeps small programs from building huge values.

``[., .] | [., .] | ...`` doubles with each step and costs next to nothing while the copies are shared, until somebody
writes the result out. So an expression whose result may hold its input more often than any mapping needs is left to
libjq, which runs within limits of time and memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.expressions.cardinality import outputs_of
from penstock.expressions.syntax import (
    Alternative,
    Array,
    Attempt,
    Binary,
    Binding,
    Call,
    Comma,
    Conditional,
    Constant,
    Identity,
    Index,
    Interpolation,
    Iterate,
    Negation,
    Node,
    Object,
    Pipe,
    Slice,
    Variable,
)
from penstock.expressions.undecided import OutsideSubsetError

_MOST_COPIES: Final = 1_000
_PER_LOOP: Final = 30
"""What a variable counts for that is used once in each round of a loop: two nested loops are fine, three are not."""
_DOUBLING: Final = frozenset({"tojson", "tostring", "to_entries"})
"""Escaped texts and entries may be twice as long as what they are made of."""

Copies = Mapping[str, int]


def check_growth(node: Node) -> None:
    """Raise ``OutsideSubsetError`` if the outputs may hold the input too often."""
    if _copies(node, {}) > _MOST_COPIES:
        raise OutsideSubsetError


def _copies(node: Node, variables: Copies) -> int:  # noqa: PLR0911 - one return per kind of node
    """Return how many copies of its input all outputs of ``node`` together may hold."""
    match node:
        case Constant() | Array(None):
            return 0
        case Identity():
            return 1
        case Variable(name):
            return variables.get(name, 1)
        case Index(target) | Slice(target) | Iterate(target) | Attempt(target) | Negation(target):
            return _copies(target, variables)
        case Pipe(left, right):
            once = outputs_of(left).single
            return _copies(left, variables) * _copies(right, variables if once else _in_loop(variables))
        case Binding(source, name, body):
            outer = variables if outputs_of(source).single else _in_loop(variables)
            bound = _copies(source, variables)
            return _copies(body, {**outer, name: bound if outer is variables else bound * _PER_LOOP})
        case Call(name, arguments):
            return _of_call(name, arguments, variables)
        case _:
            return sum(_copies(part, variables) for part in _parts(node))


def _parts(node: Node) -> tuple[Node, ...]:
    """Return what the outputs of ``node`` are put together from."""
    match node:
        case Array(body) if body is not None:
            return (body,)
        case Binary(operator, left, right) if operator in {"+", "*", "/"}:
            return left, right
        case Alternative(left, right) | Conditional(_, left, right):
            return left, right
        case Comma(items) | Interpolation(items):
            return items
        case Object(entries):
            return tuple(part for entry in entries for part in entry)
        case _:  # comparisons and numbers
            return ()


def _of_call(name: str, arguments: tuple[Node, ...], variables: Copies) -> int:
    inside = sum(_copies(argument, _in_loop(variables)) for argument in arguments)
    if name in {"first", "last", "map_values"}:
        return inside
    if name == "join":
        return 1 + inside * _PER_LOOP
    return 2 if name in _DOUBLING else 1


def _in_loop(variables: Copies) -> Copies:
    return {name: copies * _PER_LOOP for name, copies in variables.items()}
