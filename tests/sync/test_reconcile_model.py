"""Reconciling against a model: a source that changes, reads that fail, a person who decides."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from penstock.sync.guard import Limits, reason_to_hold
from support.simulation import Simulation

IDENTIFIERS = "123456789"
PARTITIONS = "abc"


class SourceAndCatalog(RuleBasedStateMachine):
    """A source that changes, reads that fail, a person who decides; the model is what the source really has.

    A partition may fail for ever, but not while it hides an entity that two complete reads of where that was before
    have missed: so long waits what may be in a part of the source that was not read.
    """

    @initialize(threshold=st.sampled_from([0.0, 0.3, 0.9, 1.0]), limit=st.sampled_from([0, 2, 1000]))
    def begin(self, threshold: float, limit: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.simulation = Simulation(Path(self.folder.name))
        self.simulation.journal.__enter__()
        self.simulation.opened = lambda: nullcontext(self.simulation.journal)
        self.threshold, self.limit = threshold, limit
        self.source: dict[str, set[str]] = {"a": set("123"), "b": set("456"), "c": set("7")}
        self.showed: dict[str, set[str]] = {}
        """What each partition is known to have shown last."""
        self.misses = Counter[str]()
        """How many runs in a row that could not read everything have missed an entity where it was before."""
        self.kept, self.approved = set[str](), set[str]()
        self.run(failed=frozenset(), found=frozenset(PARTITIONS))

    @property
    def existing(self) -> set[str]:
        return {identifier for identifiers in self.source.values() for identifier in identifiers}

    @rule(identifier=st.sampled_from(IDENTIFIERS), partition=st.sampled_from(PARTITIONS))
    def appear(self, identifier: str, partition: str) -> None:
        self.source.setdefault(partition, set()).add(identifier)

    @rule(identifier=st.sampled_from(IDENTIFIERS))
    def vanish(self, identifier: str) -> None:
        for identifiers in self.source.values():
            identifiers.discard(identifier)

    @rule(partition=st.sampled_from(PARTITIONS))
    def drop(self, partition: str) -> None:
        self.source.pop(partition, None)

    @rule()
    def empty(self) -> None:
        for identifiers in self.source.values():
            identifiers.clear()

    @rule(identifier=st.sampled_from(IDENTIFIERS), partition=st.sampled_from(PARTITIONS), times=st.integers(0, 3))
    def move_to_what_fails(self, identifier: str, partition: str, times: int) -> None:
        self.vanish(identifier)
        self.appear(identifier, partition)
        for _ in range(times):
            self.run_with_failures(frozenset({partition}), frozenset(PARTITIONS))

    @rule(failed=st.frozensets(st.sampled_from(PARTITIONS)), found=st.frozensets(st.sampled_from(PARTITIONS)))
    def run_with_failures(self, failed: frozenset[str], found: frozenset[str]) -> None:
        patient = {
            name
            for name, identifiers in self.source.items()
            if all(self.misses[one] < 2 for one in identifiers - self.showed.get(name, set()))
        }
        self.run(failed & patient, found | (self.source.keys() - patient))

    @rule()
    def run_that_reads_everything(self) -> None:
        self.run(frozenset(), frozenset(PARTITIONS))

    @rule()
    def approve(self) -> None:
        self.approved |= self.simulation.decide("approved")

    @rule()
    def reject(self) -> None:
        self.kept |= self.simulation.decide("rejected")

    def run(self, failed: frozenset[str], found: frozenset[str]) -> None:
        read = {name: set(identifiers) for name, identifiers in self.source.items() if name in found}
        for name in failed & read.keys():
            read[name] = set(sorted(read[name])[:1])
        before, complete = self.simulation.held, found >= self.source.keys()
        self.simulation.run(read, failed=failed, gone=complete, threshold=self.threshold, limit=self.limit)
        seen = {identifier for identifiers in read.values() for identifier in identifiers}
        assert before & self.existing <= self.simulation.held, "what exists is gone from the catalog"
        assert self.kept - seen <= self.simulation.held, "what was to be kept is gone"
        assert seen <= self.simulation.held, "what was seen is not in the catalog"
        unasked = before - self.simulation.held - self.approved
        owned = (before | seen) - (self.kept - seen)
        assert reason_to_hold(len(unasked), len(owned), Limits(self.threshold, self.limit)) is None, "too many are gone"
        self.kept -= seen
        self.approved -= seen
        unread = {
            name for name in self.showed if (name in failed and name in read) or (name not in read and not complete)
        }
        everything = complete and not failed & read.keys()
        for one in IDENTIFIERS:
            if one in seen or everything:
                self.misses[one] = 0
            elif not any(one in self.showed.get(name, ()) for name in unread):
                self.misses[one] += 1
        for name in PARTITIONS:
            if name in failed and name in read:
                self.showed[name] = read[name] | self.showed.get(name, set())
            elif name in read or complete:
                self.showed[name] = read.get(name, set())

    def teardown(self) -> None:
        """Two runs that read everything, and what the first has held is approved: one finds out, one deletes."""
        if not hasattr(self, "simulation"):
            return
        self.run_that_reads_everything()
        self.approve()
        self.run_that_reads_everything()
        assert self.simulation.held == self.existing | self.kept
        self.simulation.journal.__exit__(None, None, None)
        self.folder.cleanup()


def test_what_exists_is_never_absent_and_in_the_end_the_catalog_equals_the_source() -> None:
    run_state_machine_as_test(
        SourceAndCatalog,
        settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
