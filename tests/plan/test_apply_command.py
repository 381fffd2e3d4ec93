from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.commands import penstock, start, write_config
from support.planning import SECRET, change
from support.project import user
from support.server import ApiServer, Received, Reply, routes
from support.trees import tree

ONE = '"`One` |\\n@two </details>"'
"""A title that ``change`` gives, as plans show it."""


def _plan(folder: Path, *arguments: str) -> None:
    assert penstock("plan", "--quiet", "--out", "plan.jsonl", *arguments, folder=folder).code in {0, 1, 3}


def _catalog(folder: Path, *arguments: str) -> list[tuple[str, str]]:
    rows = penstock("entities", "--format", "jsonl", *arguments, folder=folder).lines()
    return [(row["identifier"], row["title"]) for row in rows]


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_a_plan_is_applied_from_nothing_and_again_after_changes(folder: Path, api: ApiServer, sink: str) -> None:
    _plan(folder, "--sink", sink)
    first = penstock("apply", "plan.jsonl", "--sink", sink, "--report", "-", folder=folder)
    change(api)
    _plan(folder, "--sink", sink)
    second = penstock("apply", "plan.jsonl", "--sink", sink, folder=folder)

    assert (first.code, second.code) == (0, 3)
    assert [(kind["created"], kind["status"]) for kind in first.json()["kinds"]] == [(4, "complete"), (2, "complete")]
    assert second.err.splitlines()[-1] == (
        f"complete, but deletions are held: 4 entities in {'catalog.db' if sink == 'sqlite' else 'catalog'} "
        "(created 1, updated 2, unchanged 1, deleted 1)"
    )
    assert _catalog(folder, "--sink", sink) == [
        ("core", "Core"), ("web", "Web"), ("0", "User 0"), ("1", "`One` |\n@two </details>"), ("2", "User 2"),
        ("9", "New"),
    ]  # fmt: skip


def test_the_journal_is_that_of_a_sync(folder: Path, api: ApiServer) -> None:
    """It knows the run, and where entities were seen, without which the next run could delete nothing."""
    _plan(folder)
    penstock("apply", "plan.jsonl", "--report", "report.json", folder=folder)
    users = {"users": [user(number) for number in range(3)]}
    api.handler = routes({"/users": users, "/teams": Reply({}, 500)})

    ran = penstock("sync", "--report", "-", folder=folder)

    assert [(kind["deleted"], kind["status"]) for kind in ran.json()["kinds"]] == [(1, "complete"), (0, "incomplete")]
    with closing(sqlite3.connect(folder / ".penstock" / "test.db")) as db:
        runs = db.execute("SELECT run, status FROM runs ORDER BY id").fetchall()
    assert runs[0] == (json.loads((folder / "report.json").read_text())["run"], "complete")
    assert len(runs) == 2


def test_a_sync_after_apply_has_nothing_to_do(synced: Path, api: ApiServer) -> None:
    change(api)
    _plan(synced)
    penstock("apply", "plan.jsonl", folder=synced)

    ran = penstock("sync", "--report", "-", folder=synced)

    [users, _] = ran.json()["kinds"]
    assert (users["created"], users["updated"], users["deleted"], users["unchanged"]) == (0, 0, 0, 4)


def test_only_the_planned_kinds_are_applied(synced: Path, api: ApiServer) -> None:
    change(api)
    _plan(synced, "--only", "/users")
    api.received.clear()

    ran = penstock("apply", "plan.jsonl", folder=synced)

    assert ran.code == 0
    assert {request.path for request in api.received} == {"/users"}


def _source_moved(folder: Path, api: ApiServer) -> None:
    del folder
    users = {"users": [user(0), user(1), {**user(2), "name": "Changed since"}]}
    api.handler = routes({"/users": users, "/teams": []})


def _catalog_moved(folder: Path, api: ApiServer) -> None:
    del api
    with closing(sqlite3.connect(folder / "catalog.db")) as db, db:
        db.execute("UPDATE entities SET title = 'Somebody else' WHERE identifier = '1'")


def _source_fails(folder: Path, api: ApiServer) -> None:
    del folder
    api.handler = routes({"/users": {"users": [user(0)]}, "/teams": Reply({"message": "down"}, 500)})


