"""How many deletions of one resource are too many to be done without asking: a pure decision."""

from __future__ import annotations

from msgspec import Struct

from penstock.config.models import MappingFlags
from penstock.journal import Reason


class Limits(Struct, frozen=True):
    """What one run may delete of a resource."""

    share: float
    """Of the entities it has; 0 is nothing, 1 is no limit."""
    count: int | None
    """None is no limit."""

    @classmethod
    def of(cls, flags: MappingFlags) -> Limits:
        """Return the limits of a mapping."""
        return cls(flags.entity_deletion_threshold, flags.entity_deletion_limit)


def reason_to_hold(stale: int, owned: int, limits: Limits) -> Reason | None:
    """Return why deleting ``stale`` of ``owned`` entities needs somebody's approval, or None (sync.md section 6)."""
    if stale <= 0:
        return None
    if stale / owned > limits.share:
        return Reason.EMPTIED if stale == owned else Reason.SHARE
    if limits.count is not None and stale > limits.count:
        return Reason.COUNT
    return None
