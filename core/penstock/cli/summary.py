"""What a run did, for people: a table of the kinds, what went wrong, and one last line that says it all."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.cli.console import say, table
from penstock.config.models import Chosen
from penstock.strategies import SinkStrategy
from penstock.sync.report import MAX_MESSAGES, KindReport, Message, RunReport

SHOWN: Final = 3
"""Errors, and warnings, shown of each kind unless all are asked for."""
_ALWAYS: Final = ("fetched", "created", "updated", "unchanged", "deleted")
_WHEN_ANY: Final = ("not_modified", "filtered", "skipped", "failed", "duplicates", "held", "kept", "missing")


def summarise(report: RunReport, sink: Chosen[SinkStrategy[Any]], *, verbose: bool, quiet: bool) -> None:
    """Write the summary to stderr; ``quiet`` leaves out everything that is as it should be."""
    if not quiet:
        say()
        say(_kinds(report.kinds))
    tell_messages(report, verbose=verbose, quiet=quiet)
    if not quiet or report.status != "complete":
        if not quiet:
            say()
        for line in _ending(report, place_of(sink)):
            say(line)


def tell_messages(report: RunReport, *, verbose: bool, quiet: bool) -> None:
    """Write errors, and unless ``quiet`` warnings, to stderr."""
    for line in _messages([*report.kinds, *report.unmapped], shown=MAX_MESSAGES if verbose else SHOWN, quiet=quiet):
        say(line)


def place_of(sink: Chosen[SinkStrategy[Any]]) -> str:
    """Return how to call the place where entities go: its path where it has one, else the plugin's name."""
    fields = type(sink.config).model_fields
    paths = (
        str(value)
        for name, value in sink.config
        # a path with another name that may be left out is for something beside the catalog
        if isinstance(value, Path) and (name == "path" or fields[name].is_required())
    )
    return next(paths, f"the {sink.strategy.name} sink")


def _kinds(kinds: Sequence[KindReport]) -> str:
    counters = [*_ALWAYS, *(name for name in _WHEN_ANY if any(getattr(kind, name) for kind in kinds))]
    rows = [
        [kind.kind, kind.status, *(getattr(kind, name) for name in counters), f"{kind.seconds:.1f}"] for kind in kinds
    ]
    return table(["kind", "status", *counters, "seconds"], rows, numbers=[*counters, "seconds"])


def _messages(kinds: Sequence[KindReport], *, shown: int, quiet: bool) -> Iterator[str]:
    for kind in kinds:
        yield from _some("error", kind.errors, kind, shown)
        if not quiet:
            yield from _some("warning", kind.warnings, kind, shown)


def _some(word: str, messages: Sequence[Message], kind: KindReport, shown: int) -> Iterator[str]:
    for message in messages[:shown]:
        yield f"{word}: {message.where}: {message.message}"
    if len(messages) > shown:
        yield f"{word}: {kind.kind}: {len(messages) - shown} more; see them with -v or --report FILE"


def _ending(report: RunReport, place: str) -> Iterator[str]:
    for kind in dict.fromkeys(kind.kind for kind in report.kinds if kind.held):
        held = sum(one.held for one in report.kinds if one.kind == kind)
        yield (
            f"held: {held:,} deletions of kind {kind} were not done, for they look like an accident; {_ways_out(kind)}"
        )
    for former in report.unmapped:
        if former.deleted:
            yield f"deleted: {former.deleted:,} entities of kind {former.kind}, which is no longer in the mapping"
        if former.held:
            yield (
                f"left: {former.held:,} entities of kind {former.kind}, which is no longer in the mapping, stay in the"
                f" catalog; {_ways_out(former.kind)}"
            )
    partly = dict.fromkeys(kind.kind for kind in report.kinds if kind.extent == "changes")
    if partly:
        yield f"changes only: {', '.join(partly)}; what is gone there goes when everything is read again (--full)"
    if report.resumed:
        yield "resumed: this run went on where an earlier one was broken off; the numbers are of this part"
    delivered = f"{_total(report, 'created', 'updated', 'unchanged'):,} entities in {place} ({_outcomes(report)})"
    yield _LAST_LINES[report.status](report, delivered)


def _ways_out(kind: str) -> str:
    name = shlex.quote(kind)
    return f"`penstock holds approve {name}` has the next run delete them, `penstock holds reject {name}` keeps them"


def _incomplete(report: RunReport, delivered: str) -> str:
    if report.resume_at is not None:
        return (
            f"incomplete: the source wants no requests before {report.resume_at:%Y-%m-%d %H:%M:%S} UTC; {delivered};"
            " nothing was deleted; run the command again then to read the rest"
        )
    failed = sum(kind.status == "incomplete" for kind in report.kinds)
    return (
        f"incomplete: {failed} of {len(report.kinds)} kinds went wrong; {delivered};"
        " nothing was deleted where a read was incomplete"
    )


_LAST_LINES: Final[dict[str, Callable[[RunReport, str], str]]] = {
    "complete": lambda _, delivered: f"complete: {delivered}",
    "held": lambda _, delivered: f"complete, but deletions are held: {delivered}",
    "interrupted": lambda _, delivered: f"interrupted: {delivered}; run the command again to read the rest",
    "incomplete": _incomplete,
}


def _outcomes(report: RunReport) -> str:
    totals = {name: _total(report, name) for name in ("created", "updated", "unchanged", "deleted")}
    return ", ".join(f"{name} {count:,}" for name, count in totals.items() if count) or "no changes"


def _total(report: RunReport, *names: str) -> int:
    return sum(getattr(kind, name) for kind in report.kinds for name in names)
