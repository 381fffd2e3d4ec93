"""How much of the source was covered by what a run has read."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from penstock.config.models import Resource
from penstock.sync.resources import overlapping


class Coverage(Struct):
    """What the read of a kind has proven."""

    proven: set[int] = field(default_factory=set[int])
    """Partitions read completely."""
    met: set[int] = field(default_factory=set[int])
    """Partitions that exist in this run, read completely or not."""
    unsteady: set[int] = field(default_factory=set[int])
    """Partitions read in several pages whose edges move when rows come or go."""
    all_found: bool = False
    """Whether discovery was complete, so that any partition not met is gone."""
    found_unsteadily: bool = False
    """Whether discovery read such pages."""
    partly: set[int] = field(default_factory=set[int])
    """Partitions that were asked for changes only: what they do not show may be there."""

    @property
    def complete(self) -> bool:
        """Whether the kind was read completely."""
        return self.all_found and self.proven == self.met

    @property
    def drifted(self) -> bool:
        """Whether something may have been missed because rows moved while pages were read."""
        return bool(self.unsteady) or self.found_unsteadily


class Coverages(Struct, frozen=True):
    """What the reads of all kinds have proven; kinds are resources of the mapping here, by their names."""

    resources: Mapping[str, Resource]
    """All of the mapping."""
    reads: dict[str, Coverage]
    """Those that were read."""

    def of(self, name: str) -> Coverage:
        """Return what is proven of a resource: nothing if it was not read."""
        return self.reads.get(name) or Coverage()

    @property
    def partly(self) -> list[str]:
        """The resources of which only changes were asked for."""
        return [name for name, coverage in self.reads.items() if coverage.partly]

    @property
    def sure(self) -> dict[str, Coverage]:
        """What was read, without what may have entities where nobody looked: in what was asked for changes only."""
        unsure = overlapping(self.resources, self.partly)
        return {name: coverage for name, coverage in self.reads.items() if name not in unsure}
