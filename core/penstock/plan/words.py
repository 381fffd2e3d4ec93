"""How plans name entities and values, in a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from penstock.expressions.exact import encode
from penstock.plan.changes import Action, Change, Difference
from penstock.plan.plan import HeldDeletion, Plan
from penstock.values import JSON, UNSET, Unset

LONGEST: Final = 100
"""Characters shown of a name or a value."""
_NONE: Final = "(none)"
_TO: Final[dict[Action, str]] = {"create": "to create", "update": "to update", "delete": "to delete"}


def label(one: Change | HeldDeletion) -> str:
    """Return what to call an entity."""
    return f"{name_text(one.blueprint)}/{name_text(one.identifier)}"


def name_text(name: str) -> str:
    """Return a name as it is, or in quotes where it would not be told from what is around it."""
    plain = name.isprintable() and name != "" and not any(char in name for char in ' "\\')
    return cut(name if plain else json.dumps(name, ensure_ascii=False))


def value_text(value: JSON | Unset) -> str:
    """Return a value as JSON, cut off when it is long."""
    return _NONE if value is UNSET else cut(encode(value).decode())


def difference_text(one: Difference) -> str:
    """Return a field with its value before and after."""
    return f"{name_text(one.field)}: {value_text(one.before)} -> {value_text(one.after)}"


def title_text(change: Change) -> str:
    """Return the title of a change's entity with a blank before it, or nothing where it has none."""
    return f" {value_text(change.title)}" if isinstance(change.title, str) else ""


def counts_text(counts: Mapping[Action, int]) -> str:
    """Return how many changes there are of each sort: ``2 to create, 1 to delete``."""
    return ", ".join(f"{count:,} {_TO[action]}" for action, count in counts.items() if count) or "no changes"


def ending_text(plan: Plan) -> str:
    """Return all of a plan in a line."""
    parts = [counts_text(plan.counts)]
    if plan.held:
        parts.append(f"{plan.held:,} deletions held for approval")
    if plan.missing:
        parts.append(f"{plan.missing:,} not found, to be looked for again before they are deleted")
    partly = sum(kind.extent == "changes" for kind in plan.kinds)
    if partly:
        parts.append(f"{partly:,} of {len(plan.kinds):,} kinds asked for changes only, so that deletions wait")
    wrong = sum(kind.status == "incomplete" for kind in plan.kinds)
    if wrong:
        parts.append(f"{wrong:,} of {len(plan.kinds):,} kinds went wrong, so that more may be to do")
    return "; ".join(parts)


def cut(text: str) -> str:
    """Return a text, or its beginning and dots."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
