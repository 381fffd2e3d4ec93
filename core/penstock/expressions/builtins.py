"""The builtins that are one call of a plain function: by name and number of arguments.

Those that evaluate an argument for each of several values (``map``, ``any(f)`` ...): ``definitions`` and ``calls``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from penstock.expressions.code import Kind
from penstock.expressions.runtime import arithmetic, containers, numeric, texts
from penstock.values import JSON


class Builtin(Struct, frozen=True):
    """A function of the input and of the values of the arguments."""

    function: Callable[..., JSON]
    kind: Kind | None = None
    """The jq type of what it returns, if that is always the same."""


BUILTINS: Final[dict[tuple[str, int], Builtin]] = {
    ("tostring", 0): Builtin(texts.tostring, "string"),
    ("tojson", 0): Builtin(texts.tojson, "string"),
    ("tonumber", 0): Builtin(texts.tonumber, "number"),
    ("ascii_downcase", 0): Builtin(texts.ascii_downcase, "string"),
    ("ascii_upcase", 0): Builtin(texts.ascii_upcase, "string"),
    ("trim", 0): Builtin(texts.trim, "string"),
    ("ltrim", 0): Builtin(texts.ltrim, "string"),
    ("rtrim", 0): Builtin(texts.rtrim, "string"),
    ("utf8bytelength", 0): Builtin(texts.utf8bytelength, "number"),
    ("startswith", 1): Builtin(texts.startswith, "boolean"),
    ("endswith", 1): Builtin(texts.endswith, "boolean"),
    ("ltrimstr", 1): Builtin(texts.ltrimstr, "string"),
    ("rtrimstr", 1): Builtin(texts.rtrimstr, "string"),
    ("trimstr", 1): Builtin(texts.trimstr, "string"),
    ("split", 1): Builtin(arithmetic.split, "array"),
    ("join", 1): Builtin(texts.join, "string"),
    ("index", 1): Builtin(texts.first_position),
    ("rindex", 1): Builtin(texts.last_position),
    ("abs", 0): Builtin(numeric.magnitude, "number"),
    ("floor", 0): Builtin(numeric.floor, "number"),
    ("ceil", 0): Builtin(numeric.ceil, "number"),
    ("round", 0): Builtin(numeric.round_half_away, "number"),
    ("type", 0): Builtin(containers.kind, "string"),
    ("length", 0): Builtin(containers.length, "number"),
    ("keys", 0): Builtin(containers.keys, "array"),
    ("keys_unsorted", 0): Builtin(containers.keys_unsorted, "array"),
    ("has", 1): Builtin(containers.has, "boolean"),
    ("in", 1): Builtin(containers.is_key_of, "boolean"),
    ("contains", 1): Builtin(containers.contains, "boolean"),
    ("inside", 1): Builtin(containers.is_inside, "boolean"),
    ("to_entries", 0): Builtin(containers.to_entries, "array"),
    ("from_entries", 0): Builtin(containers.from_entries),
    ("add", 0): Builtin(containers.add),
    ("reverse", 0): Builtin(containers.reverse, "array"),
    ("flatten", 0): Builtin(containers.flatten, "array"),
    ("flatten", 1): Builtin(containers.flatten_to, "array"),
    ("sort", 0): Builtin(containers.sort, "array"),
    ("unique", 0): Builtin(containers.unique, "array"),
    ("min", 0): Builtin(containers.smallest),
    ("max", 0): Builtin(containers.largest),
}

KEYED: Final[dict[str, Builtin]] = {
    "sort_by": Builtin(containers.sort_by, "array"),
    "group_by": Builtin(containers.group_by, "array"),
    "unique_by": Builtin(containers.unique_by, "array"),
    "min_by": Builtin(containers.min_by),
    "max_by": Builtin(containers.max_by),
}
"""Functions of an array and of what their argument gives for each element."""
