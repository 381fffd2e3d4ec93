"""The fast tier of expressions: jq's everyday subset, compiled to Python functions.

The meaning is jq 1.8's to the last digit, or there is no answer: an expression outside the subset is not compiled, and
a value on which the two might differ raises ``Undecided``. Either way libjq decides, and which tier an expression
takes never shows in the result. The way of a text: ``lexer``, ``parser``, ``syntax`` tree, ``nodes`` and ``calls``
(Python source), and what that calls is in ``runtime``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, cast

from msgspec import Struct

from penstock.expressions import calls, nodes
from penstock.expressions.builtins import BUILTINS, KEYED
from penstock.expressions.cardinality import outputs_of
from penstock.expressions.code import Code, Scope, Value, emit
from penstock.expressions.growth import check_growth
from penstock.expressions.parser import parse
from penstock.expressions.quotes import normalise_quotes
from penstock.expressions.runtime import access, arithmetic, containers, order, texts
from penstock.expressions.syntax import Node
from penstock.expressions.undecided import OutsideSubsetError, Undecided
from penstock.values import JSON

__all__ = ["Compiled", "Undecided", "compile_subset"]

_LONGEST: Final = 20_000
"""Longer programs are no mapping expressions any more."""


class Compiled(Struct, frozen=True):
    """An expression of the subset, ready to run."""

    first: Callable[[JSON], JSON]
    """jq's first output for this input; None when there is no output; raises ``Undecided``."""
    outputs: Callable[[JSON], list[JSON]]
    """All outputs; raises ``Undecided``."""
    exact_one: bool
    """Whether there is exactly one output for every input, as far as the text tells."""


@lru_cache(maxsize=1024)  # settings are checked first, and the same expressions used then
def compile_subset(text: str) -> Compiled | None:
    """Compile a jq expression, single-quoted strings included.

    Returns:
        None when it is not in the subset, or no jq at all: libjq must take it.
    """
    if len(text) > _LONGEST or "\0" in text:
        return None
    try:
        tree = parse(normalise_quotes(text))
        check_growth(tree)
        source = _source(tree)
    except (OutsideSubsetError, RecursionError):
        return None
    namespace = dict(_NAMESPACE)
    exec(compile(source, "<compiled jq>", "exec"), namespace)  # noqa: S102 - our own text; constants come in by repr
    return Compiled(
        cast("Callable[[JSON], JSON]", namespace["first"]),
        cast("Callable[[JSON], list[JSON]]", namespace["outputs"]),
        outputs_of(tree).exactly_one,
    )


def _source(tree: Node) -> str:
    """Return the Python source of the functions ``first`` and ``outputs``."""
    exactly_one = outputs_of(tree).exactly_one
    first = _function("first", tree, "return {}", "" if exactly_one else "return None")
    if exactly_one:
        return f"{first}\ndef outputs(x):\n return [first(x)]\n"
    return first + _function("outputs", tree, "found.append({})", "return found", "found = []")


def _function(name: str, tree: Node, each: str, last: str, start: str = "") -> str:
    """Return one function that evaluates ``tree``, with a statement for each output and one after the last."""
    code = Code()
    emit(tree, code, Scope(Value("x", simple=True), {}), lambda value: code.write(each.format(value.text)))
    lines = [f" {line}" for line in code.lines]
    if code.counted:
        lines.insert(0, "  steps = 0")
    if start:
        lines.insert(0, f"  {start}")
    if last:
        lines.append(f"  {last}")
    body = "\n".join(lines)
    return (
        f"def {name}(x):\n try:\n{body}\n except (AttributeError, RecursionError) as odd:\n  raise Undecided from odd\n"
    )


def _namespace() -> Mapping[str, object]:
    functions: list[Callable[..., object]] = [
        access.index,
        access.index_or_nothing,
        access.part,
        access.elements,
        access.elements_or_nothing,
        access.count_up,
        access.text_key,
        access.refilled,
        access.without,
        arithmetic.plus,
        arithmetic.minus,
        arithmetic.times,
        arithmetic.divided,
        arithmetic.remainder,
        arithmetic.negated,
        containers.array,
        order.equal,
        order.less,
        order.at_most,
        order.greater,
        order.at_least,
        texts.tostring,
        *(builtin.function for builtin in (*BUILTINS.values(), *KEYED.values())),
    ]
    names: dict[str, object] = {function.__name__: function for function in functions}
    return {**names, "NOTHING": access.NOTHING, "Undecided": Undecided}


_NAMESPACE: Final = _namespace()
_WRITERS: Final = (calls, nodes)
"""Importing these tells ``emit`` how their nodes are written."""
