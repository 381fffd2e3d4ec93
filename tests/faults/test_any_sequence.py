"""Whatever the source, the catalog, the network, the clock, a person and the system do, in any order.

What really exists is the model: at no moment does the catalog lack an entity of it that it has had, and when all is
well again, clean runs make the two equal. ``PENSTOCK_SEEDS=1000`` runs so many sequences, ``PENSTOCK_SEED=7`` others.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import penstock.http.wire
import penstock.sync.run
from penstock import EntityKey
from penstock.errors import AlreadyRunningError, PenstockError
from penstock.journal import Decision
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport, RunReport
from support.clock import FakeClock
from support.faulty_sink import Manner, Mood
from support.hostile_api import LISTS, PAGINATIONS, REFUSALS, Company, HostileApi, Key, hostile
from support.hostile_project import MEMBERS, TEAMS, USERS, HostileProject
from support.misbehaving import FAULTS, HARMLESS
from support.mortal import Parent, parent
from support.project import resource
from support.soak import SEED, SEEDS

PLACES = st.sampled_from(["/users"] * 3 + ["/teams"] * 2 + [f"/teams/t{number}/members" for number in range(5)])
USER_IDS = st.sampled_from([f"u{number:02}" for number in range(12)])
TEAM_IDS = st.sampled_from([f"t{number}" for number in range(5)])
MEMBER_IDS = st.sampled_from([f"m{number}{one}" for number in range(5) for one in "ab"])
RUNS = st.integers(0, 2)
"""Of a sync, at once: that nothing happens between two of them is where most is proven."""
MANNERS: list[Manner] = ["before", "after", "refuse one", "refuse some", "refuse all"]
RENAMED = {**resource("/users", selector={"data_path": ".items"})}
RENAMED["port"] = {"entity": {"mappings": {**USERS["port"]["entity"]["mappings"], "identifier": '"x-" + .id'}}}


class Wanderer(FakeClock):
    """Waiting takes no time; the time of day is what somebody has set it to."""

    off: float = 0.0

    def time(self) -> float:
        return self.now + self.off


CLOCK = Wanderer()


class Wandering(datetime):
    """The time of day as runs see it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(seconds=CLOCK.off)


class StopAfter(Observer):
    """Sets an event after so many pages."""

    def __init__(self, pages: int, stop: asyncio.Event) -> None:
        self._left = pages
        self._stop = stop

    def page_read(self, kind: KindReport) -> None:
        del kind
        self._left -= 1
        if self._left <= 0:
            self._stop.set()


@dataclass(slots=True)
class Moment:
    """What a run has to be judged by."""

    steady: set[Key]
    """What has existed ever since it began."""
    kept: set[Key]
    """What a person has rejected to delete."""
    wrong: list[EntityKey] = field(default_factory=list[EntityKey])
    """What was about to be deleted and exists."""
    shaky: bool = False
    """Whether rows have moved while it read, or may have between its parts."""


