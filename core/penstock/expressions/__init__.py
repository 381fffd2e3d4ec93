"""jq expressions, evaluated without trusting them: see ``expression`` for the two ways."""

from penstock.expressions.check import check_expression, check_expressions
from penstock.expressions.expression import Evaluator, Expression, compile_expression
from penstock.expressions.pool import Answer, Cell, Row
from penstock.jq_text import JqSyntax, JqText

__all__ = [
    "Answer",
    "Cell",
    "Evaluator",
    "Expression",
    "JqSyntax",
    "JqText",
    "Row",
    "check_expression",
    "check_expressions",
    "compile_expression",
]
