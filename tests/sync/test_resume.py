"""A run that was killed goes on where it was: pages that were read are not asked for again, and nothing is lost."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.commands import penstock, start, write_config
from support.project import USER, Project, resource, user
from support.server import Received, Reply, serve

SIZE = 100
USERS = [user(number) for number in range(1, 1201)]
TEAMS = [f"t{number}" for number in range(40)]
MEMBERS = resource(
    "/teams/{team}/members",
    blueprint="member",
    selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}},
)
REQUESTS = 13 + 5 + 40 * 2
"""Users, teams, and the members of each team, with the empty page that ends each list."""


class Company:
    """Users, teams and members in pages; ``victim`` is killed while its n-th request is answered."""

    def __init__(self) -> None:
        self.victim: subprocess.Popen[str] | None = None
        self.fatal = 0
        self.asked: list[str] = []

    def __call__(self, request: Received) -> Reply:
        self.asked.append(request.target)
        if self.victim is not None and len(self.asked) == self.fatal:
            self.victim.kill()
        page = int(request.param("page")) - 1
        match request.path.split("/")[1:]:
            case ["users"]:
                return Reply({"users": USERS[page * SIZE : (page + 1) * SIZE]})
            case ["teams"]:
                return Reply([{"id": team} for team in TEAMS[page * 10 : page * 10 + 10]])
            case [_, team, _]:
                return Reply([{"id": f"{team}-{page}-{member}"} for member in range(10)] if page == 0 else [])
            case _:
                return Reply({}, 404)


def project_for(folder: Path, url: str, **connection: Any) -> Project:  # noqa: ANN401
    return Project(folder, url, [USER, MEMBERS], paginationType="page", pageSize=10, **connection)


def everything(project: Project) -> int:
    [[count]] = project.rows("SELECT count(*) FROM entities")
    return int(count)


@pytest.mark.parametrize("fatal", [1, 2, 6, 12, 13, 14, 17, 19, 31, 60, 90, REQUESTS - 1])
def test_after_a_kill_at_most_one_page_of_each_partition_is_read_again(tmp_path: Path, fatal: int) -> None:
    company = Company()
    company.fatal = fatal
    with serve(company) as api:
        project = project_for(tmp_path, api.url, prefetchPages=1)
        write_config(tmp_path, project.config)
        company.victim = start("sync", "--quiet", folder=tmp_path)
        company.victim.communicate(timeout=60)
        company.victim = None
        report = project.sync()
    again = Counter(
        target.partition("?")[0] for target, count in Counter(company.asked).items() for _ in range(count - 1)
    )
    assert report.resumed
    assert report.exit_code == 0, [kind.errors for kind in report.kinds]
    assert everything(project) == len(USERS) + len(TEAMS) * 10
    assert max(again.values(), default=0) <= 1
    assert not list((tmp_path / ".penstock").glob("*.answers"))


def test_a_run_that_ended_is_not_taken_up(tmp_path: Path) -> None:
    company = Company()
    with serve(company) as api:
        project = project_for(tmp_path, api.url)
        project.sync()
        report = project.sync()
    assert not report.resumed
    assert report.kinds[0].unchanged == len(USERS)


@pytest.mark.parametrize("change", [{"resumeWithin": 0}, {"source": "test", "resources": [USER]}])
def test_another_task_or_one_too_old_begins_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    company = Company()
    company.fatal = 12
    with serve(company) as api:
        project = project_for(tmp_path, api.url, prefetchPages=1)
        write_config(tmp_path, project.config)
        company.victim = start("sync", "--quiet", folder=tmp_path)
        company.victim.communicate(timeout=60)
        company.victim = None
        project.config |= change
        report = project.sync()
    assert not report.resumed
    assert report.exit_code == 0
    assert report.kinds[0].fetched == len(USERS)


def test_what_comes_and_goes_between_the_two_parts_deletes_nothing_that_exists(tmp_path: Path) -> None:
    users = list(USERS)
    company = Company()

    def answer(request: Received) -> Reply:
        if request.path != "/users":
            return company(request)
        reply = company(request)
        page = int(request.param("page")) - 1
        return Reply({"users": users[page * SIZE : (page + 1) * SIZE]}, reply.status)

    with serve(answer) as api:
        project = project_for(tmp_path, api.url, prefetchPages=1)
        write_config(tmp_path, project.config)
        project.sync()
        company.asked, company.fatal = [], 7
        company.victim = start("sync", "--quiet", folder=tmp_path)
        company.victim.communicate(timeout=60)
        company.victim = None
        del users[:50]  # every row moves up by fifty
        report = project.sync()
        assert report.resumed
        assert {str(one["id"]) for one in users} <= project.identifiers()
        assert report.kinds[0].deleted == 0
        project.sync()
        project.sync()
    assert project.identifiers() == {str(one["id"]) for one in users}


def test_the_command_says_that_it_goes_on(tmp_path: Path) -> None:
    company = Company()
    company.fatal = 10
    with serve(company) as api:
        write_config(tmp_path, project_for(tmp_path, api.url).config)
        company.victim = start("sync", "--quiet", folder=tmp_path)
        company.victim.communicate(timeout=60)
        company.victim = None
        ran = penstock("sync", folder=tmp_path)
    assert ran.code == 0
    assert "resumed: this run went on where an earlier one was broken off" in ran.err
