from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from penstock.demo.api import RETRY_AFTER, DemoApi, demo_api
from penstock.demo.data import INCIDENTS, MEMBERS, SERVICES, TEAMS, USERS

_OPENER = build_opener(ProxyHandler({}))


@pytest.fixture
def api() -> Iterator[DemoApi]:
    with demo_api() as running:
        yield running


def _get(api: DemoApi, target: str, *, token: str | None = None) -> tuple[Any, dict[str, str]]:
    headers = {"Authorization": f"Bearer {api.token if token is None else token}"}
    with _OPENER.open(Request(api.url + target, headers=headers)) as answer:
        return json.load(answer), {name.lower(): value for name, value in answer.headers.items()}


def _refusal(api: DemoApi, target: str, *, token: str | None = None) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        _get(api, target, token=token)
    caught.value.close()
    return caught.value


def test_it_listens_on_this_machine_only(api: DemoApi) -> None:
    assert api.url.startswith("http://127.0.0.1:")


def test_it_refuses_who_does_not_have_its_token(api: DemoApi) -> None:
    assert _refusal(api, "/users", token="guessed").code == 401


def test_a_path_it_does_not_have_is_not_found(api: DemoApi) -> None:
    assert _refusal(api, "/teams/nobody/members").code == 404


def test_page_numbers_lead_through_all_users(api: DemoApi) -> None:
    pages = [_get(api, f"/users?page={number}&per_page=50")[0] for number in (1, 2, 3, 4)]

    assert [user for page in pages for user in page["users"]] == USERS
    assert [len(page["users"]) for page in pages] == [50, 50, 37, 0]
    assert {page["total"] for page in pages} == {len(USERS)}


def test_cursors_lead_through_all_services(api: DemoApi) -> None:
    found, cursor = [], ""
    while cursor is not None:
        page, _ = _get(api, f"/services?limit=20{cursor and f'&cursor={cursor}'}")
        found += page["services"]
        cursor = page["next_cursor"]

    assert found == SERVICES


def test_links_lead_through_all_incidents_after_one_answer_that_asks_to_wait(api: DemoApi) -> None:
    first, headers = _get(api, "/incidents")
    second = headers["link"].partition(">")[0].removeprefix("<")

    busy = _refusal(api, second)
    assert (busy.code, busy.headers["Retry-After"]) == (429, str(RETRY_AFTER))

    found, target = first, second
    while target:
        page, headers = _get(api, target)
        found += page
        target = headers.get("link", "").partition(">")[0].removeprefix("<")
    assert found == INCIDENTS


def test_every_team_has_members_who_are_users(api: DemoApi) -> None:
    teams, _ = _get(api, "/teams")
    logins = {user["login"] for user in USERS}

    assert teams == TEAMS
    for team in teams:
        members = _get(api, f"/teams/{team['slug']}/members")[0]["members"]
        assert members == MEMBERS[team["slug"]]
        assert {member["login"] for member in members} <= logins


def test_no_identifier_comes_twice() -> None:
    names = [("user", user["login"]) for user in USERS]
    names += [("service", service["key"]) for service in SERVICES]
    names += [("incident", incident["number"]) for incident in INCIDENTS]

    assert [name for name, count in Counter(names).items() if count > 1] == []
