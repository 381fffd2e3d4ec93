"""Find the expressions that do not compile, before anything is evaluated."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.errors import ExpressionSyntaxError
from penstock.expressions.expression import Evaluator


def check_expression(text: str) -> None:
    """Make sure that an expression compiles; nothing is evaluated.

    Raises:
        ExpressionSyntaxError: It does not.
    """
    for error in check_expressions([text]).values():
        raise error


def check_expressions(texts: Iterable[str]) -> dict[str, ExpressionSyntaxError]:
    """Return the error of each expression that does not compile; nothing is evaluated.

    One worker process serves all of those that are not in the compiled subset, and none is started for the others.

    Raises:
        ExpressionError: libjq is needed and cannot be started.
    """
    with Evaluator(workers=1) as evaluator:
        return evaluator.check(texts)
