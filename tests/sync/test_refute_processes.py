"""Runs that are cut short, by a signal or a full disk: what exists is never lost, and the next run mends the rest."""

from __future__ import annotations

import asyncio
import json
import os
import resource as limits
import signal
import subprocess
from pathlib import Path

import pytest

from penstock.journal import JournalError
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport, RunReport
from penstock.sync.run import run_sync
from penstock.values import StopReason
from support.commands import COMMAND, config_for, environment, penstock, start, write_config
from support.project import USER, Project, resource, user
from support.server import Received, Reply, routes, serve

SIZE = 100
MEMBERS = resource(
    "/teams/{team}/members",
    blueprint="member",
    selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}},
)


class Company:
    """Users in pages and teams with members; the process ``victim`` is killed while its n-th request is answered."""

    def __init__(self) -> None:
        self.users = list(range(2500))
        self.teams = {f"t{number}": [f"m{number}-{member}" for member in range(5)] for number in range(6)}
        self.victim: subprocess.Popen[str] | None = None
        self.fatal = 0
        self.asked = 0

    def __call__(self, request: Received) -> Reply:
        self.asked += 1
        if self.victim is not None and self.asked == self.fatal:
            self.victim.kill()
        page = int(request.param("page")) - 1
        part = slice(page * SIZE, page * SIZE + SIZE)
        match request.path.split("/")[1:]:
            case ["users"]:
                return Reply({"users": [user(number) for number in self.users[part]]})
            case ["teams"]:
                return Reply([{"id": team, "name": team} for team in list(self.teams)[part]])
            case [_, team, _] if team in self.teams:
                return Reply([{"id": member} for member in self.teams[team][part]])
            case _:
                return Reply({"error": "no such team"}, 404)

    def move_on(self, run: int) -> None:
        """Lose some users, a member and a team, and get others."""
        del self.users[run::50]
        self.users.append(10_000 + run)
        del self.teams[next(iter(self.teams))]
        next(iter(self.teams.values())).pop()
        self.teams[f"new{run}"] = [f"m-new{run}"]

    def entities(self) -> set[tuple[str, str]]:
        members = {("member", member) for members in self.teams.values() for member in members}
        return {("user", str(number)) for number in self.users} | {("team", team) for team in self.teams} | members


def test_killed_at_any_moment_a_run_has_deleted_nothing_that_exists_and_the_next_one_mends_all(tmp_path: Path) -> None:
    company = Company()
    with serve(company) as api:
        project = Project(
            tmp_path,
            api.url,
            [USER, resource("/teams", blueprint="team"), MEMBERS],
            paginationType="page",
            pageSize=SIZE,
        )
        write_config(tmp_path, project.config)
        project.sync()
        requests = company.asked
        for run, fatal in enumerate([1, 12, 24, requests - 5, requests - 1, requests]):
            before = set(project.rows("SELECT blueprint, identifier FROM entities"))
            company.move_on(run)
            company.asked, company.fatal = 0, fatal
            company.victim = start("sync", "--quiet", folder=tmp_path)
            company.victim.communicate(timeout=60)
            left = set(project.rows("SELECT blueprint, identifier FROM entities"))
            assert before & company.entities() <= left
        company.victim = None
        project.sync()  # the rest of the last one, of which a team may be gone by now
        project.sync()  # what it misses may have moved while it was read,
        report = project.sync()  # and is gone if this one misses it too
    assert report.exit_code == 0, [kind.errors for kind in report.kinds]
    assert set(project.rows("SELECT blueprint, identifier FROM entities")) == company.entities()


@pytest.mark.parametrize(("allowed", "full"), [(20_000, "test.db"), (150_000, "catalog.db")])
def test_a_disk_that_is_full_ends_the_run_and_costs_nothing(tmp_path: Path, allowed: int, full: str) -> None:
    users = [user(number) for number in range(2500)]
    with serve(routes({"/users": {"users": users}})) as api:
        write_config(tmp_path, config_for(api.url, [USER]))
        ran = subprocess.run(
            [*COMMAND, "sync", "--quiet"],
            cwd=tmp_path,
            # not measured: the file of what was covered would be too large, too
            env={name: value for name, value in environment().items() if not name.startswith("COVERAGE")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=lambda: limits.setrlimit(limits.RLIMIT_FSIZE, (allowed, allowed)),
        )
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[-1].startswith("error: ")
        assert full in ran.stderr
        assert penstock("sync", "--quiet", folder=tmp_path).code == 0
    assert penstock("entities", "--format", "jsonl", folder=tmp_path).out.count("\n") == len(users)


def test_a_damaged_journal_ends_the_run_with_the_way_out(tmp_path: Path) -> None:
    users = [user(1), user(2)]
    with serve(routes({"/users": {"users": users}})) as api:
        project = Project(tmp_path, api.url, [USER])
        project.sync()
        [journal] = (tmp_path / ".penstock").glob("*.db")
        journal.write_bytes(b"no database" * 500)
        with pytest.raises(JournalError, match=r"file is not a database; the file may be removed"):
            project.sync()
        journal.unlink()
        users.pop()
        assert project.sync().exit_code == 0
    assert project.identifiers() == {"1"}


def test_a_run_that_is_stopped_names_that_as_the_reason_of_each_read_it_broke_off(tmp_path: Path) -> None:
    stop = asyncio.Event()

    class StopAfterAPage(Observer):
        def page_read(self, kind: KindReport) -> None:
            del kind
            stop.set()

    def answer(request: Received) -> object:
        page = int(request.param("page"))
        return {"users": [user(page * SIZE + number) for number in range(SIZE)]}

    with serve(routes({"/users": answer})) as api:
        project = Project(tmp_path, api.url, [USER], paginationType="page", pageSize=SIZE, prefetchPages=1)

        async def run() -> RunReport:
            return await run_sync(project.settings(), Secrets(), observer=StopAfterAPage(), stop=stop)

        report = asyncio.run(run())
    assert report.status == "interrupted"
    assert dict(report.kinds[0].stop_reasons) == {StopReason.INTERRUPTED: 1}


def test_a_signal_amid_nested_reads_deletes_nothing_and_delivers_what_came(tmp_path: Path) -> None:
    company = Company()
    with serve(company) as api:
        project = Project(tmp_path, api.url, [MEMBERS], paginationType="page", pageSize=SIZE)
        write_config(tmp_path, project.config)
        project.sync()
        company.move_on(0)
        before = project.identifiers("member")
        process: list[subprocess.Popen[str]] = []

        def interrupting(request: Received) -> Reply:
            if request.path.endswith("new0/members"):
                os.kill(process[0].pid, signal.SIGTERM)
                return Reply({}, 503, {"Retry-After": "60"})
            return company(request)

        api.handler = interrupting
        process.append(start("sync", "--report", "-", folder=tmp_path))
        said, _ = process[0].communicate(timeout=60)
    assert process[0].returncode == 143
    [kind] = json.loads(said)["kinds"]
    assert kind["stop_reasons"]["interrupted"] >= 1  # as many as were being read
    assert project.identifiers("member") >= before
