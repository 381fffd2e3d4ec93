"""Why an entity is where it is: a pure decision from what is known."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from penstock.explain.facts import Facts, Memory, changed_since
from penstock.journal import Absence, Deletion, End, Hold, Reason, Run, Seen
from penstock.sync.resources import kind_of


class State(StrEnum):
    """What has become of an entity. The list is closed; programs may rely on these words."""

    SEEN = "seen"
    """In the catalog; the last run saw it."""
    OUTDATED = "outdated"
    """In the catalog; the last run saw it, and the sink refused what it brought."""
    MISSING = "missing"
    """In the catalog; complete reads have missed it, too few to delete it, or others have to be decided about first."""
    HELD = "held"
    """In the catalog; its deletion waits for a decision."""
    APPROVED = "approved"
    """In the catalog; the next run deletes it if it is still missing."""
    REJECTED = "rejected"
    """In the catalog; missing at the source, and somebody has decided to keep it."""
    UNDELETABLE = "undeletable"
    """In the catalog; a run was to delete it, and the sink refused."""
    UNCHANGED = "unchanged"
    """In the catalog; the last run asked for changes only, and it was not among them."""
    UNREAD = "unread"
    """In the catalog; the last run could not read the part of the source that showed it."""
    NOT_READ = "not_read"
    """In the catalog; the last run did not come to the part of the source that showed it."""
    UNMAPPED = "unmapped"
    """The resource that wrote it is no longer in the mapping; or, absent, no resource makes its blueprint."""
    UNKNOWN = "unknown"
    """In the catalog; the journal does not know why it stays."""
    FOREIGN = "foreign"
    """In the catalog; it belongs to another source."""
    DELETED = "deleted"
    """Absent; a run deleted it."""
    REFUSED = "refused"
    """Absent; a run saw it, and the sink refused it."""
    LOST = "lost"
    """Absent; a run saw it and the sink took it, and somebody else must have deleted it."""
    NEVER_SEEN = "never_seen"
    """Absent; no run that the journal knows of has seen it."""
    NO_RUN = "no_run"
    """Absent; there was no run yet."""


class Verdict(NamedTuple):
    """What has become of it, why, and what can be done."""

    state: State
    reasons: Sequence[str]
    """Sentences without a full stop; the first one says the most."""
    ways: Sequence[str] = ()
    """Commands that lead on."""


_HELD_FOR: Final = {
    Reason.EMPTIED: "everything of its kind would go",
    Reason.SHARE: "a larger share of its kind would go than entityDeletionThreshold allows",
    Reason.COUNT: "more of its kind would go than entityDeletionLimit allows",
    Reason.CHANGED: "the mapping names entities, or reads the place that showed it, in another way than when it was "
    "seen last",
    Reason.REMOVED: "the resource that wrote it is no longer in the mapping",
    Reason.REFUSED: "the sink has refused others of its kind since, one of which may be what it has become",
}
_GONE_FOR: Final = {
    "gone": "complete reads of every part of the source that ever showed it did not show it, or found that part gone",
    "changed": "complete reads did not show it since the mapping names entities in another way",
    "removed": "the resource that wrote it is no longer in the mapping",
    "renamed": "complete reads did not show it since the sink has refused others of its kind, one of which may be what "
    "it has become",
}


def judge(facts: Facts) -> Verdict:
    """Return what has become of an entity."""
    memory = facts.memory
    if facts.foreign and facts.held is not None:
        reasons = [f'it belongs to the source "{facts.held.source}", which alone may change or delete it']
        if memory and memory.seen:
            reasons.append(f"this source shows it, too: {run_text(memory, memory.seen[0].run)} did")
        return Verdict(State.FOREIGN, reasons)
    if memory is None:
        return _without_runs(facts)
    verdict = _kept(facts, memory) if facts.held is not None else _absent(facts, memory)
    return verdict._replace(reasons=[*verdict.reasons, *_edits(facts)])


def run_text(memory: Memory, number: int) -> str:
    """Return what to call a run."""
    run = memory.runs.get(number)
    if run is None:
        return f"run {number} of the journal, of which nothing else is remembered,"
    which = "the last run" if number == memory.last.number else "the run"
    return f"{which} {run.run[:8]} of {run.started_at:%Y-%m-%d %H:%M:%S} UTC"


def _without_runs(facts: Facts) -> Verdict:
    none = f'the journal of "{facts.source}" knows of no run yet'
    if facts.held is None:
        return Verdict(State.NO_RUN, [none], ["penstock sync"])
    return Verdict(State.UNKNOWN, [f"{none}, so that nobody can tell which one wrote it"], ["penstock sync"])


def _kept(facts: Facts, memory: Memory) -> Verdict:
    newest = memory.seen[0] if memory.seen else None
    if newest and newest.run == memory.last.number:
        return _fresh(memory, newest)
    if memory.hold:
        return _held(memory.hold)
    refusal = memory.refusal
    if refusal and refusal.what == "delete" and refusal.run == memory.last.number:
        why = f"{run_text(memory, refusal.run)} was to delete it, and the sink refused: {refusal.reason}"
        return Verdict(State.UNDELETABLE, [why])
    return _unseen(facts, memory, newest)


def _unseen(facts: Facts, memory: Memory, newest: Seen | None) -> Verdict:
    """Say why something stays that the last run did not see, and that nobody has to decide about."""
    unread = list(_unread(memory))
    if memory.absence:
        return Verdict(State.MISSING, [*_missed(memory, memory.absence), *unread])
    if newest is None:
        return _unknown(facts)
    if facts.resource is None:
        gone = f"it was written by {kind_of(newest.resource)}, which is no longer in the mapping"
        then = "the next run that reads the rest completely holds its deletion, for a person to decide"
        return Verdict(State.UNMAPPED, [gone, then])
    if unread:
        last_seen = f"{run_text(memory, newest.run)} saw it last"
        return Verdict(State.UNREAD, [*unread, last_seen, "what is not read completely deletes nothing"])
    return _not_read(memory, newest)


def _fresh(memory: Memory, newest: Seen) -> Verdict:
    saw = f"{run_text(memory, newest.run)} saw it"
    refusal = memory.refusal
    if refusal and refusal.what == "write" and refusal.run == newest.run:
        why = f"{saw}, and the sink refused what it brought, so that the catalog has what was there before"
        return Verdict(State.OUTDATED, [f"{why}: {refusal.reason}"])
    reasons = [saw]
    if memory.hold or memory.absence:
        reasons.append("it had been missing; a run that comes to its end forgets that")
    return Verdict(State.SEEN, reasons)


def _held(hold: Hold) -> Verdict:
    kind = shlex.quote(hold.kind)
    why = f"it is missing at the source, and {_HELD_FOR[hold.reason]} ({hold.reason.value})"
    rest = f"{hold.entities:,} of {hold.owned:,} entities are held so, since {hold.since:%Y-%m-%d %H:%M:%S} UTC"
    if hold.state == "open":
        ways = [f"penstock holds approve {kind}", f"penstock holds reject {kind}", f"penstock holds show {kind}"]
        return Verdict(State.HELD, [f"{why}: its deletion waits for a decision", rest], ways)
    if hold.state == "approved":
        then = "somebody approved its deletion: the next run deletes it if it is still missing"
        return Verdict(State.APPROVED, [then, why, rest], ["penstock sync", f"penstock holds reject {kind}"])
    then = "somebody decided to keep it for as long as it is missing at the source"
    return Verdict(State.REJECTED, [then, why, rest], [f"penstock holds approve {kind}"])


def _missed(memory: Memory, absence: Absence) -> Iterator[str]:
    latest = run_text(memory, absence.run)
    if absence.fate != "waits":
        yield f"{latest} did not see it; a person has to decide about others of its kind first"
    elif not absence.needed:
        yield f"{absence.times} complete reads in a row did not show it, the latest of {latest}"
        yield "how many it takes was not recorded by the version that counted them"
    else:
        reads = "1 complete read" if absence.times == 1 else f"{absence.times} complete reads in a row"
        left = absence.needed - absence.times
        yield (
            f"{reads} did not show it, the latest of {latest}; it takes {absence.needed} to delete it, {left} more "
            "(deleteAfterAbsentRuns)"
        )
    if absence.cause != "gone":
        yield _GONE_FOR[absence.cause]


def _unread(memory: Memory) -> Iterator[str]:
    """Say which parts of the source that showed it the last run could not read, and why."""
    for place in memory.seen:
        end, listing = memory.ends.get(place.partition), memory.listings.get(place.resource)
        name = place_text(place)
        if end and end.run == memory.last.number:
            if not end.proven:
                yield f"{run_text(memory, end.run)} could not read {name} completely: {end_text(end)}"
        elif listing and listing.run == memory.last.number and listing.message:
            yield f"{run_text(memory, listing.run)} could not find out whether there still is {name}: {listing.message}"


def place_text(place: Seen) -> str:
    """Return what to call a part of the source."""
    values = place.path.strip("{}").replace('"', "").replace(":", "=").replace(",", " ")
    return " ".join([kind_of(place.resource), *([values] if values else [])])


def end_text(end: End) -> str:
    """Return why a read was not complete."""
    if end.reason.complete:
        return "some of its items could not be judged (see the errors of that run)"
    return f"{end.reason.value}: {end.message}" if end.message != end.reason.value else end.message


def _unknown(facts: Facts) -> Verdict:
    reasons = ["the journal knows nothing of it: it is newer than the entity, or was lost"]
    kind = facts.held.kind if facts.held else ""
    if kind:
        mapped = any(resource.kind == kind for resource in facts.resources.values())
        reasons.append(f"the kind {kind} wrote it last" + ("" if mapped else ", which is not in the mapping"))
    reasons.append("it is deleted only when a run reads everything completely and does not see it")
    return Verdict(State.UNKNOWN, reasons)


def _not_read(memory: Memory, newest: Seen) -> Verdict:
    end = memory.ends.get(newest.partition)
    saw = f"{run_text(memory, newest.run)} saw it last"
    if end and end.run == memory.last.number and not end.whole:
        why = f"{run_text(memory, end.run)} asked for changes of {place_text(newest)} only, and it was not among them"
        then = "what is no longer there is found by the next run that reads everything (selector.incremental.fullEvery)"
        return Verdict(State.UNCHANGED, [why, saw, then])
    if end and end.run == memory.last.number:
        why = f"{run_text(memory, end.run)} read {place_text(newest)}, did not see it, and drew no conclusion from that"
        return Verdict(State.NOT_READ, [f"{why}: {_ended(memory.last)}", saw])
    why = f"{run_text(memory, memory.last.number)} did not read {place_text(newest)} to its end: {_ended(memory.last)}"
    return Verdict(State.NOT_READ, [why, saw], ["penstock sync"])


def _ended(run: Run) -> str:
    words = {
        None: "it was killed, or is under way",
        "interrupted": "somebody stopped it",
        "suspended": "the source's quota was used up",
    }
    return words.get(run.status, "it was told to read other kinds only, or not all of them")


def _absent(facts: Facts, memory: Memory) -> Verdict:
    newest, deletion, refusal = memory.seen[0] if memory.seen else None, memory.deletion, memory.refusal
    if newest and refusal and refusal.what == "write" and refusal.run == newest.run:
        why = f"{run_text(memory, newest.run)} saw it, and the sink refused it: {refusal.reason}"
        return Verdict(State.REFUSED, [why])
    if newest and (deletion is None or newest.run > deletion.run):
        return _lost(facts, memory, newest)
    if deletion:
        return Verdict(State.DELETED, list(_deleted(memory, deletion)))
    return _never_seen(facts, memory)


def _lost(facts: Facts, memory: Memory, newest: Seen) -> Verdict:
    saw = f"{run_text(memory, newest.run)} saw it, and no run has deleted it since"
    if not facts.has_catalog:
        return Verdict(State.LOST, [f"{saw}; there is no catalog where this configuration says"], ["penstock sync"])
    reasons = [f"{saw}: something else has, or the catalog is another one than then"]
    refused = _counted(memory.runs.get(newest.run), kind_of(newest.resource), "refused")
    if refused:
        reasons.append(f"or the sink refused it: of that kind it refused {refused:,}, and not all are remembered")
    return Verdict(State.LOST, reasons, ["penstock sync"])


def _deleted(memory: Memory, deletion: Deletion) -> Iterator[str]:
    when = f"{deletion.at:%Y-%m-%d %H:%M:%S} UTC"
    did = "deleted it" if deletion.found else "was to delete it, and it was no longer there"
    yield f"{run_text(memory, deletion.run)} {did} ({when}): {_GONE_FOR[deletion.cause]}"
    if deletion.approved:
        yield "its deletion had been held, and somebody approved it"
    elif deletion.reads > 1:
        yield f"it took {deletion.reads} complete reads in a row that did not show it"
    if deletion.seen:
        yield f"{run_text(memory, deletion.seen.run)} saw it last, in {place_text(deletion.seen)}"


def _never_seen(facts: Facts, memory: Memory) -> Verdict:
    if not facts.makers:
        made = f'no resource of the mapping makes entities of the blueprint "{facts.key.blueprint}"'
        return Verdict(State.UNMAPPED, [made])
    reasons = ["no run has seen it, as far as the journal remembers; names are compared letter for letter"]
    if memory.refusal:
        reasons.append(
            f"{run_text(memory, memory.refusal.run)} saw it, and the sink refused it: {memory.refusal.reason}"
        )
    for kind in facts.makers:
        reasons += _last_counts(memory.last, kind)
    ways = [f"penstock preview {shlex.quote(kind)}" for kind in facts.makers]
    return Verdict(State.NEVER_SEEN, reasons, ways)


def _last_counts(run: Run, kind: str) -> Iterator[str]:
    """Say where a record may have been left, of a kind that may make the blueprint."""
    words = {
        "filtered": "selector.query left out",
        "skipped": "had no identifier or blueprint",
        "failed": "broke an expression or were refused",
    }
    counts = {word: _counted(run, kind, name) for name, word in words.items()}
    found = [f"{count:,} {word}" for word, count in counts.items() if count]
    if found:
        yield f"of the records of {kind} in the last run, it is not recorded which: {', '.join(found)}"
    for status in _of_kind(run, kind, "status"):
        if status != "complete":
            yield f"the last run's read of {kind} is {status}: it may not have come to it"


def _counted(run: Run | None, kind: str, name: str) -> int:
    return sum(int(value) for value in _of_kind(run, kind, name))


def _of_kind(run: Run | None, kind: str, name: str) -> list[Any]:
    report = cast("dict[str, Any]", run.report) if run and isinstance(run.report, dict) else {}
    return [one[name] for one in report.get("kinds", ()) if one["kind"] == kind and name in one]


def _edits(facts: Facts) -> Iterator[str]:
    reads, names = changed_since(facts)
    if names:
        yield "the mapping was edited since the last run: it names entities of this resource in another way now"
    elif reads:
        yield "the mapping was edited since the last run: it reads or selects records in another way now"
