"""What generated Python source is made of, and the door through which every node is turned into it.

``emit(node, code, scope, consume)`` writes the statements that compute ``node`` and calls ``consume`` with each of its
outputs: once, at the same level, where there is exactly one; inside the loops and branches it has written, otherwise.
So what follows an expression is written where its output is, and nothing has to be gathered on the way.

The text of a program gets into the source only as ``repr`` of a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import singledispatch
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from penstock.expressions.cardinality import Outputs, outputs_of
from penstock.expressions.syntax import Node, Scalar
from penstock.expressions.undecided import OutsideSubsetError

Kind: TypeAlias = Literal["null", "boolean", "number", "string", "array"]

MOST_STEPS: Final = 200_000
"""Rounds of all loops of one evaluation; more of them are left to libjq, which can be stopped."""

_DEEPEST_LOOP: Final = 15  # CPython allows 20 nested blocks
_DEEPEST_BLOCK: Final = 60  # and 100 levels of indentation
_LONGEST_TEXT: Final = 300
"""Longer expressions get a name, so that no line nests deeper than CPython's parser goes."""


class Value(Struct, frozen=True):
    """A Python expression that gives a JSON value.

    Whoever gets one uses it exactly once, since what is not evaluated cannot fail, unless it is ``simple``.
    """

    text: str
    kind: Kind | None = None
    """Its jq type, if that is known."""
    simple: bool = False
    """Whether it is a local name or a constant: free to be used often or never."""
    constant: bool = False
    scalar: Scalar = None
    """Its value, if it is a constant."""


def constant(value: Scalar) -> Value:
    """Return the value that stands for a constant."""
    kind: Kind = (
        "null"
        if value is None
        else "boolean"
        if isinstance(value, bool)
        else "string"
        if isinstance(value, str)
        else "number"
    )
    return Value(repr(value), kind, simple=True, constant=True, scalar=value)


class Scope(Struct, frozen=True):
    """What an expression refers to: its input, a local name, and the variables."""

    input: Value
    variables: Mapping[str, Value]

    def on(self, value: Value) -> Scope:
        """Return this scope with another input."""
        return Scope(value, self.variables)

    def bind(self, name: str, value: Value) -> Scope:
        """Return this scope with one more variable."""
        return Scope(self.input, {**self.variables, name: value})


Consume: TypeAlias = Callable[[Value], None]


class Code:
    """The body of one Python function while it is written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._indent = 1
        self._names = 0
        self._loops = 0
        self.depth = 0
        """How many loops are open."""
        self.counted = False
        """Whether loops count their rounds in ``steps``."""

    def write(self, line: str) -> None:
        """Add one line at the present level."""
        self.lines.append(f"{' ' * self._indent}{line}")

    def fresh(self) -> str:
        """Return a local name that is not in use."""
        self._names += 1
        return f"v{self._names}"

    def named(self, value: Value) -> Value:
        """Evaluate ``value`` here and return a local name for it."""
        if value.simple and not value.constant:
            return value
        name = self.fresh()
        self.write(f"{name} = {value.text}")
        return Value(name, value.kind, simple=True)

    def settled(self, value: Value) -> Value:
        """Return ``value``, or a name for it if it is too long to be part of another expression."""
        return self.named(value) if len(value.text) > _LONGEST_TEXT else value

    @contextmanager
    def block(self, header: str) -> Generator[None]:
        """Write ``header:`` and indent what is written inside."""
        if self._indent > _DEEPEST_BLOCK:
            raise OutsideSubsetError
        self.write(f"{header}:")
        self._indent += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.write("pass")
        self._indent -= 1

    @contextmanager
    def loop(self, items: str) -> Generator[Value]:
        """Write a loop over ``items``, give the name of an item, and count the rounds from the second loop on."""
        if self.depth >= _DEEPEST_LOOP:
            raise OutsideSubsetError
        if self._loops:
            self.counted = True
            sequence = self.fresh()
            self.write(f"{sequence} = {items}")
            self.write(f"steps += len({sequence})")
            self.write(f"if steps > {MOST_STEPS}: raise Undecided")
            items = sequence
        self._loops += 1
        name = self.fresh()
        self.depth += 1
        with self.block(f"for {name} in {items}"):
            yield Value(name, simple=True)
        self.depth -= 1

    @contextmanager
    def aside(self) -> Generator[list[str]]:
        """Gather the lines written inside, one level deeper, without adding them."""
        before, self.lines = self.lines, []
        self._indent += 1
        yield self.lines
        self._indent -= 1
        self.lines = before


class Channel:
    """Brings the outputs of several branches together, so that what follows is written only once."""

    def __init__(self, code: Code, outputs: Outputs) -> None:
        self._code = code
        self._outputs = outputs
        self._name = code.fresh()
        if not outputs.exactly_one:
            code.write(f"{self._name} = {'NOTHING' if outputs.single else '[]'}")

    @property
    def name(self) -> str:
        """The local name that holds the outputs."""
        return self._name

    def put(self, value: Value) -> None:
        """Write what hands over one output."""
        template = "{} = {}" if self._outputs.single else "{}.append({})"
        self._code.write(template.format(self._name, value.text))

    def drain(self, consume: Consume) -> None:
        """Write what takes the outputs out again."""
        held = Value(self._name, simple=True)
        if self._outputs.exactly_one:
            consume(held)
        elif self._outputs.single:
            with self._code.block(f"if {self._name} is not NOTHING"):
                consume(held)
        else:
            with self._code.loop(self._name) as item:
                consume(item)


@singledispatch
def writer(node: Node, code: Code, scope: Scope, consume: Consume) -> None:
    """Write one kind of node: ``nodes`` and ``calls`` register a function for each."""
    del code, scope, consume
    message = f"there is no code for {type(node).__name__}"
    raise TypeError(message)


def emit(node: Node, code: Code, scope: Scope, consume: Consume) -> None:
    """Write the code of ``node``; see the module."""
    writer(node, code, scope, consume)


def value_of(node: Node, code: Code, scope: Scope) -> Value:
    """Write the code of a node with exactly one output and return that output."""
    values: list[Value] = []
    emit(node, code, scope, values.append)
    [value] = values
    return code.settled(value)


def combine(nodes: tuple[Node, ...], code: Code, scope: Scope, consume: Callable[[list[Value]], None]) -> None:
    """Write the code of several nodes and consume each combination of their outputs, the first node outermost."""
    values: list[Value] = []
    for position, node in enumerate(nodes):
        if outputs_of(node).exactly_one:
            values.append(value_of(node, code, scope))
            continue
        before = [code.named(value) if not value.simple else value for value in values]
        rest = nodes[position + 1 :]

        def proceed(value: Value, before: list[Value] = before, rest: tuple[Node, ...] = rest) -> None:
            held = value if all(outputs_of(other).exactly_one for other in rest) else code.named(value)
            combine(rest, code, scope, lambda others: consume([*before, held, *others]))

        emit(node, code, scope, proceed)
        return
    consume(values)


def truth(value: Value, code: Code) -> str:
    """Return a Python condition that holds unless ``value`` is false or null."""
    if value.kind == "boolean":
        return value.text
    if value.constant:
        return repr(value.scalar is not None)
    if value.simple:
        return f"({value.text} is not None and {value.text} is not False)"
    name = code.fresh()
    return f"(({name} := {value.text}) is not None and {name} is not False)"
