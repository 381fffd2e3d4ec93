"""Builtins written out in terms of others, as jq's own ``builtin.jq`` (1.8) defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock.expressions.syntax import (
    EMPTY,
    IDENTITY,
    NULL,
    Array,
    Binary,
    Call,
    Conditional,
    Constant,
    Index,
    Iterate,
    Logical,
    Node,
    Pipe,
)

_ELEMENTS: Final = Iterate(IDENTITY)
_TYPE: Final = Call("type")


def _select(condition: Node) -> Node:
    return Conditional(condition, IDENTITY, EMPTY)


def _of_type(*names: str) -> Node:
    tests: list[Node] = [Binary("==", _TYPE, Constant(name)) for name in names]
    condition = tests[0]
    for test in tests[1:]:
        condition = Logical("or", condition, test)
    return _select(condition)


def _map(body: Node) -> Node:
    return Array(Pipe(_ELEMENTS, body))


def _with_entries(body: Node) -> Node:
    return Pipe(Call("to_entries"), Pipe(_map(body), Call("from_entries")))


def _is_in(source: Node, values: Node) -> Node:
    return Call("any", (Binary("==", source, values), IDENTITY))


_NO_ARGUMENT: Final[dict[str, Node]] = {
    "true": Constant(value=True),
    "false": Constant(value=False),
    "null": NULL,
    "first": Index(IDENTITY, Constant(0)),
    "last": Index(IDENTITY, Constant(-1)),
    "any": Call("any", (_ELEMENTS, IDENTITY)),
    "all": Call("all", (_ELEMENTS, IDENTITY)),
    "values": _select(Binary("!=", IDENTITY, NULL)),
    "nulls": _select(Binary("==", IDENTITY, NULL)),
    "strings": _of_type("string"),
    "numbers": _of_type("number"),
    "booleans": _of_type("boolean"),
    "arrays": _of_type("array"),
    "objects": _of_type("object"),
    "iterables": _of_type("array", "object"),
    "scalars": _of_type("string", "number", "boolean", "null"),
}
_ONE_ARGUMENT: Final[dict[str, Callable[[Node], Node]]] = {
    "map": _map,
    "select": _select,
    "with_entries": _with_entries,
    "any": lambda condition: Call("any", (_ELEMENTS, condition)),
    "all": lambda condition: Call("all", (_ELEMENTS, condition)),
    "nth": lambda position: Index(IDENTITY, position),
    "add": lambda source: Pipe(Array(source), Call("add")),
    "range": lambda end: Call("range", (Constant(0), end)),
    "IN": lambda values: _is_in(values, IDENTITY),
}
_TWO_ARGUMENTS: Final[dict[str, Callable[[Node, Node], Node]]] = {
    "IN": _is_in,
}


def write_out(name: str, arguments: tuple[Node, ...]) -> Node:
    """Return what the call stands for: its definition, or itself when it is a primitive here or unknown."""
    match arguments:
        case () if name in _NO_ARGUMENT:
            return _NO_ARGUMENT[name]
        case (only,) if name in _ONE_ARGUMENT:
            return _ONE_ARGUMENT[name](only)
        case (first, second) if name in _TWO_ARGUMENTS:
            return _TWO_ARGUMENTS[name](first, second)
        case _:
            return Call(name, arguments)
