from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest

from support.commands import config_for, penstock, start, write_config
from support.planning import SECRET, change
from support.project import USER, resource, user
from support.server import ApiServer, Received, Reply, routes, serve
from support.trees import tree

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(("output", "file"), [("text", "plan.txt"), ("markdown", "plan.md"), ("json", "plan.json")])
def test_a_plan_says_what_would_change_in_each_format(synced: Path, api: ApiServer, output: str, file: str) -> None:
    change(api)

    ran = penstock("plan", "--format", output, folder=synced)

    shown = ran.out
    if output == "json":
        content = ran.json()
        assert content.pop("made_at").endswith("Z")
        shown = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    assert shown == (GOLDEN / file).read_text("utf-8")
    assert ran.code == 3


def test_progress_goes_to_stderr_and_speaks_of_what_would_be_done(folder: Path) -> None:
    ran = penstock("plan", folder=folder)

    assert ran.err.splitlines() == [
        "/users: reading",
        "/users: 1 page, 4 records, 4 to create",
        "/teams: reading",
        "/teams: 1 page, 2 records, 2 to create",
    ]


def test_the_plan_for_a_catalog_that_is_not_there_creates_everything_and_nothing_on_disk(folder: Path) -> None:
    before = tree(folder)

    ran = penstock("plan", "--format", "json", folder=folder)

    assert (ran.code, ran.json()["create"], ran.json()["update"], ran.json()["delete"]) == (0, 6, 0, 0)
    assert tree(folder) == before


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_a_plan_touches_no_byte_of_catalog_journal_and_state(folder: Path, api: ApiServer, sink: str) -> None:
    penstock("sync", "--sink", sink, folder=folder)
    change(api)
    before = tree(folder)

    ran = penstock("plan", "--sink", sink, "--format", "json", folder=folder)

    assert (ran.code, ran.json()["delete"]) == (3, 1)
    assert tree(folder) == before


def test_a_plan_is_what_the_sync_after_it_does(synced: Path, api: ApiServer) -> None:
    change(api)
    planned = penstock("plan", "--format", "json", folder=synced).json()

    ran = penstock("sync", "--report", "-", folder=synced)

    done = {kind["kind"]: kind for kind in ran.json()["kinds"]}
    words = {"created": "create", "updated": "update", "deleted": "delete", "held": "held", "unchanged": "unchanged"}
    for kind in planned["kinds"]:
        assert {name: done[kind["kind"]][name] for name in words} == {name: kind[word] for name, word in words.items()}
    assert ran.code == 3


def test_a_plan_with_no_changes_says_so(synced: Path) -> None:
    ran = penstock("plan", folder=synced)

    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "plan: no changes"


def test_an_incomplete_read_is_shown_and_deletes_nothing(synced: Path, api: ApiServer) -> None:
    api.handler = routes({"/users": {"users": [user(0)]}, "/teams": Reply({"message": "down"}, 500)})

    ran = penstock("plan", "--format", "json", folder=synced)

    assert ran.code == 1
    assert ran.json()["status"] == "incomplete"
    users, teams = ran.json()["kinds"]
    assert (users["status"], users["delete"]) == ("complete", 3)
    assert (teams["status"], teams["delete"], teams["held"]) == ("incomplete", 0, 0)
    assert "500" in teams["errors"][0]["message"]
    text = penstock("plan", folder=synced)
    assert "/teams: incomplete, no changes" in text.out
    assert "  error: /teams: " in text.out


def test_long_lists_are_cut_and_counted(folder: Path, api: ApiServer) -> None:
    api.handler = routes({"/users": {"users": [user(number) for number in range(1500)]}, "/teams": []})

    ran = penstock("plan", folder=folder)

    assert "  + ... and 1,480 more to create (--format json has them all)" in ran.out
    assert len(ran.out.splitlines()) < 40
    whole = penstock("plan", "--format", "json", folder=folder).json()
    assert len(whole["changes"]) == 1500


def test_only_plans_the_kinds_that_are_named(synced: Path, api: ApiServer) -> None:
    change(api)
    api.received.clear()

    ran = penstock("plan", "--only", "/teams", "--format", "json", folder=synced)

    assert {request.path for request in api.received} == {"/teams"}
    assert (ran.json()["only"], [kind["kind"] for kind in ran.json()["kinds"]]) == (["/teams"], ["/teams"])


def test_secrets_are_in_no_plan(synced: Path, api: ApiServer) -> None:
    change(api)
    for output in ("text", "json", "markdown"):
        ran = penstock(
            "plan", "--format", output, "--out", "plan.jsonl", "--report", "report.json", "-v", folder=synced
        )
        assert SECRET not in ran.out + ran.err
    assert SECRET not in (synced / "plan.jsonl").read_text() + (synced / "report.json").read_text()


