"""A plan as it is shown: kind by kind, without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from penstock.config.models import Settings
from penstock.expressions.exact import encode
from penstock.journal import Holds, JournalFile, Reason
from penstock.plan.changes import ACTIONS, Action, Change, Difference
from penstock.plan.rehearse import Rehearsal
from penstock.redaction import Redactor, Secrets
from penstock.sync.report import Extent, KindReport, Message, Status
from penstock.values import JSON, UNSET, Unset

_WORST: Final[tuple[Status, ...]] = ("interrupted", "incomplete", "held", "complete")


class PlannedKind(Struct, frozen=True):
    """What would become of one kind."""

    kind: str
    """Without secrets."""
    name: str
    """As the mapping has it."""
    status: Status
    extent: Extent
    """Whether everything of it was asked for; of changes only, nothing is deleted."""
    counts: Mapping[Action, int]
    held: int
    """Deletions that would wait for approval."""
    kept: int
    """Entities that are missing and stay, for their deletion was rejected."""
    missing: int
    """Entities that were not found, and would be deleted only if later runs did not find them either."""
    unchanged: int
    errors: Sequence[Message]
    warnings: Sequence[Message]

    @property
    def changes(self) -> int:
        """How many changes there are."""
        return sum(self.counts.values())


class HeldDeletion(NamedTuple):
    """An entity whose deletion would wait for approval, without secrets."""

    kind: str
    reason: Reason
    blueprint: str
    identifier: str


class Plan:
    """What a sync would do.

    Args:
        settings: What was asked for.
        place: What to call the catalog.
        found: The rehearsal, still open.
        secrets: All of them, those included that were obtained on the way.
    """

    def __init__(self, settings: Settings, place: str, found: Rehearsal, secrets: Secrets) -> None:
        self._changes = found.changes
        self._journal = found.journal
        self._redactor = secrets.redactor
        self.source = settings.source
        self.sink = settings.sink.strategy.name
        self.place = self._redactor(place)
        self.full = settings.anew
        self.started_at = found.report.started_at
        self.status = found.report.status
        self.kinds = tuple(self._kinds([*found.report.kinds, *found.report.unmapped]))

    @property
    def counts(self) -> Mapping[Action, int]:
        """How many changes there are of each sort."""
        return {action: sum(kind.counts[action] for kind in self.kinds) for action in ACTIONS}

    @property
    def held(self) -> int:
        """How many deletions would wait for approval."""
        return sum(kind.held for kind in self.kinds)

    @property
    def kept(self) -> int:
        """How many entities are missing and stay, for their deletion was rejected."""
        return sum(kind.kept for kind in self.kinds)

    @property
    def missing(self) -> int:
        """How many entities would be deleted only if later runs did not find them either."""
        return sum(kind.missing for kind in self.kinds)

    def changes(self) -> Iterator[Change]:
        """Iterate over all, sorted by kind, blueprint and identifier."""
        return (without_secrets(change, self._redactor) for change in self._changes)

    def of(self, kind: PlannedKind, action: Action) -> Iterator[Change]:
        """Iterate over those of one kind and sort, sorted by blueprint and identifier."""
        return (without_secrets(change, self._redactor) for change in self._changes.of(kind.name, action))

    def held_of(self, kind: PlannedKind) -> Iterator[HeldDeletion]:
        """Iterate over the entities of a kind whose deletion would wait for approval, sorted within each reason."""
        if not kind.held:
            return
        with JournalFile(self._journal) as file:
            holds = Holds(file)
            for hold in holds.all():
                if hold.kind == kind.name and hold.state == "open":
                    for key in holds.keys(hold):
                        names = self._redactor(key.blueprint), self._redactor(key.identifier)
                        yield HeldDeletion(kind.kind, hold.reason, *names)

    def _kinds(self, reports: Sequence[KindReport]) -> Iterator[PlannedKind]:
        """Yield each kind once, in the order of the mapping, however many resources it has."""
        counts = self._changes.counts()
        names = dict.fromkeys([*(report.kind for report in reports), *(name for name, _ in sorted(counts))])
        for name in names:
            its = [report for report in reports if report.kind == name]
            yield PlannedKind(
                kind=self._redactor(name),
                name=name,
                status=_worst([report.status for report in its]),
                extent="changes" if any(report.extent == "changes" for report in its) else "full",
                counts={action: counts[name, action] for action in ACTIONS},
                held=sum(report.held for report in its),
                kept=sum(report.kept for report in its),
                missing=sum(report.missing for report in its),
                unchanged=sum(report.unchanged for report in its),
                errors=[message for report in its for message in report.errors],
                warnings=[message for report in its for message in report.warnings],
            )


def _worst(statuses: Sequence[Status]) -> Status:
    return min(statuses, key=_WORST.index) if statuses else "complete"


def without_secrets(change: Change, redactor: Redactor) -> Change:
    """Return the change with what a message may not show taken out of names and values."""
    text = encode(change.to_json()).decode()
    if "\\" not in text and redactor(text) == text:  # one look for all of it; a secret may hide behind an escape
        return change
    return Change(
        redactor(change.kind),
        change.action,
        redactor(change.blueprint),
        redactor(change.identifier),
        tuple(
            Difference(_field(one.field, redactor), _value(one.before, redactor), _value(one.after, redactor))
            for one in change.differences
        ),
    )


def _field(name: str, redactor: Redactor) -> str:
    group, dot, member = name.partition(".")
    return f"{group}{dot}{redactor(member)}"


def _value(value: JSON | Unset, redactor: Redactor) -> JSON | Unset:
    return UNSET if value is UNSET else redactor.json(value)
