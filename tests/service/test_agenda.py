"""One sync at a time, and at most one more in line."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.service.agenda import Agenda, Answer, Cause, Task

ALL = Task(Cause.REQUEST)
USERS = Task(Cause.REQUEST, frozenset({"/users"}))
TEAMS = Task(Cause.REQUEST, frozenset({"/teams"}))


def _under_way() -> Agenda:
    agenda = Agenda()
    agenda.ask(Task(Cause.START))
    agenda.begin()
    return agenda


@pytest.mark.parametrize("cause", list(Cause))
def test_anything_begins_when_nothing_is_under_way(cause: Cause) -> None:
    agenda = Agenda()

    assert agenda.ask(Task(cause)) is Answer.BEGINS
    assert agenda.begin() == Task(cause)


@pytest.mark.parametrize(
    ("cause", "answer"),
    [
        (Cause.SCHEDULE, Answer.SKIPPED),
        (Cause.RESUME, Answer.SKIPPED),
        (Cause.REQUEST, Answer.QUEUED),
        (Cause.CHANGE, Answer.QUEUED),
    ],
)
def test_beside_a_sync_under_way_the_schedule_is_skipped_and_people_are_not(cause: Cause, answer: Answer) -> None:
    agenda = _under_way()

    assert agenda.ask(Task(cause)) is answer
    agenda.end()
    assert (agenda.begin() is None) is (answer is Answer.SKIPPED)


def test_many_requests_during_a_sync_are_one_sync_after_it() -> None:
    agenda = _under_way()

    assert [agenda.ask(ALL) for _ in range(3)] == [Answer.QUEUED, Answer.JOINED, Answer.JOINED]
    agenda.end()
    assert agenda.begin() == ALL
    agenda.end()
    assert agenda.begin() is None


@pytest.mark.parametrize(
    ("first", "second", "kinds"), [(USERS, TEAMS, {"/users", "/teams"}), (USERS, ALL, ALL.only), (ALL, USERS, ALL.only)]
)
def test_requests_that_join_cover_the_kinds_of_both(first: Task, second: Task, kinds: AbstractSet[str]) -> None:
    agenda = _under_way()
    agenda.ask(first)
    agenda.ask(second)
    agenda.end()

    task = agenda.begin()
    assert task is not None
    assert task.only == kinds


KINDS = st.sets(st.sampled_from(["a", "b", "c"])).map(frozenset)


@given(st.lists(st.tuples(st.sampled_from(list(Cause)), KINDS) | st.none(), max_size=30))
def test_whatever_was_accepted_is_covered_by_a_sync_that_begins_afterwards(
    steps: list[tuple[Cause, frozenset[str]] | None],
) -> None:
    """None ends what is under way and begins the next."""
    agenda = Agenda()
    owed: list[frozenset[str]] = []
    for step in [*steps, None, None]:
        if step is not None:
            answer = agenda.ask(Task(*step))
            if answer is not Answer.SKIPPED:
                owed.append(step[1])
            else:
                assert agenda.current is not None
            continue
        agenda.end()
        task = agenda.begin()
        if task is not None and not task.only:
            owed.clear()
        elif task is not None:
            assert all(kinds and kinds <= task.only for kinds in owed)
            owed.clear()
    assert not owed


def test_what_is_due_follows_a_sync_that_was_told_to_stop() -> None:
    agenda = _under_way()
    agenda.breaks_off = True

    assert agenda.ask(Task(Cause.SCHEDULE)) is Answer.QUEUED
    agenda.end()
    assert agenda.begin() == Task(Cause.SCHEDULE)
    assert agenda.ask(Task(Cause.SCHEDULE)) is Answer.SKIPPED
