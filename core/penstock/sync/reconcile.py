"""Decide what becomes of entities that are missing at the source, and have the sink delete some of them.

What is proven to be gone is deleted. Where too much of a resource would go at once, or where an edited mapping or an
identifier that the sink refuses may be the cause, a person decides: such deletions are held in the journal.
"""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from penstock.config.models import MappingFlags
from penstock.journal import REASONS, Cause, Due, Fate, Finding, Group, Hold, Journal, Missing, Reason
from penstock.strategies import Sink
from penstock.sync.guard import Limits, reason_to_hold
from penstock.sync.judge import judge
from penstock.sync.proof import Proof
from penstock.sync.renames import Renames
from penstock.sync.report import KindReport
from penstock.sync.resources import kind_of
from penstock.values import EntityKey

_CHUNK: Final = 500
_ALWAYS_HELD: Final[dict[Cause, Reason]] = {
    "changed": Reason.CHANGED,
    "removed": Reason.REMOVED,
    "renamed": Reason.REFUSED,
}


async def reconcile(sink: Sink, journal: Journal, proof: Proof, flags: MappingFlags) -> list[KindReport]:
    """Delete what is gone, or hold it; numbers, errors and holds go to the reports.

    Returns:
        Reports of kinds that are no longer in the mapping, where entities of theirs are held or were deleted.
    """
    journal.find_again(proof.run)
    if await _holds_just_what_was_seen(sink, journal, proof):
        journal.forget_unseen(proof.run, proof.proven)
        journal.miss_nothing()
        return []
    missing, limits = journal.missing(), Limits.of(flags)
    renames = Renames(proof, journal.accounts.first_refusal)
    with closing(journal.sightings()) as sightings:  # a sink that is reached over a network may fail halfway
        owned = await judge(sink.owned(), sightings, proof, missing, renames)
    with journal.transaction():
        missing.settle_reads()
        for resource, run in renames.since.items():
            missing.suspect(resource, run)
        _settle(missing, _Verdict(owned, journal.holds.all(), proof, limits))
    reports = _Reports(proof)
    reports.tell(missing.fates(), journal.holds.all(), limits)
    _forget_pages_of_others(journal, proof)
    await _delete_due(sink, journal, proof.run, missing, reports)
    return reports.unmapped()


def _forget_pages_of_others(journal: Journal, proof: Proof) -> None:
    """Before anything is deleted, forget known pages that this run has not met: they may have given some of it."""
    if journal.knows_pages():
        with journal.transaction():
            journal.validators.drop_unread(proof.run)


async def _holds_just_what_was_seen(sink: Sink, journal: Journal, proof: Proof) -> bool:
    """Whether nothing can be missing: the sink took in all that was seen, and holds no more than that."""
    if proof.patience.resumed or any(report.refused for report in proof.reports.values()):
        return False
    count = await sink.count()
    return count is not None and count == journal.count_entities(proof.run)


class _Verdict:
    """Which of the missing entities are held: for each resource and cause, a pure decision from numbers."""

    def __init__(self, owned: Counter[str], holds: Sequence[Hold], proof: Proof, limits: Limits) -> None:
        self.proof = proof
        self.holds = holds
        self._owned = owned
        self._limits = limits

    def finding(self, group: Group, groups: Sequence[Group]) -> Finding | None:
        """Return why a group that nobody has decided about is held; None when it is not."""
        owned = self._owned[group.resource]
        reason = _ALWAYS_HELD.get(group.cause) or self._reason(group, groups)
        if reason is None:
            return None
        return Finding(group.resource, kind_of(group.resource), group.cause, reason, owned, self.proof.at)

    def _reason(self, group: Group, groups: Sequence[Group]) -> Reason | None:
        """Return what the guard says of everything that this run would delete, what was approved included.

        What is held for another reason, or kept, is no part of the number, nor of what it is compared with.
        """
        asked = [one for one in groups if one.resource == group.resource and one.decision != "rejected"]
        stale = sum(one.entities for one in asked if one.cause == "gone")
        aside = sum(one.entities for one in asked if one.cause != "gone")
        kept = sum(one.entities for one in self.holds if one.resource == group.resource and one.state == "rejected")
        return reason_to_hold(stale, max(self._owned[group.resource] - aside - kept, stale), self._limits)


def _settle(missing: Missing, verdict: _Verdict) -> None:
    """Replace the open holds by what this run has found, and find out what is to be deleted.

    Where a resource was not read completely and has an open hold, that is left as it is.
    """
    proof = verdict.proof
    missing.recall_decisions()
    groups = missing.groups()
    waiting = {(hold.resource, hold.reason) for hold in verdict.holds if hold.state == "open"}
    for group in groups:
        if group.decision:
            continue
        if not proof.knows(group.resource) and any((group.resource, one) in waiting for one in REASONS[group.cause]):
            missing.freeze(group.resource, group.cause)
        elif finding := verdict.finding(group, groups):
            missing.hold(finding)
    for resource in {resource for resource, _ in waiting if proof.knows(resource)}:
        for cause in REASONS:
            missing.release(resource, cause)
    if proof.everything:
        missing.release_others()
    missing.make_due(proof.run)


