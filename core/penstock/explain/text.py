"""An explanation for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.explain.explain import Explanation, Origin, Written
from penstock.explain.reread import Answer
from penstock.explain.verdict import State
from penstock.plan.words import cut, name_text, value_text
from penstock.sync.transform.trace import Step

_AT_HOME: Final = frozenset({State.SEEN, State.OUTDATED, State.UNCHANGED, State.FOREIGN, State.REFUSED})
"""Of these the last run has seen the record, or nothing that a run brings changes them."""
_FIELDS: Final = ("field", "gave", "expression", "written in")


def text_lines(found: Explanation) -> Iterator[str]:
    """Yield the lines: what has become of it and why, where it came from, and what gave its fields."""
    name = f"{name_text(found.key.blueprint)}/{name_text(found.key.identifier)}"
    place = f"is in {found.place}" if found.in_catalog else f"is not in {found.place}"
    yield f"{name} {place}: {found.verdict.state.value.replace('_', ' ')}"
    yield from (f"  {reason}" for reason in found.verdict.reasons)
    if found.near:
        names = ", ".join(f"{name_text(one.blueprint)}/{name_text(one.identifier)}" for one in found.near)
        yield f"  did you mean {names}?"
    yield from (f"  `{way}`" for way in found.verdict.ways)
    for origin in found.origins:
        yield from _origin_lines(origin)
    yield from _page_lines(found)


def expression_rows(found: Explanation) -> list[list[str]]:
    """Return what gave the fields, a row for each expression."""
    return [_row(one) for one in found.expressions]


def expression_titles() -> tuple[str, ...]:
    """Return the titles of these rows."""
    return _FIELDS


def _origin_lines(origin: Origin) -> Iterator[str]:
    run = origin.run
    yield ""
    if run is None:
        yield f"seen last in run {origin.number} of the journal, of which nothing else is remembered"
    else:
        status = run.status or "unfinished"
        yield f"seen last by run {run.run[:8]}, {run.started_at:%Y-%m-%d %H:%M:%S} UTC, {status}"
    values = "".join(f" {name}={value}" for name, value in origin.path_values.items())
    yield f"  kind  {origin.kind}{values}"
    yield f"  page  {origin.page} {origin.url or '(its URL is not remembered)'}"


def _page_lines(found: Explanation) -> Iterator[str]:
    yield ""
    answer = found.answer
    if answer is None:
        yield f"its record is not known: {found.unasked}"
        return
    yield f"{answer.method} {answer.url}: {answer.status}"
    if answer.body is not None:
        yield f"  body  {value_text(answer.body)}"
    if answer.found is None:
        yield f"  none of the {answer.records:,} records there is named so now: it has gone, moved to another page,"
        yield "  or is named in another way"
        return
    yield from _record_lines(found, answer)


def _record_lines(found: Explanation, answer: Answer) -> Iterator[str]:
    record = answer.found
    if record is None:
        return
    yield f"  record {record.item + 1} of {answer.records:,} is named so: {cut(value_text(record.record))}"
    if answer.others:
        yield f"  {answer.others:,} more of them are; the last one that is selected counts"
    if not record.selected:
        yield f"  {_judgement(record.selector)}"
    elif found.verdict.state not in _AT_HOME:
        yield "  the source shows it: the next run that reads this page brings it, and forgets that it was missing"
    yield from (f"  {note.where}: {note.message}" for note in record.notes)
    if not found.in_catalog or record.entity is None:
        return
    if not found.differing:
        yield "  unchanged: the catalog has just what the record gives"
    for one in found.differing:
        yield f"  {name_text(one.field)}: the catalog has {value_text(one.catalog)}, the record gives " + value_text(
            one.record
        )


def _judgement(selector: Step) -> str:
    """Say why a record is not selected."""
    if selector.error:
        return f"it cannot be judged: selector.query `{selector.text}` failed: {selector.error}"
    gave = f"selector.query `{selector.text}` gave {value_text(selector.value)}"
    return f"it is filtered out: {gave}" if selector.value is False else f"it cannot be judged: {gave}, no boolean"


def _row(one: Written) -> list[str]:
    gave = f"error: {one.step.error}" if one.step.error else value_text(one.step.value)
    place = "the default" if one.place is None else f"{one.place.source}: {one.place.path}"
    return [one.step.path, gave, cut(" ".join(one.step.text.split())), place]