@pytest.mark.parametrize(
    ("move", "says"),
    [
        (
            _source_moved,
            [
                "user/0 of /users: planned: update; now: no change",
                "user/1 of /users: planned: update; now: no change",
                "user/2 of /users: planned: no change; now: update",
                "user/9 of /users: planned: create; now: no change",
            ],
        ),
        (
            _catalog_moved,
            [f'user/1 of /users: update: title planned: "User 1" -> {ONE}; now: "Somebody else" -> {ONE}'],
        ),
        (
            _source_fails,
            [
                "/teams: it was held, and now is incomplete",
                '/teams: GET URL/teams: 500 Internal Server Error (application/json): {"message": "down"}',
                "user/0 of /users: planned: update; now: no change",
                "user/1 of /users: planned: update; now: delete",
                "user/2 of /users: planned: no change; now: delete",
                "and more",
            ],
        ),
    ],
)  # fmt: skip
def test_a_plan_that_no_longer_fits_is_refused_and_nothing_is_done(
    synced: Path, api: ApiServer, move: Callable[[Path, ApiServer], None], says: list[str]
) -> None:
    change(api)
    _plan(synced)
    move(synced, api)
    before = tree(synced)

    ran = penstock("apply", "plan.jsonl", "--quiet", "--report", "report.json", folder=synced)

    assert ran.code == 4
    assert ran.err.replace(api.url, "URL").splitlines() == [
        "error: the plan no longer fits, for the source or the catalog has changed since; nothing was done",
        *(f"  {line}" for line in says),
    ]
    assert _without_lease(tree(synced)) == _without_lease(before)
    assert SECRET not in ran.err


def _without_lease(files: dict[str, str]) -> dict[str, str]:
    """Leave out the journal, in which every run that writes, or might, has a number."""
    return {name: digest for name, digest in files.items() if name != ".penstock/test.db"}


@pytest.mark.parametrize(
    ("settings", "arguments", "says"),
    [
        ({"source": "other"}, [], 'for the source "test", not "other"'),
        (
            {"entityDeletionThreshold": 1},
            [],
            "with other settings of what may be deleted, such as entityDeletionThreshold",
        ),
        ({"resources": []}, [], "with another mapping: resources have been edited since"),
        ({}, ["--catalog", "other.db"], "for catalog.db (sink sqlite), not for other.db (sink sqlite)"),
        ({}, ["--sink", "jsonl"], "for catalog.db (sink sqlite), not for catalog (sink jsonl)"),
        ({"connection": {"baseUrl": "http://127.0.0.1:9"}}, [], "for URL, not for http://127.0.0.1:9"),
    ],
    ids=str,
)
def test_a_plan_that_was_made_for_something_else_is_refused_by_name(
    synced: Path, api: ApiServer, settings: dict[str, object], arguments: list[str], says: str
) -> None:
    _plan(synced)
    write_config(synced, json.loads((synced / "penstock.yml").read_text()) | settings)
    before = tree(synced)
    api.received.clear()

    ran = penstock("apply", "plan.jsonl", *arguments, folder=synced)

    assert (ran.code, api.received) == (2, [])
    assert ran.err.replace(api.url, "URL").splitlines() == [
        f"plan.jsonl: it was made {says}",
        "plan.jsonl: make a new one with `penstock plan --out FILE`",
    ]
    assert tree(synced) == before


def test_another_token_makes_no_other_plan(synced: Path, api: ApiServer) -> None:
    api.handler = routes({"/users": {"users": [user(0), user(1)]}, "/teams": [{"id": "core"}, {"id": "web"}]})
    _plan(synced)
    config = json.loads((synced / "penstock.yml").read_text())
    config["connection"] |= {"timeout": 7, "apiToken": "another-t0ken"}
    write_config(synced, config)

    assert penstock("apply", "plan.jsonl", folder=synced).code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "it cannot be read: No such file or directory"),
        (b"", "it is no plan; make a new one with `penstock plan --out FILE`"),
        (b'{"source": "test"}\n', "it is no plan; make a new one with `penstock plan --out FILE`"),
        (b"\x00\xff", "it is no plan; make a new one with `penstock plan --out FILE`"),
        (
            b'{"penstock_plan": 2, "changes": []}\n',
            "it is a plan of format 2, and this penstock knows 1; make a new one with `penstock plan --out FILE`",
        ),
    ],
)
def test_what_is_no_plan_is_refused(synced: Path, api: ApiServer, content: bytes | None, says: str) -> None:
    if content is not None:
        (synced / "plan.jsonl").write_bytes(content)
    api.received.clear()

    ran = penstock("apply", "plan.jsonl", folder=synced)

    assert (ran.code, ran.err, api.received) == (2, f"plan.jsonl: {says}\n", [])


