"""A plan as one JSON object, complete, for programs; written as it is read, so that its size does not matter."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from penstock.expressions.exact import encode
from penstock.plan.changes import ACTIONS
from penstock.plan.plan import HeldDeletion, Plan, PlannedKind
from penstock.sync.report import Message
from penstock.values import JSON

FORMAT: Final = 1
"""Grows when a program that reads the object would have to change."""


def document_parts(plan: Plan, only: Collection[str]) -> Iterator[bytes]:
    """Yield the object in parts, with a hold or a change on each line."""
    head: dict[str, JSON] = {
        "format": FORMAT,
        "source": plan.source,
        "sink": plan.sink,
        "place": plan.place,
        "made_at": plan.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "only": [kind.kind for kind in plan.kinds if kind.name in only],
        "status": plan.status,
        **{action: plan.counts[action] for action in ACTIONS},
        "held": plan.held,
        "kept": plan.kept,
        "missing": plan.missing,
        "kinds": [_kind(kind) for kind in plan.kinds],
    }
    yield encode(head)[:-1] + b',\n"holds": ['
    yield from _listed(_held(one) for kind in plan.kinds for one in plan.held_of(kind))
    yield b'],\n"changes": ['
    yield from _listed(change.to_json() for change in plan.changes())
    yield b"]}\n"


def _listed(members: Iterator[dict[str, JSON]]) -> Iterator[bytes]:
    before = b"\n"
    for member in members:
        yield before + encode(member)
        before = b",\n"


def _held(one: HeldDeletion) -> dict[str, JSON]:
    return {
        "kind": one.kind,
        "reason": one.reason.value,
        "blueprint": one.blueprint,
        "identifier": one.identifier,
    }


def _kind(kind: PlannedKind) -> JSON:
    return {
        "kind": kind.kind,
        "status": kind.status,
        "extent": kind.extent,
        **{action: kind.counts[action] for action in ACTIONS},
        "unchanged": kind.unchanged,
        "held": kind.held,
        "kept": kind.kept,
        "missing": kind.missing,
        "errors": [_message(message) for message in kind.errors],
        "warnings": [_message(message) for message in kind.warnings],
    }


def _message(message: Message) -> JSON:
    return {"where": message.where, "message": message.message}
