"""The expressions of one entity mapping, compiled, and the quickest way from an item to an entity."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, cast

from msgspec import Struct

from penstock.config.models import EntityMapping, SearchQuery, SearchRule
from penstock.expressions import Cell, Evaluator, Expression
from penstock.expressions.exact import UNCLEAN, whole
from penstock.expressions.undecided import Undecided
from penstock.sync.transform.coerce import as_label, as_target, as_text, is_search
from penstock.values import JSON, UNSET, Entity, Unset

Evaluate: TypeAlias = Callable[[JSON], JSON]
Build: TypeAlias = Callable[[JSON], Entity]

HAND_OVER: Final = (Undecided, RecursionError, ValueError)
"""What the quick way raises where it cannot decide, or where there is something to report."""
_CONSTANT: Final = re.compile(r'\s*("[^"\\\x00-\x1f]*"|-?\d{1,15}|true|false|null)\s*\Z', re.ASCII)


class Field(Struct, frozen=True):
    """One expression of a mapping."""

    path: str
    """As in the mapping: ``properties.mail``."""
    text: str
    """As the user wrote it."""
    cell: Cell
    """For libjq."""
    quick: Evaluate | None
    """Gives the first output, or raises ``Undecided``; None where only libjq will do."""
    expression: Expression

    @property
    def may_repeat(self) -> bool:
        """Whether it may have several outputs."""
        return self.expression.compiled is None or not self.expression.compiled.exact_one


class FieldMaker:
    """Makes the fields of one resource."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def field(self, path: str, text: str) -> Field:
        """Return a field for an expression."""
        expression = self._evaluator.compile(text)
        quick = None if expression.compiled is None else expression.compiled.first
        constant = _CONSTANT.match(expression.jq_text)
        if constant and quick:
            quick = _always(cast("JSON", json.loads(constant[1])))
        return Field(path, text, Cell(expression.jq_text), quick, expression)

    def value(self, path: str, value: str | float | SearchQuery) -> Field:
        """Return a field for whatever a mapping may write: an expression, a constant, a search query."""
        if isinstance(value, SearchQuery):
            return self.field(path, _search_text(value))
        return self.field(path, value if isinstance(value, str) else json.dumps(value))


class EntityFields:
    """One entity mapping, compiled.

    Args:
        prefix: What its fields' paths begin with: nothing, or ``mappings[1].`` where there are several.
    """

    def __init__(self, mapping: EntityMapping, maker: FieldMaker, prefix: str) -> None:
        self.searches = isinstance(mapping.identifier, SearchQuery)
        """Whether entities are named by a search query."""
        self.identifier = maker.value(f"{prefix}identifier", mapping.identifier)
        self.blueprint = maker.field(f"{prefix}blueprint", mapping.blueprint)
        self.title = None if mapping.title is None else maker.field(f"{prefix}title", mapping.title)
        self.icon = None if mapping.icon is None else maker.field(f"{prefix}icon", mapping.icon)
        self.team = None if mapping.team is None else maker.value(f"{prefix}team", mapping.team)
        self.properties = {
            name: maker.value(f"{prefix}properties.{name}", value) for name, value in mapping.properties.items()
        }
        self.relations = {
            name: maker.value(f"{prefix}relations.{name}", value) for name, value in mapping.relations.items()
        }

    def __iter__(self) -> Iterator[Field]:
        """Iterate over all fields."""
        yield self.identifier
        yield self.blueprint
        yield from (field for field in (self.title, self.icon, self.team) if field)
        yield from self.properties.values()
        yield from self.relations.values()


def builder_of(fields: EntityFields, evaluate: Callable[[Field], Evaluate]) -> Build:
    """Return what makes an entity of an item, or raises one of ``HAND_OVER`` where there is anything to report.

    It runs for every item, so it does the usual case only, and that without a detour.

    Args:
        fields: The mapping.
        evaluate: Gives a field's evaluation; that raises one of ``HAND_OVER`` where it cannot decide.
    """

    def optional(field: Field | None) -> Evaluate | None:
        return None if field is None else evaluate(field)

    if fields.searches:
        return _refuse
    identify, name = evaluate(fields.identifier), evaluate(fields.blueprint)
    entitle, depict, own = optional(fields.title), optional(fields.icon), optional(fields.team)
    properties = [(key, evaluate(field)) for key, field in fields.properties.items()]
    relations = [(key, evaluate(field)) for key, field in fields.relations.items()]

    def build(item: JSON) -> Entity:
        identifier, blueprint = identify(item), name(item)
        if type(identifier) is not str:
            identifier = _needed(identifier)
        if type(blueprint) is not str:
            blueprint = _needed(blueprint)
        if not identifier or not blueprint:
            raise Undecided
        title: JSON | Unset = entitle(item) if entitle else UNSET
        icon: JSON | Unset = depict(item) if depict else UNSET
        team: JSON | Unset = own(item) if own else UNSET
        values: dict[str, JSON] = {}
        for key, value_of in properties:
            value = value_of(item)
            values[key] = whole(value) if type(value) in UNCLEAN else value
        targets: dict[str, JSON] = {}
        for key, target_of in relations:
            target = target_of(item)
            targets[key] = target if type(target) is str or target is None else as_target(target)
        return Entity(
            blueprint,
            identifier,
            title if type(title) is str or title is UNSET else as_label(title),
            icon if type(icon) is str or icon is UNSET else as_label(icon),
            team if team is UNSET else as_target(team),
            values,
            targets,
        )

    return build


def _needed(value: JSON) -> str:
    text = None if is_search(value) else as_text(value)
    if text is None:
        raise Undecided
    return text


def _refuse(_: JSON) -> Entity:
    raise Undecided


def _always(value: JSON) -> Evaluate:
    return lambda _: value


def _search_text(query: SearchQuery) -> str:
    """Return a jq expression that gives the whole query, each leaf with its first output or null."""
    rules = ", ".join(
        f"{{property: {_leaf(rule.property)}, operator: {_leaf(rule.operator)}, value: {_leaf(rule.value)}}}"
        if isinstance(rule, SearchRule)
        else _search_text(rule)
        for rule in query.rules
    )
    return f"{{combinator: {_leaf(query.combinator)}, rules: [{rules}]}}"


def _leaf(text: str) -> str:
    return f"first(({text}\n), null)"