def test_a_plan_that_was_cut_off_or_edited_is_refused(synced: Path, api: ApiServer) -> None:
    change(api)
    _plan(synced)
    whole = (synced / "plan.jsonl").read_bytes()
    before = tree(synced)

    (synced / "plan.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    cut = penstock("apply", "plan.jsonl", folder=synced)
    (synced / "plan.jsonl").write_bytes(whole[:-5])
    torn = penstock("apply", "plan.jsonl", folder=synced)
    (synced / "plan.jsonl").write_bytes(whole.replace(b'"action":"delete"', b'"action":"create"'))
    edited = penstock("apply", "plan.jsonl", folder=synced)
    (synced / "plan.jsonl").write_bytes(whole.replace(b'"action":"delete"', b'"action":"drop"'))
    spoilt = penstock("apply", "plan.jsonl", "--quiet", folder=synced)
    (synced / "plan.jsonl").write_bytes(whole)

    assert cut.err.startswith("plan.jsonl: it is not whole: it has 3 changes of 4; make a new one")
    assert torn.err.startswith("plan.jsonl: it is not whole: ")
    assert spoilt.err.startswith('plan.jsonl:4: no change is called "drop"; make a new one')
    assert (cut.code, torn.code, edited.code, spoilt.code) == (2, 2, 4, 2)
    assert _without_lease(tree(synced)) == _without_lease(before)


def test_the_json_of_a_plan_is_no_plan_file(synced: Path) -> None:
    (synced / "plan.json").write_text(penstock("plan", "--format", "json", folder=synced).out)

    ran = penstock("apply", "plan.json", folder=synced)

    assert (ran.code, ran.err) == (2, "plan.json: it is no plan; make a new one with `penstock plan --out FILE`\n")


def test_an_incomplete_plan_is_applied_as_far_as_it_goes(synced: Path, api: ApiServer) -> None:
    api.handler = routes({"/users": {"users": [user(7)]}, "/teams": Reply({"message": "down"}, 500)})
    _plan(synced)

    ran = penstock("apply", "plan.jsonl", folder=synced)

    assert ran.code == 1
    assert _catalog(synced) == [("core", "Core"), ("web", "Web"), ("7", "User 7")]


def test_two_runs_of_a_source_keep_each_other_out(synced: Path, api: ApiServer) -> None:
    _plan(synced)
    asked, go_on = threading.Event(), threading.Event()
    answers = api.handler

    def slow(request: Received) -> Reply:
        if not asked.is_set():
            asked.set()
            go_on.wait(30)
        return answers(request)

    api.handler = slow
    process = start("sync", "--quiet", folder=synced)
    asked.wait(30)

    ran = penstock("apply", "plan.jsonl", folder=synced)

    go_on.set()
    process.communicate(timeout=30)
    assert (ran.code, process.returncode) == (75, 0)


def test_nothing_is_fetched_twice(synced: Path, api: ApiServer) -> None:
    change(api)
    _plan(synced)
    api.received.clear()

    penstock("apply", "plan.jsonl", folder=synced)

    assert sorted(api.targets()) == ["/teams", "/users"]


def test_killed_at_any_instant_the_next_sync_puts_it_right(folder: Path, api: ApiServer) -> None:
    users = [user(number) for number in range(10_000)]
    api.handler = routes({"/users": {"users": users}, "/teams": []})
    _plan(folder)
    process = start("apply", "plan.jsonl", "--quiet", folder=folder)
    while process.poll() is None and not _written(folder):
        pass
    process.kill()
    process.communicate()

    ran = penstock("sync", "--quiet", folder=folder)

    assert ran.code == 0
    assert len(_catalog(folder)) == 10_000
    api.handler = routes({"/users": {"users": users[:9_500]}, "/teams": []})
    assert penstock("sync", "--report", "-", folder=folder).json()["kinds"][0]["deleted"] == 500


def _written(folder: Path) -> int:
    """How many entities the catalog has by now."""
    if not (folder / "catalog.db").exists():
        return 0
    with closing(sqlite3.connect(f"file:{folder}/catalog.db?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entities'").fetchone():
            return 0
        return int(db.execute("SELECT count(*) FROM entities").fetchone()[0])


def test_where_the_sink_cannot_go_on_the_journal_is_as_it_was(synced: Path, api: ApiServer) -> None:
    """The folder is taken after it was read for comparing, and before the plan is done."""
    penstock("sync", "--quiet", "--sink", "jsonl", folder=synced)
    change(api)
    _plan(synced, "--sink", "jsonl")
    answers, locks = api.handler, list[int]()

    def taking(request: Received) -> Reply:
        lock = os.open(synced / "catalog", os.O_RDONLY)
        locks.append(lock)
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return answers(request)

    api.handler = taking
    runs = _runs(synced)
    before = tree(synced)

    ran = penstock("apply", "plan.jsonl", "--quiet", "--sink", "jsonl", folder=synced)

    for lock in locks:
        os.close(lock)
    assert (ran.code, ran.err) == (1, "error: catalog: cannot open the catalog: another process is using it\n")
    assert _without_lease(tree(synced)) == _without_lease(before)
    assert _runs(synced) == runs


def _runs(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / ".penstock" / "test.db")) as db:
        return db.execute("SELECT * FROM runs").fetchall()
