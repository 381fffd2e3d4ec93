"""What a run has read, and so can say about absence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from penstock.sync.coverage import Coverages
from penstock.sync.report import KindReport
from penstock.sync.resources import Blueprints, blueprints_of, kind_of

_NOTHING: Final = Blueprints()
_UNREAD: Final = 2
"""Complete reads more that must miss an entity while it may be in a part of the source that was not read: so many that
a short failure costs no entity that has moved there, and so few that a part which never answers does not keep what is
gone for ever."""


class Patience(Struct, frozen=True):
    """How often in a row complete reads must miss an entity before it is deleted."""

    configured: int | None
    """``deleteAfterAbsentRuns``."""
    unsteady: Blueprints
    """What may be in lists whose read may have missed something, for rows move across the edges of pages."""
    unread: Blueprints
    """What may be in a part of the source that this run has not read completely."""
    resumed: bool
    """Whether a part was read before the run was broken off: what moved meanwhile may have been missed in both."""

    def needed(self, blueprint: str) -> int:
        """Return how often an entity of this blueprint must be missed."""
        needed = self.configured or (2 if blueprint in self.unsteady else 1)
        if self.resumed:
            needed = max(needed, 2)
        return needed + _UNREAD if blueprint in self.unread else needed


class Proof(Struct, frozen=True):
    """What this run has read."""

    run: int
    at: datetime
    """When it began."""
    proven: Collection[int]
    """The partitions read completely, among them those that discovery has proven to be gone."""
    resources: Mapping[int, str]
    """The resource of every partition the journal knows."""
    reports: Mapping[str, KindReport]
    """The report of every resource of the mapping, by the resource's name."""
    complete: Collection[str]
    """The resources read completely."""
    named_since: Mapping[str, int]
    """The first run in which a resource named its entities as it does now."""
    patience: Patience
    shows: Mapping[str, Blueprints] = MappingProxyType({})
    """What each resource of the mapping may show."""
    partly: Blueprints = _NOTHING
    """What is shown by resources of which only changes were asked for: nothing of it can be known to be gone."""
    unresolved: Collection[str] = ()
    """Blueprints of which this run has shown entities without learning what the catalog calls them: nothing of these
    may go."""

    @property
    def everything(self) -> bool:
        """Whether every resource was read completely: only then may an entity go of which the journal knows nothing."""
        return all(name in self.complete for name in self.reports)

    def brings(self, blueprint: str) -> str | None:
        """Return the first resource that may show a blueprint: one that names it, if there is one."""
        named = (name for name, shown in self.shows.items() if blueprint in shown.names)
        unnamed = (name for name, shown in self.shows.items() if shown.any)
        return next(chain(named, unnamed), None)

    def knows(self, resource: str) -> bool:
        """Whether this run can tell all that is missing of a resource.

        Of one that is no longer in the mapping, it can when those of the same kind were read completely.
        """
        if resource in self.reports:
            return resource in self.complete
        if self.partly:
            return False
        kind = kind_of(resource)
        return all(name in self.complete for name, report in self.reports.items() if report.kind == kind)


def prove(
    covered: Coverages,
    known: Mapping[int, str],
    *,
    run: int,
    at: datetime,
    reports: Mapping[str, KindReport],
    named_since: Mapping[str, int],
    absent_runs: int | None,
    resumed: bool,
    unresolved: Collection[str],
) -> Proof:
    """Return what a run that has read this can say; ``known`` is the resource of every partition in the journal."""
    sure = covered.sure
    proven = {partition for coverage in sure.values() for partition in coverage.proven}
    proof = Proof(
        run=run,
        at=at,
        proven=proven,
        resources=known,
        reports=reports,
        complete={name for name, coverage in sure.items() if coverage.complete},
        named_since=named_since,
        patience=_patience(covered, absent_runs, resumed=resumed),
        shows={name: blueprints_of([resource]) for name, resource in covered.resources.items()},
        partly=blueprints_of([covered.resources[name] for name in covered.partly]),
        unresolved=unresolved,
    )
    for partition, name in known.items():
        if name not in covered.resources:
            if proof.knows(name):
                proven.add(partition)
        elif name in sure:
            coverage = sure[name]
            if coverage.all_found and partition not in coverage.met:
                proven.add(partition)  # discovery no longer finds it
    return proof


def _patience(covered: Coverages, absent_runs: int | None, *, resumed: bool) -> Patience:
    unsteady = [one for name, one in covered.resources.items() if covered.of(name).drifted]
    unread = [one for name, one in covered.resources.items() if not covered.of(name).complete]
    return Patience(absent_runs, blueprints_of(unsteady), blueprints_of(unread), resumed=resumed)
