"""Whatever the catalog holds and the source has: a plan is what the sync then does, and touches nothing itself."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import JSON, UNSET, Entity
from penstock.journal import Decision, Holds, JournalFile
from penstock.plan.changes import Change, differences
from support.planning import apply, entities, outcome, owned, plan
from support.project import Project, resource
from support.server import ApiServer, Reply, routes, serve
from support.trees import tree

IDS = st.sampled_from(["1", "2", "3", "ä", "\U00010000", "a b"])
VALUES: st.SearchStrategy[JSON] = st.sampled_from(
    [None, True, 1, 1.5, "", "x", "ü", 10**25, 2**53 + 1, [], [1, "a"], {"b": 1, "a": None}, {"a": None, "b": 1}]
)
RECORDS = st.dictionaries(IDS, st.fixed_dictionaries({"name": st.sampled_from(["A", "B", None]), "it": VALUES}))
"""What a list of the source has, by id."""


@dataclass
class State:
    """What the source answers."""

    lists: Mapping[str, Mapping[str, Mapping[str, JSON]]]
    broken: str = ""
    """A list that cannot be read to its end."""

    def serve(self, api: ApiServer) -> None:
        table: dict[str, object] = {
            path: [{"id": name, **record} for name, record in records.items()] for path, records in self.lists.items()
        }
        if self.broken:
            table[self.broken] = Reply({"error": "down"}, 500)
        api.handler = routes(table)


LISTS = st.fixed_dictionaries({"/users": RECORDS, "/people": RECORDS, "/teams": RECORDS})
BEFORE = st.builds(State, LISTS)


@dataclass
class History:
    """What was before the plan."""

    states: list[State]
    threshold: float
    decision: Decision | None
    """About all that was held after the last sync."""


HISTORIES = st.builds(
    History,
    st.lists(BEFORE, min_size=1, max_size=2),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([None, "approved", "rejected"]),
)
AFTER = st.builds(State, LISTS, st.sampled_from(["", "", "/users", "/people", "/teams"]))
BOUNDED = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])


KINDS = ("/users", "/people", "/teams")


def _mapped(kind: str, blueprint: str, *properties: str) -> dict[str, Any]:
    found = resource(kind, blueprint=blueprint)
    found["port"]["entity"]["mappings"] |= {"identifier": ".id", "properties": {one: f".{one}" for one in properties}}
    return found


def _project(folder: Path, api: ApiServer, sink: str, threshold: float) -> Project:
    """A project with two kinds that write the same entities, both their titles, and one of another blueprint."""
    folder.mkdir(exist_ok=True)
    resources = [_mapped("/users", "user", "it"), _mapped("/people", "user", "name"), _mapped("/teams", "team", "it")]
    project = Project(folder, api.url, resources, maxRetries=0)
    project.config["sink"] = {"type": sink, "path": str(folder / "catalog")}
    project.config["entityDeletionThreshold"] = threshold
    return project


def _begin(folder: Path, api: ApiServer, sink: str, history: History) -> Project:
    """Have another source own an entity, sync ours twice, and decide about what is held by then."""
    other = _project(folder, api, sink, 1)
    other.config |= {"source": "other", "resources": [_mapped("/users", "user", "it")]}
    api.handler = routes({"/users": [{"id": "3", "name": "theirs"}]})
    other.sync()
    project = _project(folder, api, sink, history.threshold)
    for state in history.states:
        state.serve(api)
        project.sync()
    if history.decision is not None:
        with JournalFile(_journal_of(project)) as file:
            Holds(file).decide(None, history.decision)
    return project


def _journal_of(project: Project) -> Path:
    return project.folder / ".penstock" / "test.db"


def _journal(project: Project) -> list[list[tuple[Any, ...]]]:
    """What the journal says of partitions and entities, but for the time at which it says so."""
    queries = (
        "SELECT * FROM partitions",
        "SELECT * FROM seen",
        "SELECT * FROM absent",
        "SELECT blueprint, identifier, resource, reason, state, owned FROM held JOIN holds ON holds.id = held.hold",
        "SELECT * FROM identities",
        "SELECT id, status FROM runs",
    )
    with closing(sqlite3.connect(_journal_of(project))) as db:
        return [sorted(db.execute(query).fetchall()) for query in queries]


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
@BOUNDED
@given(history=HISTORIES, after=AFTER)
def test_what_is_planned_is_what_a_sync_does_and_what_apply_does(sink: str, history: History, after: State) -> None:
    with tempfile.TemporaryDirectory() as name, serve(routes({})) as api:
        file = Path(name) / "plan.jsonl"
        synced = _begin(Path(name) / "synced", api, sink, history)
        applied = _begin(Path(name) / "applied", api, sink, history)
        after.serve(api)
        held, files = entities(synced.settings()), tree(synced.folder)

        planned = plan(synced)
        plan(applied, out=file)

        assert tree(synced.folder) == files
        assert outcome(synced.sync()) == outcome(planned.report)
        assert _contents(entities(synced.settings())) == _laid_over(_contents(held), planned.changes)

        assert outcome(apply(applied, file).report) == outcome(planned.report)
        assert entities(applied.settings()) == entities(synced.settings())
        assert owned(applied.settings()) == owned(synced.settings())
        assert _journal(applied) == _journal(synced)


Content: TypeAlias = dict[str, str]
"""The fields of an entity; ``repr`` tells 1 from 1.0 and true."""


def _contents(held: Mapping[tuple[str, str], Entity]) -> dict[tuple[str, str], Content]:
    return {key: {one.field: repr(one.after) for one in differences(None, entity)} for key, entity in held.items()}


def _laid_over(held: dict[tuple[str, str], Content], changes: list[Change]) -> dict[tuple[str, str], Content]:
    """What becomes of entities by these changes, each of which begins where the one before it ends."""
    found = {key: dict(content) for key, content in held.items()}
    written = [one for kind in KINDS for one in changes if one.kind == kind and one.action != "delete"]
    for change in [*written, *(one for one in changes if one.action == "delete")]:
        key = (change.blueprint, change.identifier)
        assert (key in found) == (change.action != "create")
        content = found.setdefault(key, {})
        for one in change.differences:
            assert content.pop(one.field, repr(UNSET)) == repr(one.before)
            if one.after is not UNSET:
                content[one.field] = repr(one.after)
        if change.action == "delete":
            assert not found.pop(key)
    return found
