"""Which missing entities may live on under a name that the sink refuses.

A record whose identifier changes into one that the catalog does not take is missing under its old name and refused
under its new one: deleting the old entity would lose it. Nobody can tell which of the refused was which of the missing.
But what the source had while the missing one was still seen is not that: only what was refused for the first time since
then may be. So a record that is always refused keeps nothing from being deleted. What leaves the source and comes back
is refused for the first time once more: it may be another record then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.journal import Sighting
from penstock.sync.proof import Proof


class Renames:
    """Looks at what was seen in this run and is not in the catalog.

    Args:
        proof: What this run has read.
        first_refusal: Returns the first run that is remembered in which an entity was refused; None where none is.
    """

    def __init__(self, proof: Proof, first_refusal: Callable[[tuple[str, str]], int | None]) -> None:
        self._proof = proof
        self._first_refusal = first_refusal
        self._since: dict[str, int] = {}

    @property
    def since(self) -> Mapping[str, int]:
        """By resource, the run in which the newest of its refused entities was refused first.

        What was seen before that run for the last time may be one of the refused.
        """
        return self._since

    def unheld(self, sighting: Sighting) -> None:
        """Take note of what the catalog does not hold."""
        run = self._proof.run
        if sighting.run < run:
            return
        resource = self._proof.resources[sighting.partition]
        known = self._since.get(resource, 0)
        if known < run and (first := self._first_refusal(sighting[:2])) is not None:
            self._since[resource] = max(known, first)
