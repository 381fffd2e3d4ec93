"""Search queries: ``{combinator, rules}`` over entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from penstock.demo.port.errors import invalid

Facts: TypeAlias = Mapping[str, Any]
"""What rules look at: ``$identifier`` and the like, and the properties."""
Test: TypeAlias = Callable[[Facts], bool]

_SCALARS: Final = str | int | float | None
"""All of JSON but lists and objects: bool is an int."""


def compile_query(query: object) -> Test:
    """Return what tells whether an entity matches; raises for what is no query."""
    if not isinstance(query, dict) or "rules" not in query:
        raise invalid("body must have required property 'rules'")
    found = cast("dict[str, Any]", query)
    combinator = found.get("combinator")
    if combinator not in {"and", "or"} or isinstance(found["rules"], _SCALARS | dict):
        raise invalid('body/combinator must be "and" or "or", body/rules a list')
    rules: list[Any] = found["rules"]
    tests = [compile_query(rule) if "rules" in rule else _compile_rule(rule) for rule in rules]
    if combinator == "and":
        return lambda facts: all(test(facts) for test in tests)
    return lambda facts: any(test(facts) for test in tests)


def _compile_rule(rule: Mapping[str, Any]) -> Test:
    name, operator, value = rule.get("property"), rule.get("operator"), rule.get("value")
    if not isinstance(name, str) or operator not in _OPERATORS:
        raise invalid(f"body/rules: no such property or operator: {name} {operator}")
    holds = _OPERATORS[operator]
    return lambda facts: holds(facts.get(name), value)


def _contains(have: Any, value: Any) -> bool:  # noqa: ANN401 - JSON
    if have is None:
        return value is None
    return value in have if isinstance(have, str | list) else False


def _in(have: Any, value: Any) -> bool:  # noqa: ANN401 - JSON
    several: list[Any] = [have] if isinstance(have, _SCALARS) else have
    return any(one in value for one in several)


_OPERATORS: Final[dict[object, Callable[[Any, Any], bool]]] = {
    "=": lambda have, value: have == value,
    "!=": lambda have, value: have != value,
    "in": _in,
    "notIn": lambda have, value: not _in(have, value),
    "contains": _contains,
    "containsAny": lambda have, value: any(_contains(have, one) for one in value),
    "doesNotContains": lambda have, value: not _contains(have, value),
    "beginsWith": lambda have, value: isinstance(have, str) and have.startswith(value),
    "endsWith": lambda have, value: isinstance(have, str) and have.endswith(value),
    "isEmpty": lambda have, _: have in (None, "", []),
    "isNotEmpty": lambda have, _: have not in (None, "", []),
    ">": lambda have, value: have is not None and have > value,
    "<": lambda have, value: have is not None and have < value,
}
