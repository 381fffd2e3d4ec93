"""What became of entities at the sink, as the report counts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from penstock.sync.gathered import Key
from penstock.sync.report import KindReport
from penstock.values import EntityBatch, Outcome

DEFERRED: Final = frozenset({"deferred"})
UNCERTAIN: Final = DEFERRED | {"refused", "absent"}
"""Outcomes after which a page is asked for again, and no mark passes what it showed: another time it may be written."""


def keys_with(kinds: Collection[str], batch: EntityBatch, outcomes: Sequence[Outcome]) -> set[Key]:
    """Return the keys of the entities of these outcomes, which are mostly none."""
    if not any(outcome.kind in kinds for outcome in outcomes):
        return set()
    return {
        (entity.blueprint, entity.identifier)
        for entity, outcome in zip(batch.entities, outcomes, strict=True)
        if outcome.kind in kinds
    }


def count_outcomes(report: KindReport, batch: EntityBatch, outcomes: Sequence[Outcome]) -> None:
    """Count what became of a batch; what is deferred is counted by ``count_outcome`` later."""
    counts = Counter(outcome.kind for outcome in outcomes)
    report.created += counts["created"]
    report.updated += counts["updated"]
    report.unchanged += counts["unchanged"]
    if counts["absent"]:
        report.skipped += counts["absent"]
        report.warn(
            report.kind,
            f"{counts['absent']} search queries as identifier find nothing: nothing is written for these, and "
            "nothing of their blueprint is deleted in this run",
        )
    if counts["refused"]:
        for entity, outcome in zip(batch.entities, outcomes, strict=True):
            if outcome.kind == "refused":
                _refuse(report, (entity.blueprint, entity.identifier), outcome)


def count_outcome(report: KindReport, key: Key, outcome: Outcome) -> None:
    """Count what became of an entity that was deferred."""
    if outcome.kind == "refused":
        _refuse(report, key, outcome)
    else:
        report.created += outcome.kind == "created"
        report.updated += outcome.kind == "updated"
        report.unchanged += outcome.kind == "unchanged"


def _refuse(report: KindReport, key: Key, outcome: Outcome) -> None:
    report.failed += 1
    report.refused += 1
    report.error(f"{report.kind} {'/'.join(key)}", f"the sink refused it: {outcome.reason}")
