"""Whole runs with ``authType: custom``: what a failing login does to them, and what the commands show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.values import StopReason
from support.commands import config_for, penstock, write_config
from support.project import USER, Project, resource, user
from support.server import Received, Reply, serve

AUTH: dict[str, Any] = {
    "authType": "custom",
    "customAuthRequest": {"endpoint": "/login", "body": {"user": "ada", "password": "pw-of-ada"}},
    "customAuthRequestTemplate": {"headers": {"Authorization": "Bearer {{ .token }}"}},
}
MEMBERS = {"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}}
RESOURCES = [
    USER,
    resource("/teams/{team}/members", blueprint="member", selector=MEMBERS),
    resource("/projects", blueprint="project"),
]
REFUSED = Reply({"error": "invalid_client", "error_description": "unknown user"}, 401)


class Company:
    """An API with users, 50 teams and projects behind a login."""

    def __init__(self) -> None:
        self.logins = 0
        self.refuses_logins = False
        self.expires_after: int | None = None
        """Requests after which the token is dead."""

    def __call__(self, request: Received) -> Reply:
        if request.path == "/login":
            self.logins += 1
            return REFUSED if self.refuses_logins or self.expires_after == 0 else Reply({"token": "T-of-company"})
        if request.headers["Authorization"] != "Bearer T-of-company" or self.expires_after == 0:
            return Reply({"error": "unauthorized"}, 401)
        if self.expires_after is not None:
            self.expires_after -= 1
        if request.path == "/users":
            return Reply({"users": [user(1), user(2)]})
        if request.path == "/teams":
            return Reply([{"id": number} for number in range(50)])
        return Reply([{"id": request.path, "name": "x"}])


def test_a_login_that_fails_at_the_start_fails_the_run_at_once_and_deletes_nothing(tmp_path: Path) -> None:
    company = Company()
    with serve(company) as server:
        project = Project(tmp_path, server.url, RESOURCES, **AUTH)
        assert project.sync().status == "complete"
        before = project.rows("SELECT blueprint, identifier FROM entities ORDER BY 1, 2")
        company.refuses_logins, company.logins = True, 0
        server.received.clear()

        report = project.sync()

    assert (report.status, report.exit_code) == ("incomplete", 1)
    assert server.targets() == ["/login"]
    assert len(before) == 53
    assert project.rows("SELECT blueprint, identifier FROM entities ORDER BY 1, 2") == before
    reasons = [dict(kind.stop_reasons) for kind in report.kinds]
    assert reasons == [{"auth_failed": 1}, {"parent_failed": 1}, {"auth_failed": 1}]
    for kind in report.kinds:
        [error] = kind.errors
        assert f"POST {server.url}/login: 401 Unauthorized (application/json): invalid_client: unknown user" in (
            error.message
        )
        assert kind.deleted == 0


def test_a_login_that_is_refused_later_ends_what_is_left_without_trying_each_partition_anew(tmp_path: Path) -> None:
    company = Company()
    with serve(company) as server:
        project = Project(tmp_path, server.url, RESOURCES, **AUTH)
        project.sync()
        company.expires_after, company.logins = 12, 0  # users, teams, ten of the members

        report = project.sync()

    assert company.logins == 2
    users, members, projects = report.kinds
    assert (users.status, users.unchanged) == ("complete", 2)
    assert members.stop_reasons[StopReason.AUTH_FAILED] == 40
    assert projects.stop_reasons[StopReason.AUTH_FAILED] == 1
    assert (members.deleted, projects.deleted) == (0, 0)
    assert len(project.identifiers("member")) == 50


@pytest.fixture
def company_settings() -> dict[str, str]:
    """The settings of the auth as variables, which helm makes of maps; there is only the rest in the file."""
    return {
        "OCEAN__INTEGRATION__CONFIG__AUTH_TYPE": "custom",
        "OCEAN__INTEGRATION__CONFIG__CUSTOM_AUTH_REQUEST": json.dumps(
            {"endpoint": "/login", "body_form": "user=ada&password=pw-of-ada", "reauthenticate_interval_seconds": 3600}
        ),
        "OCEAN__INTEGRATION__CONFIG__CUSTOM_AUTH_RESPONSE": json.dumps(
            {"headers": {"Authorization": "Bearer {{.token}}"}, "query_params": {"static": "secret-of-helm"}}
        ),
    }


@pytest.mark.parametrize(
    ("command", "code", "shown"),
    [
        (("sync", "--report", "-"), 0, '"status": "complete"'),
        (("check",), 0, "2 items, 2 selected"),
        (("preview", "/users"), 0, "User 1"),
    ],
)
def test_commands_work_with_settings_from_the_environment(
    command: tuple[str, ...], code: int, shown: str, tmp_path: Path, company_settings: Mapping[str, str]
) -> None:
    with serve(Company()) as server:
        write_config(tmp_path, config_for(server.url, [USER]))
        ran = penstock(*command, folder=tmp_path, variables=company_settings)

    assert ran.code == code, ran.err
    assert shown in ran.out + ran.err
    assert server.received[0].body == b"user=ada&password=pw-of-ada"
    for secret in ("pw-of-ada", "secret-of-helm", "T-of-company"):
        assert secret not in ran.out + ran.err


@pytest.mark.parametrize("command", [("sync", "-v"), ("check", "-v"), ("preview", "/users", "-v")])
def test_commands_tell_a_refused_login(
    command: tuple[str, ...], tmp_path: Path, company_settings: Mapping[str, str]
) -> None:
    company = Company()
    company.refuses_logins = True
    with serve(company) as server:
        write_config(tmp_path, config_for(server.url, [USER]))
        ran = penstock(*command, folder=tmp_path, variables=company_settings)

    assert ran.code == 1
    assert "/login: 401 Unauthorized (application/json): invalid_client: unknown user" in ran.out + ran.err
    assert company.logins == 1
    for secret in ("pw-of-ada", "secret-of-helm"):
        assert secret not in ran.out + ran.err
