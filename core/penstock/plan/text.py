"""A plan for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from penstock.plan.changes import ACTIONS, Action, Change
from penstock.plan.plan import Plan, PlannedKind
from penstock.plan.words import counts_text, difference_text, ending_text, label, title_text
from penstock.sync.report import Message

SHOWN: Final = 20
"""Changes shown of each kind and sort, and fields of each update."""
MESSAGES: Final = 5
"""Errors, and warnings, shown of each kind."""
_MARKS: Final[dict[Action, str]] = {"create": "+", "update": "~", "delete": "-"}


def text_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines: what would become of each kind, long lists cut off, and all of it in one last line."""
    yield f'what a sync of "{plan.source}" would change in {plan.place}'
    for kind in plan.kinds:
        yield ""
        yield f"{kind.kind}: {_heading(kind)}"
        for action in ACTIONS:
            yield from _changes(plan, kind, action)
        yield from _held(plan, kind)
        yield from _messages("error", kind.errors)
        yield from _messages("warning", kind.warnings)
    yield ""
    yield f"plan: {ending_text(plan)}"


def _heading(kind: PlannedKind) -> str:
    status = "" if kind.status == "complete" else f"{kind.status}, "
    held = f", {kind.held:,} deletions held" if kind.held else ""
    return f"{status}{counts_text(kind.counts)}{held}"


def _changes(plan: Plan, kind: PlannedKind, action: Action) -> Iterator[str]:
    for change in islice(plan.of(kind, action), SHOWN):
        yield from _change(change)
    more = kind.counts[action] - SHOWN
    if more > 0:
        yield f"  {_MARKS[action]} ... and {more:,} more to {action} (--format json has them all)"


def _held(plan: Plan, kind: PlannedKind) -> Iterator[str]:
    for one in islice(plan.held_of(kind), SHOWN):
        yield f"  ? {label(one)} held: {one.reason}"
    if kind.held > SHOWN:
        yield f"  ? ... and {kind.held - SHOWN:,} more held (--format json has them all)"


def _change(change: Change) -> Iterator[str]:
    title = "" if change.action == "update" else title_text(change)
    yield f"  {_MARKS[change.action]} {label(change)}{title}"
    if change.action == "update":
        for one in change.differences[:SHOWN]:
            yield f"      {difference_text(one)}"
        if len(change.differences) > SHOWN:
            yield f"      ... and {len(change.differences) - SHOWN:,} more fields"


def _messages(word: str, messages: Sequence[Message]) -> Iterator[str]:
    for message in messages[:MESSAGES]:
        yield f"  {word}: {message.where}: {message.message}"
    if len(messages) > MESSAGES:
        yield f"  {word}: ... and {len(messages) - MESSAGES:,} more"
