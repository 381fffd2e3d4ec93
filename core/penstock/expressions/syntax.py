"""The syntax tree of the compiled jq subset.

Only what ``parser`` can produce is here. Builtins that jq itself defines in jq (``map``, ``select``, ``values`` ...)
never reach the tree: ``definitions`` writes them out while parsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None

Operator: TypeAlias = Literal["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Identity:
    """``.``."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, string, ``true``, ``false`` or ``null`` in the text."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Interpolation:
    r"""``"a\(f)b"``: texts and queries in turn; the queries' values are joined as ``tostring`` gives them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``target[key]``, ``target.key``; the key is evaluated on the input of the whole term."""

    target: Node
    key: Node
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """``target[start:end]``."""

    target: Node
    start: Node
    end: Node


@dataclass(frozen=True, slots=True)
class Iterate:
    """``target[]``."""

    target: Node
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """``body?`` after anything but an index or an iteration."""

    body: Node


@dataclass(frozen=True, slots=True)
class Negation:
    """``-operand``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic and comparison."""

    operator: Operator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logical:
    """``left and right``, ``left or right``."""

    operator: Literal["and", "or"]
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Alternative:
    """``left // right``."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Pipe:
    """``left | right``."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comma:
    """``a, b, c``: the outputs of each in turn."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """``source as $name | body``."""

    source: Node
    name: str
    body: Node


@dataclass(frozen=True, slots=True)
class Conditional:
    """``if condition then consequence else otherwise end``."""

    condition: Node
    consequence: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Array:
    """``[body]``; no body for ``[]``."""

    body: Node | None


@dataclass(frozen=True, slots=True)
class Object:
    """``{key: value, ...}``, in the order of the text."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Call:
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
