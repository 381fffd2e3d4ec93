"""Whether Port holds an entity already as it would be after a write, so that it need not be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from penstock import JSON, UNSET, Entity
from penstock_sinks._port_bodies import is_search

_PLAIN: Final = frozenset({str, int, float, bool})


def is_comparable(entity: Entity) -> bool:
    """Whether it can be told: what a search query comes to, only Port knows."""
    return not (entity.search is not None or is_search(entity.team) or any(map(is_search, entity.relations.values())))


def is_held(entity: Entity, held: Mapping[str, Any], *, merge: bool) -> bool:
    """Whether writing the entity would change nothing; null and absent are the same.

    Args:
        entity: One that is comparable.
        held: As Port returns it.
        merge: Whether what the entity does not mention stays; otherwise it would be cleared.
    """
    properties = cast("Mapping[str, JSON]", held.get("properties") or {})
    relations = cast("Mapping[str, JSON]", held.get("relations") or {})
    return (
        _has_properties(entity, properties)
        and _has_relations(entity, relations)
        and _has_labels(entity, held, merge=merge)
        and (merge or not (_more(properties, entity.properties) or _more(relations, entity.relations)))
    )


def written_over(held: Mapping[str, Any], entity: Entity, *, merge: bool) -> Mapping[str, Any]:
    """Return what Port holds once the entity was written; ``entity`` and ``merge`` as of ``is_held``."""
    before = held if merge else dict[str, Any]()
    labels = {"title": entity.title, "icon": entity.icon, "team": entity.team}
    return {
        "identifier": entity.identifier,
        **{name: before.get(name) if value is UNSET else value for name, value in labels.items()},
        "properties": {**(before.get("properties") or {}), **entity.properties},
        "relations": {**(before.get("relations") or {}), **entity.relations},
    }


def _has_properties(entity: Entity, held: Mapping[str, JSON]) -> bool:
    for name, value in entity.properties.items():
        other = held.get(name)
        # nearly all are texts and numbers that are the same as they stand: no need to call anything
        if not (value == other and type(value) is type(other) and type(value) in _PLAIN) and not alike(value, other):
            return False
    return True


def _has_relations(entity: Entity, held: Mapping[str, JSON]) -> bool:
    for name, value in entity.relations.items():
        other = held.get(name)
        if not (type(value) is str and value == other) and _names(value) != _names(other):
            return False
    return True


def _has_labels(entity: Entity, held: Mapping[str, Any], *, merge: bool) -> bool:
    for name, text in (("title", entity.title), ("icon", entity.icon)):
        # what is not mapped stays, or is cleared
        if not (text is UNSET and merge) and (None if text is UNSET else text) != held.get(name):
            return False
    if entity.team is UNSET:
        return merge or not held.get("team")
    return _names(entity.team) == _names(held.get("team"))


def alike(one: JSON, other: JSON) -> bool:
    """Whether two values are the same to Port, which knows numbers as JavaScript does."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or _as_double(one) == _as_double(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[name]) for name, value in one.items())
    return type(one) is type(other) and one == other


def _as_double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _names(value: JSON) -> list[str]:
    """Return what a relation or a team names: their order means nothing."""
    if value is None:
        return []
    return sorted(map(str, value)) if isinstance(value, list) else [str(value)]


def _more(held: Mapping[str, JSON], brought: Mapping[str, JSON]) -> bool:
    return any(value not in (None, []) for name, value in held.items() if name not in brought)
