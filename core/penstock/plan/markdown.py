"""A plan as a comment in a pull request.

GitHub takes comments of 65,536 characters, and other forges of no fewer. All that comes from the source or the settings
stands in code, where it mentions nobody, links nowhere and formats nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from penstock.plan.changes import ACTIONS, Action, Change
from penstock.plan.plan import Plan, PlannedKind
from penstock.plan.words import counts_text, cut, difference_text, ending_text, label, title_text
from penstock.sync.report import Message

LARGEST: Final = 60_000
"""Characters of a whole comment."""
OPEN: Final = 20
"""Changes of which a plan shows the details at once; those of a larger one are folded up."""
SHOWN: Final = 50
"""Changes shown of each kind and sort."""
_KINDS: Final = 100
_RESERVE: Final = 1_000
"""Characters for the beginning and the end of one more section, and for saying that there is no room."""
_FIELDS: Final = 10
_MESSAGES: Final = 3
_LONGEST: Final = 500
"""Characters of a message."""
_MARKS: Final[dict[Action, str]] = {"create": "+", "update": "!", "delete": "-"}


def markdown_text(plan: Plan) -> str:
    """Return the comment: a table of the kinds, then the changes of each, as many as there is room for."""
    page = _Page()
    page.put(f"### Plan: {ending_text(plan)}\n")
    page.put(f"What a sync of {_code(plan.source)} would change in {_code(plan.place)}.\n")
    _table(page, plan)
    opening = "<details open>" if sum(plan.counts.values()) <= OPEN else "<details>"
    for kind in plan.kinds:
        lines = _lines(plan, kind)
        first = next(lines, None)
        if first is not None and page.has_room_for(first):
            page.put(f"{opening}<summary>{_code(kind.kind)}: {counts_text(kind.counts)}</summary>\n\n```diff")
            page.put(first)
            _fill(page, lines)
            page.put("```\n\n</details>\n")
        elif first is not None:
            page.put("There is no room here for the rest; `penstock plan --format json` has all of it.")
            break
    return page.text


class _Page:
    """Text that grows as long as there is room."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._left = LARGEST

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def has_room_for(self, line: str) -> bool:
        """Whether a line fits, and what must follow it."""
        return self._left >= len(line) + _RESERVE

    def put(self, line: str) -> None:
        self._lines.append(line)
        self._left -= len(line) + 1


def _table(page: _Page, plan: Plan) -> None:
    page.put("| Kind | Status | Create | Update | Delete | Held |")
    page.put("|---|---|---:|---:|---:|---:|")
    for kind in plan.kinds[:_KINDS]:
        numbers = " | ".join(f"{number:,}" for number in (*(kind.counts[action] for action in ACTIONS), kind.held))
        page.put(f"| {_code(kind.kind)} | {kind.status} | {numbers} |")
    if len(plan.kinds) > _KINDS:
        page.put(f"| ... and {len(plan.kinds) - _KINDS:,} more | | | | | |")
    page.put("")


def _fill(page: _Page, lines: Iterator[str]) -> None:
    for line in lines:
        if not page.has_room_for(line):
            page.put("# ... and more, for which there is no room here")
            return
        page.put(line)


def _lines(plan: Plan, kind: PlannedKind) -> Iterator[str]:
    yield from _messages("error", kind.errors)
    yield from _messages("warning", kind.warnings)
    for action in ACTIONS:
        for change in islice(plan.of(kind, action), SHOWN):
            yield _change(change)
        if kind.counts[action] > SHOWN:
            yield f"# ... and {kind.counts[action] - SHOWN:,} more to {action}"
    for one in islice(plan.held_of(kind), SHOWN):
        yield f"# held ({one.reason}): {label(one)}"
    if kind.held > SHOWN:
        yield f"# ... and {kind.held - SHOWN:,} more held"


def _change(change: Change) -> str:
    mark = _MARKS[change.action]
    lines = [f"{mark} {label(change)}{'' if change.action == 'update' else title_text(change)}"]
    if change.action == "update":
        lines += [f"{mark}     {difference_text(one)}" for one in change.differences[:_FIELDS]]
        if len(change.differences) > _FIELDS:
            lines.append(f"{mark}     ... and {len(change.differences) - _FIELDS:,} more fields")
    return "\n".join(lines)


def _messages(word: str, messages: Sequence[Message]) -> Iterator[str]:
    for message in messages[:_MESSAGES]:
        yield f"# {word}: {' '.join(f'{message.where}: {message.message}'.split())[:_LONGEST]}"
    if len(messages) > _MESSAGES:
        yield f"# {word}: ... and {len(messages) - _MESSAGES:,} more"


def _code(text: str) -> str:
    """Return a text as code, for a table or a line of HTML: only what means nothing anywhere stands as it is."""
    return f"<code>{''.join(map(_character, cut(text)))}</code>"


def _character(one: str) -> str:
    if one.isalnum() or one in "/- ":
        return one
    return f"&#{ord(one)};" if one.isprintable() else f"&#92;u{ord(one):04x}"
