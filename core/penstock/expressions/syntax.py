"""The syntax tree of the compiled jq subset.

Only what ``parser`` can produce is here. Builtins that jq itself defines in jq (``map``, ``select``, ``values`` ...)
never reach the tree: ``definitions`` writes them out while parsing.

Nodes are named tuples: as dataclasses, nineteen of them would take 7 ms of every start.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

Scalar: TypeAlias = bool | int | float | str | None

Operator: TypeAlias = Literal["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="]


class Identity(Struct, frozen=True):
    """``.``."""


class Constant(Struct, frozen=True):
    """A number, string, ``true``, ``false`` or ``null`` in the text."""

    value: Scalar


class Interpolation(Struct, frozen=True):
    r"""``"a\(f)b"``: texts and queries in turn; the queries' values are joined as ``tostring`` gives them."""

    parts: tuple[Node, ...]


class Variable(Struct, frozen=True):
    """``$name``."""

    name: str


class Index(Struct, frozen=True):
    """``target[key]``, ``target.key``; the key is evaluated on the input of the whole term."""

    target: Node
    key: Node
    optional: bool = False


class Slice(Struct, frozen=True):
    """``target[start:end]``."""

    target: Node
    start: Node
    end: Node


class Iterate(Struct, frozen=True):
    """``target[]``."""

    target: Node
    optional: bool = False


class Attempt(Struct, frozen=True):
    """``body?`` after anything but an index or an iteration."""

    body: Node


class Negation(Struct, frozen=True):
    """``-operand``."""

    operand: Node


class Binary(Struct, frozen=True):
    """Arithmetic and comparison."""

    operator: Operator
    left: Node
    right: Node


class Logical(Struct, frozen=True):
    """``left and right``, ``left or right``."""

    operator: Literal["and", "or"]
    left: Node
    right: Node


class Alternative(Struct, frozen=True):
    """``left // right``."""

    left: Node
    right: Node


class Pipe(Struct, frozen=True):
    """``left | right``."""

    left: Node
    right: Node


class Comma(Struct, frozen=True):
    """``a, b, c``: the outputs of each in turn."""

    items: tuple[Node, ...]


class Binding(Struct, frozen=True):
    """``source as $name | body``."""

    source: Node
    name: str
    body: Node


class Conditional(Struct, frozen=True):
    """``if condition then consequence else otherwise end``."""

    condition: Node
    consequence: Node
    otherwise: Node


class Array(Struct, frozen=True):
    """``[body]``; no body for ``[]``."""

    body: Node | None


class Object(Struct, frozen=True):
    """``{key: value, ...}``, in the order of the text."""

    entries: tuple[tuple[Node, Node], ...]


class Call(Struct, frozen=True):
    """A builtin, by name, with its unevaluated arguments."""

    name: str
    arguments: tuple[Node, ...] = ()


Node: TypeAlias = (
    Identity
    | Constant
    | Interpolation
    | Variable
    | Index
    | Slice
    | Iterate
    | Attempt
    | Negation
    | Binary
    | Logical
    | Alternative
    | Pipe
    | Comma
    | Binding
    | Conditional
    | Array
    | Object
    | Call
)

IDENTITY: Final = Identity()
NULL: Final = Constant(None)
EMPTY: Final = Call("empty")