class _Reports:
    """The reports of the mapping's kinds, and of those whose entities are still there."""

    def __init__(self, proof: Proof) -> None:
        self._reports = proof.reports
        self._by_kind: dict[str, KindReport] = {}
        for report in proof.reports.values():
            self._by_kind.setdefault(report.kind, report)
        self._unmapped: dict[str, KindReport] = {}
        self._deferred: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        """For each resource, one of what the sink has put off."""
        self._redact = next((report.redact for report in proof.reports.values()), str)

    def of(self, resource: str) -> KindReport:
        """Return the report of a resource; of one that was removed, that of the first of the same kind."""
        kind = kind_of(resource)
        found = self._reports.get(resource) or self._by_kind.get(kind)
        return found or self._unmapped.setdefault(kind, KindReport(kind, redact=self._redact))

    def unmapped(self) -> list[KindReport]:
        """Return the reports of kinds that are no longer in the mapping, and of which there is something to say."""
        return [report for report in self._unmapped.values() if report.held or report.deleted or report.errors]

    def tell(self, fates: dict[tuple[str, Fate], int], holds: Sequence[Hold], limits: Limits) -> None:
        """Report what was not deleted, and why."""
        for (resource, fate), entities in fates.items():
            report = self.of(resource)
            if fate == "kept":
                report.kept += entities
            elif fate in {"waits", "stays"}:
                _wait(report, entities)
        for hold in holds:
            if hold.state == "open":
                report = self.of(hold.resource)
                report.held += hold.entities
                if hold.kind in self._by_kind:
                    report.warn(hold.kind, _explained(hold, limits))
                    report.status = "held" if report.status == "complete" else report.status

    def tell_deleted(self, deleted: Sequence[Due]) -> None:
        """Count what was deleted."""
        for one in deleted:
            self.of(one.resource).deleted += 1

    def tell_left(self, left: Sequence[Due]) -> list[tuple[EntityKey, str]]:
        """Report what the sink has not deleted, and return why."""
        found: list[tuple[EntityKey, str]] = []
        for one in left:
            name, outcome = "/".join(one.key), one.outcome
            if outcome is None:
                continue
            found.append((one.key, self.of(one.resource).redact(outcome.reason)))
            if outcome.kind == "refused":
                self.of(one.resource).error(name, f"the sink refused to delete it: {outcome.reason}")
            elif one.known:  # what is there for a relation alone, nobody has missed
                self._deferred[one.resource] += 1
                self._examples.setdefault(one.resource, f"{name}: {outcome.reason}")
        return found

    def tell_deferred(self) -> None:
        """Warn of what stays for now."""
        for resource, entities in self._deferred.items():
            report = self.of(resource)
            report.missing += entities
            some = f"{entities} entities were not found, and stay for now"
            report.warn(report.kind, f"{some}; one of them is {self._examples[resource]}")


def _wait(report: KindReport, entities: int) -> None:
    report.missing += entities
    report.warn(
        report.kind,
        f"{entities} entities were not found, perhaps because rows moved while pages were read, or to a part of the "
        "source that was not read: they are deleted if later complete reads do not find them either "
        "(deleteAfterAbsentRuns)",
    )


def _explained(hold: Hold, limits: Limits) -> str:
    some = f"{hold.entities} of {hold.owned} entities are gone from the source"
    why = {
        Reason.EMPTIED: f"{some}, which is all there were",
        Reason.SHARE: f"{some}, a larger share than entityDeletionThreshold ({limits.share:g})",
        Reason.COUNT: f"{some}, more than entityDeletionLimit ({limits.count})",
        Reason.CHANGED: f"{hold.entities} of {hold.owned} entities were not found since the mapping names them, or "
        "where they are read, in another way",
        Reason.REMOVED: f"{hold.entities} entities were written by a resource that is no longer in the mapping",
        Reason.REFUSED: f"{some}, and may be what the sink has refused since, under other names",
    }
    return f"{why[hold.reason]}: none was deleted; see `penstock holds show {shlex.quote(hold.kind)}`"


async def _delete_due(sink: Sink, journal: Journal, run: int, missing: Missing, reports: _Reports) -> None:
    """Delete, and try what is left again as long as others go: those may have been in its way."""
    unheard = True  # some may have to stay only until the sink has heard of all
    while True:
        deleted, deferred = 0, 0
        for chunk in missing.due(_CHUNK):
            outcomes = dict(zip([one.key for one in chunk], await sink.delete([one.key for one in chunk]), strict=True))
            gone = {key: one.kind == "deleted" for key, one in outcomes.items() if one.kind in {"deleted", "absent"}}
            reports.tell_deleted([one for one in chunk if gone.get(one.key)])
            journal.forget(run, gone)
            with journal.transaction():
                missing.gone(gone)
                missing.left({key: one for key, one in outcomes.items() if key not in gone})
            deleted += len(gone)
            deferred += sum(one.kind == "deferred" for one in outcomes.values())
            await asyncio.sleep(0)  # let the lease be renewed
        if not deleted and not (deferred and unheard):
            break
        unheard = False
    for chunk in missing.due(_CHUNK):
        journal.forget(run, {}, reports.tell_left(chunk))
    reports.tell_deferred()
