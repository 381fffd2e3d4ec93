"""Slack: answers that say ``ok: false`` with status 200, an empty cursor at the end, a workspace that is one object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes.port import port
from support.published import CONFIG, Arrived, Published, blueprints_of, create, documented, example, paged, probe, told
from support.server import ApiServer, Received, Reply, routes, serve


def answer(name: str, *records: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"ok": True, name: list(records), "response_metadata": {"next_cursor": cursor}}


PROFILE = {"display_name": "ada", "email": "ada@b.co", "status_text": "", "status_emoji": ":tea:", "image_512": "i.png"}
ADA = {
    "id": "U1",
    "name": "ada",
    "real_name": "Ada L",
    "profile": PROFILE,
    "is_admin": True,
    "is_bot": False,
    "tz": "UTC",
}
BOT: dict[str, Any] = {"id": "U2", "name": "bot", "profile": {}, "is_admin": False, "is_bot": True}
GENERAL = {
    "id": "C1",
    "name": "general",
    "purpose": {"value": "All"},
    "topic": {"value": ""},
    "is_private": False,
    "is_archived": False,
    "num_members": 2,
    "created": 1714557600,
    "updated": 1714557600123,
    "creator": "U1",
    "context_team_id": "T1",
}
TEAM = {
    "ok": True,
    "team": {"id": "T1", "name": "Acme", "domain": "acme", "icon": {"image_132": "https://a.test/i.png"}},
}
SLACK = {
    "/users.list": paged("cursor", {"": answer("members", ADA, cursor="dXNlcg=="), "dXNlcg==": answer("members", BOT)}),
    "/conversations.list": answer("channels", GENERAL),
    "/team.info": TEAM,
    "/usergroups.list": {"ok": True, "usergroups": [{"id": "S1", "name": "ops", "users": ["U1", "U2"]}]},
}
API = {f"/api{path}": found for path, found in SLACK.items()}
ARRIVED = {"ocean_slackUser": {"U1", "U2"}, "ocean_slackChannel": {"C1"}, "ocean_slackWorkspace": {"T1"}}
HELM: dict[str, Any] = {
    "authType": "bearer_token",
    "apiToken": "xoxb-s3cret",
    "paginationType": "cursor",
    "pageSize": 200,
    "paginationParam": "cursor",
    "sizeParam": "limit",
    "cursorPath": "response_metadata.next_cursor",
    "hasMorePath": "response_metadata.next_cursor",
}


def refuse(request: Received) -> Reply:
    del request
    return Reply({"ok": False, "error": "invalid_auth"})


def slack(folder: Path, api: ApiServer) -> Published:
    return example("slack", folder, api.url, api_token="xoxb-s3cret")


def arrived(published: Published) -> dict[str, set[str]]:
    return {blueprint: set(published.entities(blueprint)) for blueprint in ARRIVED}


def test_slack_arrives_whole_by_its_variables(tmp_path: Path) -> None:
    with serve(routes(API)) as api:
        published = slack(tmp_path, api)
        published.sync_whole()

    assert published.counts() == documented("slack")
    assert published.warnings() == []
    assert api.targets() == [  # the second page is found although nothing says where its cursor is
        "/api/users.list?limit=100",
        "/api/users.list?limit=100&cursor=dXNlcg%3D%3D",
        "/api/conversations.list?types=public_channel&limit=100",
        "/api/team.info?limit=100",
    ]
    assert {one.headers["authorization"] for one in api.received} == {"Bearer xoxb-s3cret"}
    assert published.entities("ocean_slackUser") == {
        "U1": Arrived(
            "Ada L",
            {
                "real_name": "Ada L",
                "display_name": "ada",
                "email": "ada@b.co",
                "is_admin": True,
                "is_bot": False,
                "status_text": "",
                "status_emoji": ":tea:",
                "timezone": "UTC",
                "profile_image": "i.png",
            },
            {},
        ),
        "U2": Arrived(
            "bot",
            {
                **dict.fromkeys(("real_name", "display_name", "email")),
                "is_admin": False,
                "is_bot": True,
                **dict.fromkeys(("status_text", "status_emoji", "timezone", "profile_image")),
            },
            {},
        ),
    }
    assert published.entities("ocean_slackChannel") == {
        "C1": Arrived(
            "general",
            {
                "description": "All",
                "is_private": False,
                "is_archived": False,
                "member_count": 2,
                "created_at": 1714557600,
                "topic": "",
                "purpose": "All",
                "last_activity": 1714557600123,
            },
            {"creator": "U1", "slack_workspace": "T1"},
        )
    }
    workspace = {"domain": "acme", "email_domain": None, "icon": "https://a.test/i.png"}
    assert published.entities("ocean_slackWorkspace") == {"T1": Arrived("Acme", workspace, {})}


def test_an_error_with_status_200_removes_nothing(tmp_path: Path) -> None:
    with serve(routes(API)) as api:
        published = slack(tmp_path, api)
        published.sync_whole()
        api.handler = refuse
        report = published.sync()

    assert report.exit_code == 1
    assert all("invalid_auth" in told(kind)[0] for kind in report.kinds)
    assert arrived(published) == ARRIVED


def test_the_values_of_the_chart_double_a_part_of_the_path_and_are_warned_of(tmp_path: Path) -> None:
    mapping = slack_mapping()
    with serve(routes(API)) as api:
        published = probe(tmp_path, api, mapping, **{**HELM, "baseUrl": f"{api.url}/api"})
        published.environ[CONFIG + "BASE_URL"] = f"{api.url}/api"
        warnings = published.warnings()
        report = published.sync()

    assert len(warnings) == len(ARRIVED)
    assert all("the request goes to .../api/api" in one for one in warnings)
    assert report.exit_code == 1  # every kind is not found, which is no reason to remove it
    assert {one.path.rpartition("/")[0] for one in api.received} == {"/api/api"}


def slack_mapping(prefix: str = "/api") -> str:
    text = (Path(__file__).parents[2] / "examples/ocean/slack/port-app-config.yml").read_text(encoding="utf-8")
    return text.replace("kind: /api/", f"kind: {prefix}/")


@pytest.mark.parametrize("size", ["limit", None])
def test_the_settings_of_the_guide_have_the_same_arrive(tmp_path: Path, size: str | None) -> None:
    settings = {key: value for key, value in HELM.items() if key != "sizeParam" or size}
    with serve(routes(API)) as api:
        published = probe(tmp_path, api, slack_mapping(prefix=""), **settings)
        published.environ[CONFIG + "BASE_URL"] = f"{api.url}/api"
        published.sync_whole()

    assert arrived(published) == ARRIVED
    assert api.received[0].target == "/api/users.list?limit=200"  # paging wins over query_params


def test_the_members_of_a_user_group_are_its_first_one_and_a_hint(tmp_path: Path) -> None:
    mapping = """
    resources:
      - kind: /usergroups.list
        selector: {query: 'true', data_path: .usergroups}
        port: {entity: {mappings: {identifier: .id, title: .name, blueprint: '"ocean_slackUserGroup"',
          relations: {members: '.users[]'}}}}
    """
    with serve(routes(SLACK)) as api:
        published = probe(tmp_path, api, mapping)
        [kind] = published.sync_whole().values()

    assert published.entities("ocean_slackUserGroup")["S1"].relations == {"members": "U1"}
    assert any("relations.members" in one and "[" in one for one in told(kind)), told(kind)


def test_port_wants_dates_as_text_and_says_how(tmp_path: Path) -> None:
    with serve(routes(API)) as api, port() as standin:
        create(standin, blueprints_of("slack"))
        published = slack(tmp_path, api)
        published.into(standin)
        report = published.sync()

        assert report.exit_code == 1
        [error] = report.kinds[1].errors
        assert error.message.startswith("the sink refused it: properties/created_at must be string")
        assert "| tostring" in error.message
        assert set(standin.entities.of("ocean_slackUser")) == {"U1", "U2"}

        text = published.mapping.read_text(encoding="utf-8")
        text = text.replace(".created\n", ".created | tostring\n").replace(".updated\n", ".updated | tostring\n")
        published.mapping.write_text(text, encoding="utf-8")
        published.sync_whole()

        channel = standin.entities.of("ocean_slackChannel")["C1"]
        assert (channel.properties["created_at"], channel.relations["creator"]) == ("1714557600", "U1")
