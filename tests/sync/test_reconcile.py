"""What may be deleted: decided from what runs saw, checked against a source whose truth is known."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.simulation import Simulation


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path)


def test_an_entity_that_a_complete_read_no_longer_shows_is_deleted(simulation: Simulation) -> None:
    simulation.run({"a": {"1", "2", "3"}}, failed=frozenset(), gone=True, threshold=1)
    report = simulation.run({"a": {"1", "2"}}, failed=frozenset(), gone=True, threshold=1)
    assert simulation.held == {"1", "2"}
    assert (report.deleted, report.held, report.status) == (1, 0, "complete")


def test_an_incomplete_read_deletes_nothing_of_its_partition_and_others_go_on(simulation: Simulation) -> None:
    simulation.run({"a": {"1", "2"}, "b": {"3", "4"}}, failed=frozenset(), gone=True, threshold=1)
    for _ in range(2):  # 4 might have moved to the partition that failed
        report = simulation.run({"a": {"1"}, "b": {"3"}}, failed=frozenset({"a"}), gone=True, threshold=1)
        assert (report.missing, simulation.held) == (1, {"1", "2", "3", "4"})
    simulation.run({"a": {"1"}, "b": {"3"}}, failed=frozenset({"a"}), gone=True, threshold=1)
    assert simulation.held == {"1", "2", "3"}


def test_an_entity_that_left_one_partition_stays_while_another_that_had_it_cannot_be_read(
    simulation: Simulation,
) -> None:
    simulation.run({"a": {"1"}, "b": {"1"}}, failed=frozenset(), gone=True, threshold=1)
    simulation.run({"a": set(), "b": set()}, failed=frozenset({"a"}), gone=True, threshold=1)
    assert simulation.held == {"1"}


def test_a_partition_that_discovery_no_longer_finds_takes_its_entities_along(simulation: Simulation) -> None:
    simulation.run({"a": {"1"}, "b": {"2"}}, failed=frozenset(), gone=True, threshold=1)
    simulation.run({"a": {"1"}}, failed=frozenset(), gone=True, threshold=1)
    assert simulation.held == {"1"}


def test_a_partition_that_an_incomplete_discovery_did_not_find_keeps_its_entities(simulation: Simulation) -> None:
    simulation.run({"a": {"1"}, "b": {"2"}}, failed=frozenset(), gone=True, threshold=1)
    simulation.run({"a": {"1"}}, failed=frozenset(), gone=False, threshold=1)
    assert simulation.held == {"1", "2"}


def test_a_kind_that_comes_back_empty_is_held_and_a_later_good_run_clears_it(simulation: Simulation) -> None:
    simulation.run({"a": {"1", "2"}}, failed=frozenset(), gone=True, threshold=0.9)
    empty = simulation.run({"a": set()}, failed=frozenset(), gone=True, threshold=0.9)
    assert (empty.status, empty.held, empty.deleted, simulation.held) == ("held", 2, 0, {"1", "2"})
    good = simulation.run({"a": {"1", "2"}}, failed=frozenset(), gone=True, threshold=0.9)
    assert (good.status, good.held, good.deleted) == ("complete", 0, 0)


def test_without_a_journal_an_absent_entity_goes_only_after_everything_was_read(
    simulation: Simulation, tmp_path: Path
) -> None:
    simulation.run({"a": {"1", "2"}}, failed=frozenset(), gone=True, threshold=1)
    (tmp_path / "test.db").unlink()
    simulation.run({"a": {"1"}, "b": set()}, failed=frozenset({"b"}), gone=True, threshold=1)
    assert simulation.held == {"1", "2"}
    simulation.run({"a": {"1"}, "b": set()}, failed=frozenset(), gone=True, threshold=1)
    assert simulation.held == {"1"}


def test_what_somebody_else_deleted_is_forgotten(simulation: Simulation) -> None:
    simulation.run({"a": {"1", "2"}}, failed=frozenset(), gone=True, threshold=1)
    simulation.catalog.keys.clear()
    report = simulation.run({"a": {"1"}}, failed=frozenset(), gone=True, threshold=1)
    assert (simulation.held, report.deleted, report.status) == ({"1"}, 0, "complete")
    with simulation.journal as journal:
        assert [sighting.identifier for sighting in journal.sightings()] == ["1"]


_IDS = st.sets(st.sampled_from("123456"), max_size=6)
_SOURCE = st.dictionaries(st.sampled_from("abc"), _IDS, max_size=3)
_RUN = st.tuples(_SOURCE, st.frozensets(st.sampled_from("abc")), st.booleans(), st.data())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_RUN, max_size=5))
def test_no_entity_goes_while_a_partition_that_showed_it_has_it_and_a_clean_run_equals_the_source(
    runs: list[tuple[dict[str, set[str]], frozenset[str], bool, st.DataObject]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(Path(folder))
        source: dict[str, set[str]] = {}
        showed: dict[str, set[str]] = {}
        for source, failed, found_all, data in runs:
            met = set(source) if found_all else data.draw(st.sets(st.sampled_from(sorted(source) or ["a"])))
            read = {
                name: data.draw(st.sets(st.sampled_from("123456"))) & ids if name in failed else ids
                for name, ids in source.items()
                if name in met
            }
            existing = {one for name, ids in source.items() for one in ids & showed.get(name, set())}
            before = simulation.held
            simulation.run(read, failed=failed, gone=found_all, threshold=1)
            assert before & existing <= simulation.held
            for name, ids in read.items():
                showed[name] = ids | (showed.get(name, set()) if name in failed else set())
        simulation.run(source, failed=frozenset(), gone=True, threshold=1)
        assert simulation.held == set().union(*source.values())
