"""Query parameters and bodies: literal values, and jq that is evaluated once per run (mapping.md 3.3)."""

from __future__ import annotations

import json
import re
from typing import Final, cast

from penstock.config.expressions import explain
from penstock.config.node import Node
from penstock.config.problems import Findings
from penstock.errors import ExpressionError, ExpressionSyntaxError
from penstock.values import JSON, QueryValue

_WHOLE: Final = re.compile(r"\s*\{\{(?P<jq>(?:(?!\{\{).)*)\}\}\s*", re.DOTALL)
_PART: Final = re.compile(r"\{\{(?P<jq>.*?)\}\}", re.DOTALL)
_TEXT_IN_JQ: Final = re.compile(r'"(?:[^"\\]|\\[^(])*"')
_CALLS_NOW: Final = re.compile(r"(?<![\w.$@])now(?!\w)")
_PLAIN_WORD: Final = re.compile(r"\s*\w+\s*")


class _Failed(Exception):  # noqa: N818 - never leaves this module
    """A value cannot be had; the text says why."""


def query_params(node: Node, found: Findings) -> dict[str, QueryValue]:
    """Return the parameters of a ``query_params`` mapping; those with a problem are left out."""
    values: dict[str, QueryValue] = {}
    implicit: list[str] = []
    for name, child in node.fields.items():
        try:
            if isinstance(child.value, str) and _is_jq_with_now(child.value):
                implicit.append(name)
                values[name] = _checked(_evaluate(child.value))
            else:
                values[name] = _value(child)
        except _Failed as error:
            found.problem(child, str(error))
    if implicit:
        names = ", ".join(implicit)
        found.warn(node, f"evaluated as jq, because it calls now: {names}; write {{{{ ... }}}} around it to say so")
    return values


def body(node: Node, found: Findings) -> dict[str, JSON]:
    """Return the object that a ``body`` stands for; an empty one after a problem."""
    content = node.plain()
    if isinstance(content, str):
        try:
            content = _json_or_jq(content)
        except _Failed as error:
            found.problem(node, str(error))
            return {}
    if isinstance(content, dict):
        return content
    found.problem(node, f"expected an object, not {_kind(content)}")
    return {}


def _json_or_jq(text: str) -> JSON:
    try:
        return cast("JSON", json.loads(text))
    except ValueError:
        return _evaluate(text)


def _value(node: Node) -> QueryValue:
    if isinstance(node.value, float):
        return node.text or node.value  # 1.10 is not 1.1 to an API
    if isinstance(node.value, list):
        return cast("QueryValue", [_checked(_value(child), alone=False) for child in node.value])
    if isinstance(node.value, str) and "{{" in node.value:
        return _templated(node.value)
    return _checked(node.plain())


def _templated(text: str) -> QueryValue:
    whole = _WHOLE.fullmatch(text)
    if whole:
        return _checked(_evaluate(whole["jq"]))
    return _PART.sub(lambda match: _text(_checked(_evaluate(match["jq"]), alone=False)), text)


def _checked(value: object, *, alone: bool = True) -> QueryValue:
    """Refuse what has no form in a query string; a list is fine unless it is within another."""
    if isinstance(value, list) and alone:
        return cast("QueryValue", [_checked(item, alone=False) for item in cast("list[object]", value)])
    if isinstance(value, dict | list):
        kind = _kind(cast("object", value))
        message = f"expected text, a number, a boolean, null or a list of them; {kind} has no form in a query"
        raise _Failed(message)
    return cast("QueryValue", value)


def _text(value: QueryValue) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _evaluate(expression: str) -> JSON:
    from penstock.expressions import compile_expression  # noqa: PLC0415 - few mappings have jq in their requests

    try:
        return compile_expression(expression).first(None)
    except ExpressionSyntaxError as error:
        message = f"jq does not compile: {explain(error)}"
        raise _Failed(message) from error
    except ExpressionError as error:
        message = f"jq failed: {explain(error)}"
        raise _Failed(message) from error


def _is_jq_with_now(text: str) -> bool:
    if _PLAIN_WORD.fullmatch(text) or "{{" in text or not _CALLS_NOW.search(_TEXT_IN_JQ.sub('""', text)):
        return False
    from penstock.expressions import check_expressions  # noqa: PLC0415 - as above

    return not check_expressions([text])


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "null" if value is None else "text" if isinstance(value, str) else "a number or boolean"
