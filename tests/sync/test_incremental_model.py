"""Whatever happens at the source and to the runs: no incremental run deletes, and a full run makes good whatever was.

``PENSTOCK_SOAK=1`` lives through more of it.

A source over a real socket: a list and two lists below parents that are asked for changes, and two lists of one
blueprint whose pages are asked for by their tags. Runs may fail in parts. The oracle is what the source has.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from support.changing import Changing, incremental, names, project_for, titles
from support.project import Project, resource

USERS, TEAMS = "/users", "/teams"
MEMBERS = {team: f"/teams/{team}/members" for team in ("t1", "t2")}
LISTS = (USERS, *MEMBERS.values())
ROOMS = ("/rooms", "/halls")
NAMES = ("a", "b", "c", "d", "e")
EXAMPLES = 100 if os.environ.get("PENSTOCK_SOAK") else 4

CHILDREN: dict[str, Any] = {"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}}


class Life(RuleBasedStateMachine):
    """A source, and the catalog that follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.api = Changing(etags=True)
        self.api.lists = {path: {} for path in (USERS, TEAMS, *MEMBERS.values())}
        self.api.put(TEAMS, "t1", "t2")
        for path in LISTS:
            self.api.put(path, *(f"{path}-{name}" for name in NAMES[:3]))
        for path in ROOMS:
            self.api.put(path, *NAMES[:3])
        self.former = {path: dict(self.api.lists[path]) for path in ROOMS}
        kinds = [
            incremental(USERS),
            incremental("/teams/{team}/members", blueprint="member", selector=CHILDREN),
            resource(TEAMS, blueprint="team"),
            *(resource(path, blueprint="room") for path in ROOMS),
        ]
        self.project: Project
        self.project, _ = self.stack.enter_context(project_for(folder, self.api, kinds))
        self.project.config |= {"entityDeletionThreshold": 1, "entityDeletionLimit": "none"}
        self.marks: dict[int, int] = {}
        self.project.sync()

    @rule(path=st.sampled_from(LISTS), name=st.sampled_from(NAMES))
    def put(self, path: str, name: str) -> None:
        self.api.put(path, f"{path}-{name}")

    @rule(path=st.sampled_from(LISTS), name=st.sampled_from(NAMES))
    def put_without_a_tick(self, path: str, name: str) -> None:
        self.api.clock -= 1
        self.api.put(path, f"{path}-{name}")
        self.api.lists[path][f"{path}-{name}"]["name"] += " again"

    @rule(path=st.sampled_from(LISTS), name=st.sampled_from(NAMES))
    def remove(self, path: str, name: str) -> None:
        self.api.lists[path].pop(f"{path}-{name}", None)

    @rule(team=st.sampled_from(sorted(MEMBERS)))
    def come_or_go(self, team: str) -> None:
        if self.api.lists[TEAMS].pop(team, None) is None:
            self.api.put(TEAMS, team)

    @rule(path=st.sampled_from(ROOMS), name=st.sampled_from(NAMES))
    def put_room(self, path: str, name: str) -> None:
        self.api.put(path, name)

    @rule(path=st.sampled_from(ROOMS), name=st.sampled_from(NAMES))
    def remove_room(self, path: str, name: str) -> None:
        self.api.lists[path].pop(name, None)

    @rule(path=st.sampled_from(ROOMS))
    def restore_rooms(self, path: str) -> None:
        self.api.lists[path] = dict(self.former[path])

    @rule(broken=st.frozensets(st.sampled_from((*LISTS, *ROOMS, TEAMS)), max_size=2))
    def changes(self, broken: frozenset[str]) -> None:
        query = "SELECT blueprint, identifier FROM entities WHERE blueprint IN ('user', 'member')"
        before = set(self.project.rows(query))
        self.api.broken = set(broken)
        report = self.project.sync()
        self.api.broken = set()
        after = set(self.project.rows(query))
        for kind in report.kinds[:2]:
            assert kind.extent == "full" or not kind.deleted, "an incremental run has deleted"
        if all(kind.extent == "changes" for kind in report.kinds[:2]):
            assert before <= after, "something is gone after an incremental run"
        for path in LISTS:
            if path not in broken and TEAMS not in broken and self.is_there(path):
                held = names(self.project, "user" if path == USERS else "member")
                assert held.items() >= titles(self.api, path).items(), "a change was missed"
        if broken.isdisjoint(ROOMS):
            assert names(self.project, "room") == titles(self.api, *ROOMS), "a page was taken for what it is not"

    @rule()
    def everything(self) -> None:
        for _ in range(2):  # what is missing while a part was not read is deleted by a read that can tell
            assert self.project.sync(anew=True).exit_code == 0
        self.marks.clear()  # it begins anew
        assert names(self.project) == titles(self.api, USERS)
        assert names(self.project, "member") == titles(self.api, *filter(self.is_there, MEMBERS.values()))
        assert names(self.project, "team") == titles(self.api, TEAMS)
        assert names(self.project, "room") == titles(self.api, *ROOMS)

    def is_there(self, path: str) -> bool:
        return path == USERS or path.split("/")[2] in self.api.lists[TEAMS]

    @invariant()
    def no_mark_goes_back(self) -> None:
        with closing(sqlite3.connect(self.project.folder / ".penstock" / "test.db")) as db:
            now = dict(db.execute("SELECT partition, mark FROM marks WHERE mark IS NOT NULL").fetchall())
        assert all(now.get(partition, mark) >= mark for partition, mark in self.marks.items())
        self.marks = now

    def teardown(self) -> None:
        try:
            self.everything()
        finally:
            self.stack.close()


def test_no_incremental_run_deletes_and_after_a_full_one_the_catalog_equals_the_source() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