def test_a_secret_that_is_a_word_of_the_format_spoils_no_plan(synced: Path, api: ApiServer) -> None:
    config = json.loads((synced / "penstock.yml").read_text())
    config["connection"]["apiToken"] = "create"
    write_config(synced, config)
    change(api)

    ran = penstock("plan", "--format", "json", "--out", "plan.jsonl", folder=synced)

    assert sorted(one["action"] for one in ran.json()["changes"]) == ["create", "delete", "update", "update"]
    assert penstock("apply", "plan.jsonl", folder=synced).code == 3


def test_the_report_is_that_of_the_sync(synced: Path, api: ApiServer) -> None:
    change(api)
    penstock("plan", "--report", "planned.json", folder=synced)

    penstock("sync", "--report", "done.json", folder=synced)

    planned, done = (json.loads((synced / name).read_text()) for name in ("planned.json", "done.json"))
    for report in (planned, done):
        for kind in report["kinds"]:
            del kind["seconds"]
    assert planned["kinds"] == done["kinds"]
    assert planned["run"] != done["run"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "/team"], '--only: the mapping has no kind "/team"; did you mean "/teams"?'),
        (["--report", "-"], "--report: name a file: stdout has the plan"),
        (["--out", "-"], "--out: name a file: stdout has the plan"),
        (["--out", "no/plan.jsonl"], "--out: the folder no does not exist"),
        (["--out", "."], "--out: . is a folder; name a file"),
    ],
    ids=str,
)
def test_a_mistake_is_found_before_anything_is_fetched(
    folder: Path, api: ApiServer, arguments: list[str], message: str
) -> None:
    ran = penstock("plan", *arguments, folder=folder)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(message)
    assert api.received == []


def test_an_earlier_plan_is_gone_when_a_new_one_fails(synced: Path, api: ApiServer) -> None:
    penstock("plan", "--out", "plan.jsonl", folder=synced)
    damaged = (synced / "catalog.db").read_bytes()[:8192] + b"this is no database" * 1000
    (synced / "catalog.db").write_bytes(damaged)
    api.received.clear()

    ran = penstock("plan", "--out", "plan.jsonl", folder=synced)

    assert (ran.code, ran.out, api.received) == (1, "", [])
    assert ran.err == "error: catalog.db: cannot read the catalog: the file is damaged\n"
    assert not (synced / "plan.jsonl").exists()


def test_a_run_that_was_broken_off_is_not_taken_up(tmp_path: Path) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def slow(request: Received) -> Reply:
        if request.param("page", "1") == "1":
            return Reply([{"id": "a", "name": "A"}])
        if not go_on.is_set():
            asked.set()
            go_on.wait(30)
        return Reply([])

    with serve(slow) as api:
        paged = {"paginationType": "page", "pageSize": 1, "prefetchPages": 1}
        write_config(tmp_path, config_for(api.url, [resource("/users")], **paged))
        process = start("sync", folder=tmp_path)
        asked.wait(30)
        process.kill()
        process.communicate()
        go_on.set()
        before, requests = tree(tmp_path), len(api.received)

        ran = penstock("plan", "--format", "json", "--report", "report.json", folder=tmp_path)

        assert len(api.received) - requests == 2
        assert ran.code == 0
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["resumed"] is False
        (tmp_path / "report.json").unlink()
        assert _lasting(tree(tmp_path)) == _lasting(before)
        assert penstock("sync", "--report", "-", folder=tmp_path).json()["resumed"] is True


def _lasting(files: dict[str, str]) -> dict[str, str]:
    """Leave out what SQLite makes anew from the log of a killed process: an index in shared memory."""
    return {name: digest for name, digest in files.items() if not name.endswith("-shm")}


def test_an_interrupted_plan_is_none(tmp_path: Path) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def slow(request: Received) -> Reply:
        del request
        asked.set()
        go_on.wait(30)
        return Reply({"users": []})

    with serve(slow) as api:
        write_config(tmp_path, config_for(api.url, [USER]))
        process = start("plan", "--out", "plan.jsonl", folder=tmp_path)
        asked.wait(30)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        go_on.set()

    assert (process.returncode, out) == (143, "")
    assert err.splitlines()[-1] == "interrupted: there is no plan, and nothing was changed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["penstock.yml"]


def test_a_catalog_that_other_processes_write_can_be_planned_for(synced: Path, api: ApiServer) -> None:
    """Plans take no lease: a scheduled sync does not fail because somebody is planning, nor the other way round."""
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

    ran = penstock("plan", folder=synced)

    go_on.set()
    process.communicate(timeout=30)
    assert (ran.code, process.returncode) == (0, 0)
    assert ran.out.splitlines()[-1] == "plan: no changes"


def test_the_demo_can_be_planned(tmp_path: Path) -> None:
    ran = penstock("demo", "plan", "--format", "json", folder=tmp_path)

    assert (ran.code, ran.json()["status"]) == (0, "complete")
    assert sorted(path.name for path in (tmp_path / "penstock-demo").iterdir()) == ["penstock.yml"]