class AnySequence(RuleBasedStateMachine):
    """Holds the catalog against what exists, after every step and before every deletion."""

    api: ClassVar[HostileApi]
    mortal: ClassVar[Parent]
    place: ClassVar[Path]

    @initialize(
        pagination=st.sampled_from(sorted(PAGINATIONS)),
        patience=st.sampled_from([None, None, 2, 3]),
        threshold=st.sampled_from([0.0, 0.3, 0.9, 1.0, 1.0]),
        tokens=st.booleans(),
    )
    def begin(self, pagination: str, patience: int | None, threshold: float, tokens: bool) -> None:  # noqa: FBT001
        self.folder = Path(tempfile.mkdtemp(dir=self.place))
        self.api.heal()
        self.company = self.api.company = Company()
        self.api.token_lives = 1_000_000 if tokens else None
        CLOCK.off = 0.0
        auth: dict[str, Any] = {"authType": "oauth2", "tokenEndpoint": f"{self.api.url}/token"}
        auth |= {"clientId": "penstock", "clientSecret": "s3cret"}
        self.project = HostileProject(self.folder, self.api, pagination, **(auth if tokens else {}))
        self.project.config |= {"entityDeletionThreshold": threshold}
        self.reads = patience or 2
        if patience:
            self.project.config["deleteAfterAbsentRuns"] = patience
        self.prefix, self.has_teams = "", True
        self.approved = set[Key]()
        self.moved = set[Key]()
        """Members that came to where they are since they were seen."""
        self.misses = Counter[Key]()
        """How many runs in a row have not seen an entity."""
        self.unfinished = False
        self.error: PenstockError | None = None
        self.sync()

    # what there is

    @property
    def existing(self) -> dict[Key, str]:
        """What the catalog of the mapping would hold."""
        found = {
            (blueprint, f"{self.prefix}{identifier}" if blueprint == "user" else identifier): title
            for (blueprint, identifier), title in self.company.entities().items()
        }
        return {key: title for key, title in found.items() if self.has_teams or key[0] != "team"}

    @rule(user=USER_IDS, name=st.sampled_from(["User", "Another"]))
    def have_a_user(self, user: str, name: str) -> None:
        self.company.users[user] = f"{name} {user}"

    @rule(user=USER_IDS)
    def lose_a_user(self, user: str) -> None:
        self.company.users.pop(user, None)

    @rule(team=TEAM_IDS)
    def have_a_team(self, team: str) -> None:
        self.company.teams.setdefault(team, {})

    @rule(team=TEAM_IDS)
    def lose_a_team(self, team: str) -> None:
        self.company.teams.pop(team, None)

    @rule(team=TEAM_IDS, member=MEMBER_IDS)
    def have_a_member(self, team: str, member: str) -> None:
        self.company.teams.setdefault(team, {})[member] = f"Member {member}"
        self.moved.add(("member", member))

    @rule(team=TEAM_IDS, member=MEMBER_IDS)
    def move_a_member(self, team: str, member: str) -> None:
        for members in self.company.teams.values():
            members.pop(member, None)
        self.have_a_member(team, member)

    @rule(kind=st.sampled_from(["users", "teams", "members"]))
    def lose_everything_of_a_kind(self, kind: str) -> None:
        if kind == "members":
            for members in self.company.teams.values():
                members.clear()
        else:
            getattr(self.company, kind).clear()

    # what goes wrong

    @rule(path=PLACES, fault=st.sampled_from(sorted(FAULTS)), page=st.integers(0, 3), runs=RUNS)
    def break_a_page(self, path: str, fault: str, page: int, runs: int) -> None:
        self.api.bad_pages[path] = (fault, page)
        self._run_times(runs)

    @precondition(lambda self: "link" not in self.api.pagination)  # these answers come without their link
    @rule(path=PLACES, fault=st.sampled_from(sorted(HARMLESS)), page=st.integers(0, 3))
    def dress_a_page_up(self, path: str, fault: str, page: int) -> None:
        self.api.bad_pages[path] = (fault, page)

    @rule(path=PLACES, fault=st.sampled_from(sorted(LISTS)), runs=RUNS)
    def let_a_list_lie(self, path: str, fault: str, runs: int) -> None:
        self.api.lists[path] = fault
        self._run_times(runs)

    @rule(refusal=st.sampled_from(sorted(REFUSALS)), times=st.integers(1, 8))
    def refuse_requests(self, refusal: str, times: int) -> None:
        self.api.refusal, self.api.refused = refusal, times

    @precondition(lambda self: self.api.token_lives is not None)
    @rule(lives=st.integers(0, 5), refused=st.booleans())
    def let_tokens_die(self, lives: int, refused: bool) -> None:  # noqa: FBT001
        self.api.token_lives, self.api.tokens_refused = lives, refused

    @rule(seconds=st.sampled_from([-400_000, -7200, -30, 30, 7200, 400_000]))
    def set_the_clock(self, seconds: float) -> None:
        CLOCK.off += seconds

    @rule()
    def mend_everything(self) -> None:
        self.api.heal()

    # what a person does

    @rule(decision=st.sampled_from(["approved", "rejected"]))
    def decide(self, decision: Decision) -> None:
        decided = self.project.decide_all(decision)
        self.approved = self.approved | decided if decision == "approved" else self.approved - decided

    @rule(prefix=st.sampled_from(["", "x-"]), has_teams=st.booleans())
    def edit_the_mapping(self, prefix: str, has_teams: bool) -> None:  # noqa: FBT001
        if (prefix, has_teams) != (self.prefix, self.has_teams):
            self.prefix, self.has_teams = prefix, has_teams
            users = RENAMED if prefix else USERS
            self.project.config["resources"] = [users, *([TEAMS] if has_teams else []), MEMBERS]

    # what runs

    @rule()
    def sync(self) -> None:
        self._run(self.project.sync_with)

    @rule()
    def sync_again(self) -> None:
        self._run(self.project.sync_with)

    @rule(manner=st.sampled_from(MANNERS), at=st.integers(0, 6), times=st.sampled_from([1, 100]))
    def sync_into_a_bad_catalog(self, manner: Manner, at: int, times: int) -> None:
        self._run(self.project.sync_with, Mood(manner, at, times))

    @rule(user=USER_IDS, arrives=st.booleans(), at=st.integers(1, 8))
    def sync_while_rows_move(self, user: str, arrives: bool, at: int) -> None:  # noqa: FBT001
        def move() -> None:
            self.moment.shaky = True
            if arrives:
                self.have_a_user(user, "User")
            else:
                self.lose_a_user(user)
            self.moment.steady &= self.existing.keys()

        self.api.events[at] = move
        self._run(self.project.sync_with)

    @rule(pages=st.integers(1, 8))
    def interrupt(self, pages: int) -> None:
        stop = asyncio.Event()
        self._run(lambda mood: self.project.sync_with(mood, StopAfter(pages, stop), stop))

    @rule(at=st.integers(1, 8), overtakes=st.booleans())
    def run_two_at_once(self, at: int, overtakes: bool) -> None:  # noqa: FBT001
        def second() -> None:
            if overtakes:
                with closing(sqlite3.connect(self.project.journal, isolation_level=None)) as db:
                    db.execute("UPDATE lease SET until = 0")
                self.moment.shaky = True
                with suppress(PenstockError):
                    self.project.sync_with(self._mood(Mood()))
            else:
                with suppress(AlreadyRunningError):
                    self.project.sync_with(self._mood(Mood()))
                    assert first.is_set(), "two runs of a source at once"

        first, ended = threading.Event(), threading.Event()
        problems: list[BaseException] = []

        def told() -> None:
            try:
                second()
            except BaseException as problem:  # noqa: BLE001 - it is on a server's thread
                problems.append(problem)
            finally:
                ended.set()

        def both(mood: Mood) -> RunReport:
            try:
                return self.project.sync_with(mood)
            finally:
                first.set()
                assert self.api.events.pop(at, None) is not None or ended.wait(60)

        self.api.events[at] = told
        self._run(both)
        assert not problems, problems

    @rule(step=st.integers(0, 200))
    def kill(self, step: int) -> None:
        self.project.settings()
        before = self._look()
        ended = self.mortal.sync(self.folder, step=step)
        self._hold_against(before)
        self._learn()
        if ended.killed:
            assert self.project.seen() <= self.project.titles().keys(), "the journal is ahead of the catalog"

    def _run_times(self, runs: int) -> None:
        for _ in range(runs):
            self._run(self.project.sync_with)

    def _run(self, sync: Callable[[Mood], RunReport], mood: Mood | None = None) -> RunReport | None:
        before = self._look()
        report = None
        try:
            report = sync(self._mood(mood or Mood()))
        except PenstockError as error:
            self.error = error
        self.api.events.clear()
        self._hold_against(before)
        self._learn()
        return report

    def _mood(self, mood: Mood) -> Mood:
        mood.deleting = self._judge
        return mood

    def _look(self) -> dict[Key, str]:
        """Take note of how things are before a run."""
        self.api.begin()
        self.moment = Moment(set(self.existing), self.project.held("rejected"), shaky=self.unfinished)
        return self.project.titles()

    def _judge(self, keys: Sequence[EntityKey]) -> None:
        """Hear what is about to be deleted; an error raised here would be one of the catalog's."""
        self.moment.wrong += [key for key in keys if not self._may_go((key.blueprint, key.identifier))]

    def _hold_against(self, before: Collection[Key]) -> None:
        lost = before - self.project.titles().keys()
        wrong = [key for key in lost if not self._may_go(key)]
        assert not wrong, f"gone from the catalog: {wrong}"
        assert not self.moment.wrong, f"deleted, or nearly: {self.moment.wrong}"

    def _may_go(self, key: Key) -> bool:
        """Whether an entity may be deleted, by docs/guarantees.md."""
        blueprint, identifier = key
        if key in self.moment.steady:
            # it may have been missed by reads during which rows moved, each of them, or hide in what cannot be read
            missed_by_movement = self.moment.shaky and self.misses[key] >= self.reads - 1
            return missed_by_movement or (key in self.moved and self.misses[key] >= 2)
        if key in self.approved:
            return True
        named_otherwise = blueprint == "user" and identifier.startswith("x-") != bool(self.prefix)
        unmapped = blueprint == "team" and not self.has_teams
        return not (named_otherwise or unmapped or key in self.moment.kept)

    def _learn(self) -> None:
        """Take note of what a run has seen that came to its end."""
        self.unfinished = self.project.last_status() in {None, "interrupted", "suspended"}
        if self.unfinished:
            return
        seen = self.project.seen()
        self.approved -= seen
        self.moved -= seen
        for key in seen:
            del self.misses[key]
        self.misses.update(self.project.titles().keys() - seen)

    def teardown(self) -> None:
        """All is well again: once what was broken off is done, as many clean runs as it takes to be sure."""
        if not hasattr(self, "project"):
            return
        self.api.heal()
        CLOCK.off = 0.0
        if self.unfinished:
            self._run(self.project.sync_with)
        for _ in range(self.reads):
            self.decide("approved")
            report = self._run(self.project.sync_with)
            assert report is not None, self.error
            assert report.exit_code in {0, 3}, [(kind.kind, kind.errors) for kind in report.kinds]
        kept = self.project.held("rejected")
        found = self.project.titles()
        assert {key: title for key, title in found.items() if key not in kept} == self.existing
        assert kept <= found.keys()
        shutil.rmtree(self.folder)


def test_what_exists_is_never_absent_and_in_the_end_the_catalog_equals_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(penstock.http.wire, "SystemClock", lambda: CLOCK)
    monkeypatch.setattr(penstock.sync.run, "datetime", Wandering)
    with hostile(CLOCK) as api, parent() as mortal:
        machine = type("Bound", (AnySequence,), {"api": api, "mortal": mortal, "place": tmp_path})
        run_state_machine_as_test(
            seed(SEED)(machine),
            settings=settings(
                max_examples=SEEDS,
                stateful_step_count=30,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # what several threads do cannot be made smaller
                print_blob=False,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            ),
        )
