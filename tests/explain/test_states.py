"""What has become of an entity, in every case there is, and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.explain.explain import Explanation
from penstock.explain.verdict import State
from support.explaining import Api, explain
from support.project import USER, Project, resource
from support.server import ApiServer, serve

PARAMETERS = {"team": {"endpoint": "/teams", "field": ".id"}}
MEMBERS = resource("/teams/{team}/members", blueprint="member", selector={"path_parameters": PARAMETERS})
PAGES = {"paginationType": "page", "pageSize": 3, "maxRetries": 0}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def server(api: Api) -> Iterator[ApiServer]:
    with serve(api) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: ApiServer) -> Project:
    """Users in pages, and the members of two teams; synced once."""
    members = {**MEMBERS, "selector": {**MEMBERS["selector"], "pagination": {"pagination_type": "none"}}}
    project = Project(tmp_path, server.url, [USER, members], **PAGES)
    assert project.sync().status == "complete"
    return project


def told(found: Explanation) -> tuple[str, bool, str]:
    """The state, whether the catalog has it, and all that is said, in one line."""
    return found.verdict.state.value, found.in_catalog, " | ".join(found.verdict.reasons)


def test_what_the_last_run_saw(project: Project) -> None:
    state, there, why = told(explain(project, "user", "5"))

    assert (state, there) == ("seen", True)
    assert why.startswith("the last run ")
    assert why.endswith(" UTC saw it")


def test_what_complete_reads_have_missed_too_few_times(project: Project, api: Api) -> None:
    api.users.pop(4)
    project.sync()

    state, there, why = told(explain(project, "user", "5"))

    assert (state, there) == ("missing", True)
    assert "1 complete read did not show it" in why
    assert "it takes 2 to delete it, 1 more (deleteAfterAbsentRuns)" in why


def test_the_number_of_reads_it_takes_is_that_of_the_settings(project: Project, api: Api) -> None:
    project.config["deleteAfterAbsentRuns"] = 5
    api.users.pop(4)
    project.sync()
    project.sync()

    state, _, why = told(explain(project, "user", "5"))

    assert state == "missing"
    assert "2 complete reads in a row did not show it" in why
    assert "it takes 5 to delete it, 3 more" in why


def test_what_a_run_has_deleted(project: Project, api: Api) -> None:
    api.users.pop(4)
    project.sync()
    project.sync()

    found = explain(project, "user", "5")

    state, there, why = told(found)
    assert (state, there) == ("deleted", False)
    assert "deleted it (20" in why
    assert "complete reads of every part of the source that ever showed it did not show it" in why
    assert "it took 2 complete reads in a row" in why
    assert "saw it last, in /users" in why
    [origin] = found.origins
    assert (origin.page, origin.url.partition("/users")[2]) == (2, "?page=2&size=3")


def test_what_was_deleted_and_came_back_is_no_longer_deleted(project: Project, api: Api) -> None:
    gone = api.users.pop(4)
    project.sync()
    project.sync()
    api.users.append(gone)
    project.sync()

    assert told(explain(project, "user", "5"))[0] == "seen"


def test_what_somebody_else_has_deleted(project: Project) -> None:
    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("DELETE FROM entities WHERE identifier = '5'")

    state, there, why = told(explain(project, "user", "5"))

    assert (state, there) == ("lost", False)
    assert "no run has deleted it since: something else has" in why


def test_a_catalog_that_is_not_there(project: Project) -> None:
    project.catalog.unlink()

    assert "there is no catalog where this configuration says" in told(explain(project, "user", "5"))[2]


def test_held_approved_and_rejected_deletions(project: Project, api: Api) -> None:
    project.config["entityDeletionThreshold"] = 0.1
    del api.users[1:]
    project.sync()
    found = explain(project, "user", "5")
    state, there, why = told(found)
    assert (state, there) == ("held", True)
    assert "a larger share of its kind would go than entityDeletionThreshold allows (share)" in why
    assert "6 of 7 entities are held so, since 20" in why
    assert found.verdict.ways[0] == "penstock holds approve /users"

    project.decide("/users", "approved")
    assert told(explain(project, "user", "5"))[0] == "approved"

    project.decide("/users", "rejected")
    project.sync()
    state, there, why = told(explain(project, "user", "5"))
    assert (state, there) == ("rejected", True)
    assert "somebody decided to keep it" in why

    project.decide("/users", "approved")
    project.sync()
    state, there, why = told(explain(project, "user", "5"))
    assert (state, there) == ("deleted", False)
    assert "its deletion had been held, and somebody approved it" in why


def test_what_waits_until_others_are_decided_about(project: Project, api: Api) -> None:
    project.config["entityDeletionThreshold"] = 0.1
    members = api.members["a"]
    api.members["a"] = ["m2"]
    assert project.sync().kinds[1].held == 1
    api.members["b"] = []
    api.broken = {"/teams/a/members"}
    project.sync()

    state, there, why = told(explain(project, "member", "m3"))

    assert members == ["m1", "m2"]
    assert (state, there) == ("missing", True)
    assert "a person has to decide about others of its kind first" in why


def test_what_stays_because_its_partition_could_not_be_read(project: Project, api: Api) -> None:
    api.broken = {"/teams/a/members"}
    project.sync()

    state, there, why = told(explain(project, "member", "m1"))
    other = told(explain(project, "member", "m3"))

    assert (state, there, other[0]) == ("unread", True, "seen")
    assert "could not read /teams/{team}/members team=a completely: request_failed: " in why
    assert "out of order" in why
    assert "what is not read completely deletes nothing" in why


def test_what_stays_because_its_items_could_not_be_judged(project: Project, api: Api) -> None:
    project.config["resources"][0] = {**USER, "selector": {"data_path": ".users", "query": ".name | length > 0"}}
    project.sync()
    api.users[4]["id"] = 50
    api.users[0]["name"] = True
    project.sync()

    state, _, why = told(explain(project, "user", "5"))

    assert state == "unread"
    assert "some of its items could not be judged" in why


def test_what_stays_because_its_parent_could_not_be_read(project: Project, api: Api) -> None:
    api.broken = {"/teams"}
    project.sync()

    state, there, why = told(explain(project, "member", "m1"))

    assert (state, there) == ("unread", True)
    assert "could not find out whether there still is /teams/{team}/members team=a: discovering {team}: " in why


def test_what_a_run_of_other_kinds_did_not_come_to(project: Project) -> None:
    project.sync(only=["/users"])

    state, there, why = told(explain(project, "member", "m1"))

    assert (state, there) == ("not_read", True)
    assert "did not read /teams/{team}/members team=a to its end: it was told to read other kinds only" in why


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (None, "it was killed, or is under way"),
        ("interrupted", "somebody stopped it"),
        ("suspended", "the source's quota was used up"),
    ],
)
def test_what_a_run_that_was_cut_short_did_not_come_to(project: Project, status: str | None, why: str) -> None:
    _cut_short(project, status)

    state, _, told_why = told(explain(project, "user", "5"))

    assert state == "not_read"
    assert f"did not read /users to its end: {why}" in told_why


def test_what_the_sink_refused_and_what_it_accepted_later(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    theirs = Project(other, project.config["connection"]["baseUrl"], [USER], **PAGES)
    theirs.config |= {"source": "theirs", "sink": project.config["sink"]}
    theirs.sync()

    foreign = told(explain(theirs, "user", "5"))
    assert foreign[:2] == ("foreign", True)
    assert foreign[2].startswith('it belongs to the source "test", which alone may change or delete it')

    with closing(sqlite3.connect(project.catalog)) as db, db:
        db.execute("DELETE FROM entities")
    state, there, why = told(explain(theirs, "user", "5"))
    assert (state, there) == ("refused", False)
    assert 'saw it, and the sink refused it: it belongs to the source "test"' in why

    theirs.sync()
    assert told(explain(theirs, "user", "5"))[:2] == ("seen", True)


def test_what_could_not_be_stored_leaves_what_was_there_before(project: Project, api: Api) -> None:
    api.users[4]["email"] = "half\0way"
    project.sync()

    state, there, why = told(explain(project, "user", "5"))

    assert (state, there) == ("outdated", True)
    assert "the sink refused what it brought, so that the catalog has what was there before: " in why
    assert "NUL" in why


def test_a_kind_that_was_removed_from_the_mapping(project: Project) -> None:
    project.config["resources"].pop()

    state, there, why = told(explain(project, "member", "m1"))
    assert (state, there) == ("seen", True)

    _cut_short(project)
    state, there, why = told(explain(project, "member", "m1"))
    assert (state, there) == ("unmapped", True)
    assert "it was written by /teams/{team}/members, which is no longer in the mapping" in why

    project.sync()
    state, _, why = told(explain(project, "member", "m1"))
    assert state == "held"
    assert "the resource that wrote it is no longer in the mapping (removed)" in why


def test_an_identifier_that_is_made_in_another_way(project: Project) -> None:
    port = {"entity": {"mappings": {"identifier": '"u-\\(.id)"', "blueprint": '"user"'}}}
    project.config["resources"][0] = {**USER, "port": port}

    _, _, why = told(explain(project, "user", "5"))
    assert "edited since the last run: it names entities of this resource in another way now" in why

    project.sync()
    state, _, why = told(explain(project, "user", "5"))
    assert state == "held"
    assert "in another way than when it was seen last (changed)" in why


def test_a_selector_that_was_edited(project: Project) -> None:
    project.config["resources"][0] = {**USER, "selector": {"data_path": ".users", "query": ".id != 5"}}

    assert "it reads or selects records in another way now" in told(explain(project, "user", "5"))[2]


@pytest.mark.parametrize(
    ("blueprint", "identifier", "near"),
    [
        ("user", "55", ("user", "5")),
        ("member", "M1", ("member", "m1")),
        ("usr", "5", ("user", "5")),
        ("member", "5", ("user", "5")),
    ],
)
def test_what_was_never_seen_may_be_something_like_it(
    project: Project, blueprint: str, identifier: str, near: tuple[str, str]
) -> None:
    found = explain(project, blueprint, identifier)

    assert found.verdict.state in {State.NEVER_SEEN, State.UNMAPPED}
    assert not found.in_catalog
    assert near in {(one.blueprint, one.identifier) for one in found.near}


def test_what_was_never_seen_may_have_been_left_out(project: Project) -> None:
    project.config["resources"][0] = {**USER, "selector": {"data_path": ".users", "query": ".id < 4"}}
    project.config["entityDeletionThreshold"] = 1
    project.sync()

    found = explain(project, "user", "8")

    assert (
        "of the records of /users in the last run, it is not recorded which: 4 selector.query left out"
        in told(found)[2]
    )
    assert found.verdict.ways == ["penstock preview /users"]


def test_a_blueprint_that_nothing_makes(project: Project) -> None:
    state, there, why = told(explain(project, "service", "x"))

    assert (state, there) == ("unmapped", False)
    assert why == 'no resource of the mapping makes entities of the blueprint "service"'


def test_before_the_first_run_nothing_is_known(tmp_path: Path, server: ApiServer) -> None:
    project = Project(tmp_path, server.url, [USER])

    state, there, why = told(explain(project, "user", "5"))

    assert (state, there) == ("no_run", False)
    assert why == 'the journal of "test" knows of no run yet'
    assert server.received == []
    assert not project.catalog.exists()


def test_an_entity_that_a_lost_journal_knew(project: Project) -> None:
    for file in (project.folder / ".penstock").glob("test.db*"):
        file.unlink()
    project.sync(only=["/teams/{team}/members"])

    state, there, why = told(explain(project, "user", "5"))

    assert (state, there) == ("unknown", True)
    assert "the journal knows nothing of it" in why
    assert "the kind /users wrote it last" in why


def _cut_short(project: Project, status: str | None = None) -> None:
    """Make as if a run had begun and not come far."""
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db, db:
        row = ("cut", "2026-01-01T00:00:00+00:00", status)
        db.execute("INSERT INTO runs(run, started_at, status) VALUES (?, ?, ?)", row)


def test_every_state_is_explained_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")

    assert [state for state in State if f"`{state.value}`" not in page] == []
