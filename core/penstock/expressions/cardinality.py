"""How many outputs an expression has, as far as its text tells."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.expressions.syntax import (
    Alternative,
    Attempt,
    Binary,
    Binding,
    Call,
    Comma,
    Conditional,
    Index,
    Interpolation,
    Iterate,
    Logical,
    Negation,
    Node,
    Object,
    Pipe,
    Slice,
)


class Outputs(Struct, frozen=True):
    """What is known of a number of outputs."""

    some: bool
    """There is at least one."""
    single: bool
    """There is at most one."""

    @property
    def exactly_one(self) -> bool:
        """Whether there is one output, whatever the input."""
        return self.some and self.single

    def times(self, other: Outputs) -> Outputs:
        """Count the outputs of something that is done for each output of another."""
        return Outputs(self.some and other.some, self.single and other.single)


_ONE: Final = Outputs(some=True, single=True)
_OPTIONAL: Final = Outputs(some=False, single=True)
_ANY: Final = Outputs(some=False, single=False)
_CLOSURES: Final = frozenset(
    {"map_values", "sort_by", "group_by", "unique_by", "min_by", "max_by", "any", "all", "isempty", "del"}
)
"""Calls whose arguments' outputs are used up inside them."""


def outputs_of(node: Node) -> Outputs:  # noqa: PLR0911 - one return per kind of node
    """Return what the text of ``node`` tells of the number of its outputs."""
    match node:
        case Index(target, key, optional):
            return _product(target, key, _OPTIONAL if optional else _ONE)
        case Iterate():
            return _ANY
        case Comma(items):
            return Outputs(some=any(outputs_of(item).some for item in items), single=False)
        case Alternative(left, right):
            last = outputs_of(right)
            return Outputs(last.some, last.single and outputs_of(left).single)
        case Conditional(condition, consequence, otherwise):
            first, second = outputs_of(consequence), outputs_of(otherwise)
            return outputs_of(condition).times(Outputs(first.some and second.some, first.single and second.single))
        case Call(name, arguments):
            return _of_call(name, arguments)
        case _:
            return _product(*_operands(node))


def _operands(node: Node) -> tuple[Node, ...]:
    """Return the parts for each combination of whose outputs ``node`` has one."""
    match node:
        case Slice(target, start, end):
            return target, start, end
        case Attempt(operand) | Negation(operand):
            return (operand,)
        case Binary(_, left, right) | Logical(_, left, right) | Pipe(left, right) | Binding(left, _, right):
            return left, right
        case Interpolation(parts):
            return parts
        case Object(entries):
            return tuple(part for entry in entries for part in entry)
        case _:  # constants, variables, the input; arrays gather what they hold
            return ()


def _product(*factors: Node | Outputs) -> Outputs:
    product = _ONE
    for factor in factors:
        product = product.times(factor if isinstance(factor, Outputs) else outputs_of(factor))
    return product


def _of_call(name: str, arguments: tuple[Node, ...]) -> Outputs:
    if name == "empty":
        return _OPTIONAL
    if name == "range":
        return _ANY
    if name in {"first", "last"}:
        return Outputs(outputs_of(arguments[0]).some, single=True)
    return _ONE if name in _CLOSURES else _product(*arguments)
