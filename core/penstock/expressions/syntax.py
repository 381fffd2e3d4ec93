"""The syntax tree of the compiled jq subset.

Only what ``parser`` can produce is here. Builtins that jq itself defines in jq (``map``, ``select``, ``values`` ...)
never reach the tree: ``definitions`` writes them out while parsing.

Nodes are named tuples: as dataclasses, nineteen of them would take 7 ms of every start.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None

Operator: TypeAlias = Literal["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="]


class Identity(NamedTuple):
    """``.``."""


class Constant(NamedTuple):
    """A number, string, ``true``, ``false`` or ``null`` in the text."""

    value: Scalar


class Interpolation(NamedTuple):
    r"""``"a\(f)b"``: texts and queries in turn; the queries' values are joined as ``tostring`` gives them."""

    parts: tuple[Node, ...]


class Variable(NamedTuple):
    """``$name``."""

    name: str


class Index(NamedTuple):
    """``target[key]``, ``target.key``; the key is evaluated on the input of the whole term."""

    target: Node
    key: Node
    optional: bool = False


class Slice(NamedTuple):
    """``target[start:end]``."""

    target: Node
    start: Node
    end: Node


class Iterate(NamedTuple):
    """``target[]``."""

    target: Node
    optional: bool = False


class Attempt(NamedTuple):
    """``body?`` after anything but an index or an iteration."""

    body: Node


class Negation(NamedTuple):
    """``-operand``."""

    operand: Node


class Binary(NamedTuple):
    """Arithmetic and comparison."""

    operator: Operator
    left: Node
    right: Node


class Logical(NamedTuple):
    """``left and right``, ``left or right``."""

    operator: Literal["and", "or"]
    left: Node
    right: Node


class Alternative(NamedTuple):
    """``left // right``."""

    left: Node
    right: Node


class Pipe(NamedTuple):
    """``left | right``."""

    left: Node
    right: Node


class Comma(NamedTuple):
    """``a, b, c``: the outputs of each in turn."""

    items: tuple[Node, ...]


class Binding(NamedTuple):
    """``source as $name | body``."""

    source: Node
    name: str
    body: Node


class Conditional(NamedTuple):
    """``if condition then consequence else otherwise end``."""

    condition: Node
    consequence: Node
    otherwise: Node


class Array(NamedTuple):
    """``[body]``; no body for ``[]``."""

    body: Node | None


class Object(NamedTuple):
    """``{key: value, ...}``, in the order of the text."""

    entries: tuple[tuple[Node, Node], ...]


class Call(NamedTuple):
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
