"""An explanation for programs: one JSON object, as ``docs/explain.md`` shows it."""

from __future__ import annotations

from penstock.explain.explain import Explanation, Origin, Written
from penstock.values import JSON, UNSET, Entity


def to_json(found: Explanation) -> dict[str, JSON]:
    """Return an explanation as documented; what is not known is null."""
    record = found.answer.found if found.answer else None
    return {
        "blueprint": found.key.blueprint,
        "identifier": found.key.identifier,
        "source": found.source,
        "in_catalog": found.in_catalog,
        "state": found.verdict.state.value,
        "reasons": list(found.verdict.reasons),
        "commands": list(found.verdict.ways),
        "owner": found.owner or None,
        "entity": None if found.held is None else _entity(found.held),
        "seen": [_origin(one) for one in found.origins],
        "request": _request(found),
        "record": record.record if record else None,
        "selected": record.selected if record else None,
        "expressions": [_expression(one) for one in found.expressions],
        "notes": [{"where": note.where, "message": note.message} for note in (record.notes if record else ())],
        "differs": [{"field": one.field, "catalog": one.catalog, "record": one.record} for one in found.differing],
        "near": [{"blueprint": one.blueprint, "identifier": one.identifier} for one in found.near],
    }


def _entity(entity: Entity) -> JSON:
    fixed: dict[str, JSON] = {}
    for name, value in (("title", entity.title), ("icon", entity.icon), ("team", entity.team)):
        fixed[name] = None if value is UNSET else value
    return {**fixed, "properties": entity.properties, "relations": entity.relations}


def _origin(one: Origin) -> JSON:
    return {
        "run": one.run.run if one.run else None,
        "started_at": one.run.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if one.run else None,
        "status": one.run.status if one.run else None,
        "kind": one.kind,
        "path_values": dict(one.path_values),
        "page": one.page,
        "url": one.url or None,
    }


def _request(found: Explanation) -> JSON:
    answer = found.answer
    record = answer.found if answer else None
    return {
        "sent": {"method": answer.method, "url": answer.url, "body": answer.body} if answer else None,
        "why_not": None if answer else found.unasked,
        "status": answer.status if answer else None,
        "records": answer.records if answer else None,
        "position": record.item + 1 if record else None,
        "same_name": answer.others if answer else None,
    }


def _expression(one: Written) -> JSON:
    return {
        "field": one.step.path,
        "expression": one.step.text,
        "value": one.step.value,
        "error": one.step.error or None,
        "path": one.place.path if one.place else None,
        "source": one.place.source if one.place else None,
    }
