"""A quota that lasts longer than a run may wait ends it early: nothing is broken, nothing is lost."""

from __future__ import annotations

import json
import time
from pathlib import Path

from penstock.values import StopReason
from support.project import USER, Project, resource, user
from support.server import Received, Reply, serve

SIZE = 10
USERS = [user(number) for number in range(1, 41)]
TEAMS = [{"id": number, "name": f"Team {number}"} for number in range(1, 6)]


class Metered:
    """Teams, then users in pages of ten; ``allowed`` requests, then none for an hour."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.until = 0.0
        self.sent = 0
        self.late = 0
        """Requests that came although they were forbidden."""
        self.users, self.teams = USERS, TEAMS

    def __call__(self, request: Received) -> Reply:
        if self.until:
            self.late += 1
            return Reply({"message": "quota"}, 429, {"Retry-After": "3600"})
        self.sent += 1
        if self.sent > self.allowed:
            self.until = time.time() + 3600
            return Reply({"message": "quota"}, 429, {"Retry-After": "3600"})
        if request.path == "/teams":
            return Reply(self.teams)
        page = int(request.param("page", "1"))
        return Reply({"users": self.users[(page - 1) * SIZE : page * SIZE]})


def project(folder: Path, url: str) -> Project:
    resources = [
        {**resource("/teams", blueprint="team"), "selector": {"pagination": {"paginationType": "none"}}},
        USER,
        resource("/more", blueprint="more"),
    ]
    return Project(folder, url, resources, paginationType="page", pageSize=SIZE, prefetchPages=1)


def test_what_was_read_is_delivered_and_nothing_is_deleted(tmp_path: Path) -> None:
    api = Metered(1000)
    with serve(api) as server:
        acme = project(tmp_path, server.url)
        acme.config["resources"].pop()
        assert acme.sync().exit_code == 0
        before = acme.identifiers()
        # a team and the first users are gone, another has come; the quota ends amid the users
        api.users, api.teams = [*USERS[5:35], user(99)], TEAMS[:-1]
        api.sent, api.allowed = 0, 3
        report = acme.sync()
        assert acme.identifiers() == before
        assert acme.identifiers("team") == {"1", "2", "3", "4", "5"}
        api.until, api.allowed = 0.0, 1000
        again = acme.sync()
        acme.sync()  # what two parts, read at different times, have missed is looked for once more
    assert (report.status, report.exit_code) == ("incomplete", 1)
    assert [dict(kind.stop_reasons) for kind in report.kinds] == [{"single_request": 1}, {"quota": 1}]
    assert report.kinds[1].fetched == 20
    assert (again.exit_code, again.resumed) == (0, True)
    assert acme.identifiers() == {str(one["id"]) for one in api.users}
    assert acme.identifiers("team") == {"1", "2", "3", "4"}


def test_nothing_is_sent_once_the_quota_is_used_up_and_the_report_says_until_when(tmp_path: Path) -> None:
    api = Metered(2)
    with serve(api) as server:
        report = project(tmp_path, server.url).sync()
    assert api.late == 0
    assert [kind.status for kind in report.kinds] == ["complete", "incomplete", "incomplete"]
    assert [dict(kind.stop_reasons) for kind in report.kinds] == [{"single_request": 1}, {"quota": 1}, {"quota": 1}]
    assert report.kinds[2].requests == 0
    assert report.resume_at is not None
    assert report.resume_at.timestamp() >= api.until
    shown = json.loads(json.dumps(report.to_json()))
    assert shown["resume_at"] == f"{report.resume_at:%Y-%m-%dT%H:%M:%S}.000Z"
    [message] = [error.message for error in report.kinds[2].errors]
    assert f"the source wants no requests before {report.resume_at:%Y-%m-%d %H:%M:%S} UTC" in message


def test_parents_whose_quota_ends_are_no_reason_to_forget_their_children(tmp_path: Path) -> None:
    members = resource(
        "/teams/{team}/members",
        selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".id", "data_path": ".teams"}}},
    )
    refusing: list[bool] = []

    def answer(request: Received) -> Reply:
        if request.path == "/teams":
            page = int(request.param("page", "1"))
            if page == 2 and refusing:
                return Reply("", 429, {"Retry-After": "3600"})
            return Reply({"teams": TEAMS[(page - 1) * 2 : page * 2]})
        return Reply([{"id": request.path, "name": "N"}] if request.param("page") == "1" else [])

    with serve(answer) as server:
        acme = Project(tmp_path, server.url, [members], paginationType="page", pageSize=2)
        assert acme.sync().exit_code == 0
        refusing.append(True)
        report = acme.sync()
    assert report.exit_code == 1
    assert report.resume_at is not None
    assert report.kinds[0].stop_reasons[StopReason.PARENT_FAILED] == 1
    assert len(acme.identifiers()) == len(TEAMS)


def test_a_quota_that_the_last_request_used_up_is_no_matter(tmp_path: Path) -> None:
    users = USERS[:9]

    def answer(_: Received) -> Reply:
        return Reply({"users": users}, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"})

    with serve(answer) as server:
        acme = Project(tmp_path, server.url, [USER])
        acme.sync()
        users.pop()
        report = acme.sync()
    assert (report.status, report.resume_at, report.kinds[0].deleted) == ("complete", None, 1)


def test_odd_words_about_waiting_are_warned_of(tmp_path: Path) -> None:
    def answer(_: Received) -> Reply:
        return Reply({"users": USERS[:3]}, headers={"X-RateLimit-Remaining": "-1"})

    with serve(answer) as server:
        report = Project(tmp_path, server.url, [USER, {**USER, "kind": "/others"}]).sync()
    assert report.status == "complete"
    assert [
        [warning.message for warning in kind.warnings if "answered" in warning.message] for kind in report.kinds
    ] == [
        ["the source answered x-ratelimit-remaining: '-1' cannot be meant, and is ignored"],
        [],
    ]
