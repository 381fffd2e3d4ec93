"""The examples of the documentation: users and projects, tickets with their comments, teams with their members."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.port import port
from support.published import Arrived, blueprints_of, create, documented, example, told
from support.server import ApiServer, routes, serve

USERS = {"users": [{"id": 1, "name": "A", "email": "a@b.co", "is_active": True}]}
PROJECT = {
    "project_id": "p-1",
    "project_name": "Apollo",
    "description": "To the moon",
    "owner": {"email": "o@b.co"},
    "budget_amount": 1_000_000.5,
    "created_date": "2024-05-01T10:00:00Z",
}
DOCUMENTATION = {
    "/api/v1/users": USERS,
    "/api/v1/projects": {"data": {"projects": [PROJECT, {"project_id": "p-2"}]}},
    "/api/tickets": [{"id": 101, "subject": "Printer"}, {"id": 102}, {"id": 103}],
    "/api/tickets/101/comments": [{"id": 1, "body": "It burns"}, {"id": 2, "body": "Still"}],
    "/api/tickets/102/comments": [{"id": 3, "body": "Solved"}],
    "/api/tickets/103/comments": [],
}
TEAMS = {
    "/api/v1/teams": {
        "teams": [
            {"id": "t1", "name": "Core", "description": "The core", "member_count": 2, "status": "active"},
            {"id": "t2", "name": "Old", "description": None, "member_count": 1, "status": "archived"},
        ]
    },
    "/api/v1/teams/t1/members": {
        "members": [
            {"user_id": "u1", "name": "Ada", "email": "ada@b.co", "role": "lead"},
            {"user_id": "u2", "name": "Bob", "email": "bob@b.co", "role": "dev", "team_id": "named by the API"},
        ]
    },
}


def _requests(api: ApiServer) -> list[str]:
    return sorted(f"{one.method} {one.target} {one.headers['authorization']}" for one in api.received)


def test_the_documentation_arrives_whole(tmp_path: Path) -> None:
    with serve(routes(DOCUMENTATION)) as api:
        published = example("documentation", tmp_path, api.url, api_token="T0ken-of-docs")
        kinds = published.sync_whole()

    assert published.counts() == documented("documentation")
    assert published.warnings() == []
    assert published.settings().source == "ocean-custom"
    assert published.entities("user") == {  # a number is an identifier, as text; what is missing is null
        "1": Arrived("A", {"email": "a@b.co", "department": None, "active": True, "created": None}, {})
    }
    nothing = {"description": None, "owner": None, "budget": None, "created": None}
    assert published.entities("project") == {
        "p-1": Arrived(
            "Apollo",
            {
                "description": "To the moon",
                "owner": "o@b.co",
                "budget": 1_000_000.5,
                "created": "2024-05-01T10:00:00Z",
            },
            {},
        ),
        "p-2": Arrived(None, nothing, {}),
    }
    assert {key: one.title for key, one in published.entities("ticket").items()} == {
        "101": "Printer",
        "102": None,
        "103": None,
    }
    assert published.entities("comment") == {
        "1": Arrived("It burns", {}, {"ticket": "101"}),
        "2": Arrived("Still", {}, {"ticket": "101"}),
        "3": Arrived("Solved", {}, {"ticket": "102"}),
    }
    assert _requests(api) == [  # the tickets are read once, for themselves and for their comments
        "GET /api/tickets Bearer T0ken-of-docs",
        "GET /api/tickets/101/comments Bearer T0ken-of-docs",
        "GET /api/tickets/102/comments Bearer T0ken-of-docs",
        "GET /api/tickets/103/comments Bearer T0ken-of-docs",
        "GET /api/v1/projects?status=active Bearer T0ken-of-docs",
        "GET /api/v1/users?active=true&department=engineering Bearer T0ken-of-docs",
    ]
    assert [kind.created for kind in kinds.values()] == [1, 2, 3, 3]
    assert told(kinds["/api/v1/users"]) == [
        f"/api/v1/users properties.{name}: `.{field}` gave null on every item of the first page"
        for name, field in (("department", "department"), ("created", "created_at"))
    ]


def test_teams_and_the_members_of_those_that_are_active(tmp_path: Path) -> None:
    with serve(routes(TEAMS)) as api:
        published = example("teams", tmp_path, api.url, api_token="T0ken-of-teams")
        published.sync_whole()

    assert published.counts() == documented("teams")
    assert published.entities("team") == {
        "t1": Arrived("Core", {"description": "The core", "member_count": 2}, {}),
        "t2": Arrived("Old", {"description": None, "member_count": 1}, {}),
    }
    assert published.entities("team_member") == {
        "u1": Arrived("Ada", {"email": "ada@b.co", "role": "lead", "team_id": "t1"}, {"team": "t1"}),
        # what the record calls so itself goes first; .__team_id is always ours
        "u2": Arrived(
            "Bob", {"email": "bob@b.co", "role": "dev", "team_id": "named by the API"}, {"team": "named by the API"}
        ),
    }
    assert [one.target for one in api.received] == ["/api/v1/teams", "/api/v1/teams/t1/members"]


def _without_a_name_of_the_api() -> dict[str, object]:
    members = [{"user_id": "u1", "name": "Ada", "email": "ada@b.co", "role": "lead"}]
    return {**TEAMS, "/api/v1/teams/t1/members": {"members": members}}


@pytest.mark.parametrize(
    ("name", "answers", "arrives"),
    [
        ("documentation", DOCUMENTATION, {"user": 1, "project": 2, "ticket": 3, "comment": 3}),
        ("teams", _without_a_name_of_the_api(), {"team": 2, "team_member": 1}),
    ],
)
def test_port_takes_them_as_they_are(
    tmp_path: Path, name: str, answers: dict[str, object], arrives: dict[str, int]
) -> None:
    with serve(routes(answers)) as api, port() as standin:
        create(standin, blueprints_of(name))
        published = example(name, tmp_path, api.url, api_token="T0ken-for-port")
        published.into(standin)
        published.sync_whole()

        assert {blueprint: len(standin.entities.of(blueprint)) for blueprint in arrives} == arrives
        sources = {one.datasource for held in standin.entities.all.values() for one in held.values()}
        assert [source.split("/")[3] for source in sources] == ["ocean-custom"]
