"""The published environments: what each must make of a request, with the older spellings of the same settings."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.published import CONFIG, SECRETS, Published, probe
from support.server import ApiServer, Received, Reply, serve

USERS = """
resources:
  - kind: /users
    selector: {query: 'true', data_path: .users}
    port: {entity: {mappings: {identifier: .id, title: .name, blueprint: '"user"'}}}
"""
TOKEN = "t0ken-of-the-environment"
CUSTOM_AUTH = {
    "endpoint": "/v1/auth/access_token",
    "headers": {"Content-Type": "application/json"},
    "body": {"clientId": "id", "clientSecret": "s3cret-of-the-client"},
    "reauthenticateIntervalSeconds": 600,
}
BEARER = {"headers": {"Authorization": "Bearer {{.accessToken}}"}}


class Case(NamedTuple):
    """One environment."""

    env: str
    authorization: str | None
    targets: list[str]


def _basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


def _env(*lines: str) -> str:
    return "\n".join(f"{CONFIG}{line}" if not line.startswith("OCEAN__") else line for line in lines)


CASES = {
    "bearer + offset": Case(
        _env(
            "AUTH_TYPE=bearer_token",
            f"API_TOKEN={TOKEN}",
            *("PAGINATION_TYPE=offset", "PAGE_SIZE=100", "OFFSET_PARAM=offset", "LIMIT_PARAM=limit"),
            *("TIMEOUT=30", "VERIFY_SSL=true", "OCEAN__LOG_LEVEL=INFO", "OCEAN__EVENT_LISTENER__TYPE=POLLING"),
        ),
        f"Bearer {TOKEN}",
        ["/users?offset=0&limit=100", "/users?offset=100&limit=100", "/users?offset=200&limit=100"],
    ),
    "basic + page": Case(
        _env(
            *("AUTH_TYPE=basic", "USERNAME=ada", "PASSWORD=pa:ss"),
            *("PAGINATION_TYPE=page", "PAGE_SIZE=50", "PAGE_PARAM=page", "SIZE_PARAM=size", "START_PAGE=1"),
            *("TIMEOUT=45", "VERIFY_SSL=false"),
        ),
        _basic("ada:pa:ss"),
        ["/users?page=1&size=50", "/users?page=2&size=50", "/users?page=3&size=50"],
    ),
    "api key + cursor": Case(
        _env(
            *("AUTH_TYPE=api_key", f"API_KEY={TOKEN}", "API_KEY_HEADER=X-API-Key"),
            *("PAGINATION_TYPE=cursor", "PAGE_SIZE=25", "CURSOR_PARAM=cursor", "LIMIT_PARAM=limit"),
        ),
        None,
        ["/users?limit=25", "/users?limit=25&cursor=25", "/users?limit=25&cursor=50"],
    ),
    "none": Case(_env("AUTH_TYPE=none", "PAGINATION_TYPE=none"), None, ["/users"]),
    "custom, as its page spells it": Case(
        _env(
            "AUTH_TYPE=custom",
            f"CUSTOM_AUTH_REQUEST={json.dumps(CUSTOM_AUTH)}",
            f"CUSTOM_AUTH_RESPONSE={json.dumps(BEARER)}",
        ),
        "Bearer given",
        ["/v1/auth/access_token", "/users"],
    ),
    "custom": Case(
        _env(
            "AUTH_TYPE=custom",
            f"CUSTOM_AUTH_REQUEST={json.dumps(CUSTOM_AUTH)}",
            f"CUSTOM_AUTH_REQUEST_TEMPLATE={json.dumps(BEARER)}",
        ),
        "Bearer given",
        ["/v1/auth/access_token", "/users"],
    ),
}


def _answer(request: Received) -> Reply:
    """Give two full pages and a half, by whatever parameters a page is asked for; all at once without any."""
    if request.path == "/v1/auth/access_token":
        return Reply({"accessToken": "given"})
    size = int(request.param("limit") or request.param("size") or "1000")
    start = int(request.param("offset") or request.param("cursor") or "0")
    if request.param("page"):
        start = (int(request.param("page")) - 1) * size
    count = 20 if size == 1000 else size * 5 // 2
    users = [{"id": number, "name": f"U{number}"} for number in range(start, min(start + size, count))]
    body: dict[str, Any] = {"users": users}
    if "limit" in request.query and "offset" not in request.query and start + size < count:
        body["next_cursor"] = str(start + size)
    return Reply(body)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_published_environment_asks_as_it_must(tmp_path: Path, case: Case) -> None:
    with serve(_answer) as api:
        published = probe(tmp_path, api, USERS, env=case.env)
        [kind] = published.sync_whole().values()

    assert len(published.entities("user")) == kind.fetched > 0
    # numbered pages are asked for ahead, so that some come after the last one
    assert set(case.targets) <= set(api.targets())
    assert api.targets()[0] == case.targets[0]
    assert {one.headers["authorization"] for one in api.received if one.path == "/users"} == {case.authorization}


def test_the_key_goes_in_its_header(tmp_path: Path) -> None:
    with serve(_answer) as api:
        probe(tmp_path, api, USERS, env=CASES["api key + cursor"].env).sync_whole()

    assert {one.headers["x-api-key"] for one in api.received} == {TOKEN}


def test_the_token_is_asked_for_once_as_the_environment_says(tmp_path: Path) -> None:
    with serve(_answer) as api:
        probe(tmp_path, api, USERS, env=CASES["custom"].env).sync_whole()

    [asked] = [one for one in api.received if one.path == "/v1/auth/access_token"]
    assert (asked.method, json.loads(asked.body)) == ("POST", CUSTOM_AUTH["body"])


def test_certificates_are_not_checked_where_the_environment_says_so(tmp_path: Path) -> None:
    with serve(_answer) as api:
        settings = probe(tmp_path, api, USERS, env=CASES["basic + page"].env).settings()

    assert (settings.connection.http.verify_ssl, settings.connection.http.timeout) == (False, 45)


@pytest.mark.parametrize(
    ("env", "authorization"),
    [
        (f"{CONFIG}AUTH_TYPE=bearer_token\n{CONFIG}API_TOKEN={TOKEN}", f"Bearer {TOKEN}"),
        (f"{CONFIG}AUTH_TYPE=bearer_token\n{SECRETS}AUTH_VALUE={TOKEN}", f"Bearer {TOKEN}"),
        (f"{CONFIG}AUTH_TYPE=bearer_token\n{CONFIG}AUTH_VALUE={TOKEN}", f"Bearer {TOKEN}"),
        (f"{CONFIG}AUTH_TYPE=bearer\n{SECRETS}TOKEN={TOKEN}", f"Bearer {TOKEN}"),
        (f"{CONFIG}AUTH_TYPE=basic_auth\n{SECRETS}AUTH_VALUE=ada:pw", _basic("ada:pw")),
        (f"{CONFIG}AUTH_TYPE=basic\n{CONFIG}AUTH_VALUE=YWRhOnB3", _basic("ada:pw")),
        (f"{CONFIG}AUTH_TYPE=basic\n{CONFIG}USERNAME=key_of_cursor", _basic("key_of_cursor:")),
    ],
)
def test_every_published_form_of_a_secret_proves_who_we_are(tmp_path: Path, env: str, authorization: str) -> None:
    with serve(_answer) as api:
        probe(tmp_path, api, USERS, env=env).sync_whole()

    assert [one.headers["authorization"] for one in api.received] == [authorization]


def test_the_command_of_the_documentation_runs_from_its_variables_alone(tmp_path: Path) -> None:
    env = _env(
        *("OCEAN__INITIALIZE_PORT_RESOURCES=true", "OCEAN__SCHEDULED_RESYNC_INTERVAL=60"),
        *("OCEAN__SEND_RAW_DATA_EXAMPLES=true", "OCEAN__INTEGRATION__IDENTIFIER=ocean-custom"),
        *("OCEAN__INTEGRATION__TYPE=custom", 'OCEAN__EVENT_LISTENER={"type":"POLLING"}'),
        *("AUTH_TYPE=bearer_token", "PAGINATION_TYPE=page", "PAGE_SIZE=100", f"{SECRETS}AUTH_VALUE={TOKEN}"),
        f"MAPPINGS={json.dumps(_as_json())}",
    )
    with serve(_answer) as api:
        published = probe(tmp_path, api, "", env=env)
        assert published.settings().source == "ocean-custom"
        published.sync_whole()

    assert api.targets()[0] == "/users?page=1&size=100"
    assert len(published.entities("user")) == 250


def _as_json() -> object:
    mappings = {"identifier": ".id", "title": ".name", "blueprint": '"user"'}
    selector = {"query": "true", "data_path": ".users"}
    return {"resources": [{"kind": "/users", "selector": selector, "port": {"entity": {"mappings": mappings}}}]}


def test_one_text_may_hold_all_settings_and_single_ones_win(tmp_path: Path) -> None:
    blob = {"base_url": "https://elsewhere.test", "auth_type": "bearer_token", "api_token": TOKEN, "page_size": 5}
    with serve(_answer) as api:
        env = f"OCEAN__INTEGRATION__CONFIG={json.dumps(blob)}\n{CONFIG}PAGINATION_TYPE=offset\n{CONFIG}PAGE_SIZE=7"
        probe(tmp_path, api, USERS, env=env).sync_whole()

    assert api.targets()[0] == "/users?offset=0&limit=7"


def test_a_large_number_as_the_chart_writes_it_is_a_number(tmp_path: Path) -> None:
    with serve(_answer) as api:
        probe(tmp_path, api, USERS, env=f"{CONFIG}PAGINATION_TYPE=offset\n{CONFIG}PAGE_SIZE=1e+02").sync_whole()

    assert api.targets()[0] == "/users?offset=0&limit=100"


def _nested(folder: Path, api: ApiServer) -> Published:
    pagination = {
        "pagination_type": "cursor",
        "cursor_path": ".next_cursor",
        "cursor_query_param": "cursor",
        "limit_query_param": "limit",
        "limit": 25,
    }
    return probe(folder, api, USERS, authType="bearer", token=TOKEN, pagination=pagination)


def test_a_nested_pagination_of_a_guide_pages_alike(tmp_path: Path) -> None:
    with serve(_answer) as api:
        _nested(tmp_path, api).sync_whole()

    assert api.targets() == CASES["api key + cursor"].targets
