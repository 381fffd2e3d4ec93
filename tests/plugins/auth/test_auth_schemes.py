"""What each built-in auth sends, refuses and hides; no server needed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from penstock import AuthStrategy
from penstock_auth.api_key import ApiKey
from penstock_auth.basic import Basic
from penstock_auth.bearer_token import BearerToken
from penstock_auth.none import NoAuth
from support.fetching import context_of
from support.fetching import settings as settings_of

URL = "https://api.test/users"
SECRET = "s3cret-value"
CONTEXT = context_of(settings_of(URL))


def _signed(
    strategy: AuthStrategy[Any],
    settings: dict[str, object],
    url: str = URL,
    headers: dict[str, str] | None = None,
) -> httpx.Request:
    """Return the one request that the auth makes of a GET."""
    auth = strategy.build(strategy.Config.model_validate(settings), CONTEXT)
    flow = auth.auth_flow(httpx.Request("GET", url, headers=headers))
    request = next(flow)
    with pytest.raises(StopIteration):  # a 401 is final
        flow.send(httpx.Response(401, request=request))
    return request


def _refusal(strategy: AuthStrategy[Any], settings: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        strategy.Config.model_validate(settings)
    [error] = caught.value.errors(include_url=False, include_input=False)
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def test_none_leaves_a_request_as_it_is() -> None:
    request = _signed(NoAuth(), {}, headers={"Authorization": "mine"})

    assert str(request.url) == URL
    assert request.headers.raw == httpx.Request("GET", URL, headers={"Authorization": "mine"}).headers.raw


@pytest.mark.parametrize(
    ("strategy", "settings", "name", "value"),
    [
        (BearerToken(), {"apiToken": "t0"}, "Authorization", "Bearer t0"),
        (BearerToken(), {"api_token": "t0"}, "Authorization", "Bearer t0"),
        (ApiKey(), {"apiKey": "k0"}, "X-API-Key", "k0"),
        (ApiKey(), {"apiKey": "Token k 0", "apiKeyHeader": "Authorization"}, "Authorization", "Token k 0"),
        (Basic(), {"username": "ada", "password": "pw:1"}, "Authorization", "Basic YWRhOnB3OjE="),
        (Basic(), {"username": "ada"}, "Authorization", "Basic YWRhOg=="),
        (Basic(), {"password": "pw"}, "Authorization", "Basic OnB3"),
        (Basic(), {"username": "zoë", "password": "é"}, "Authorization", "Basic em/DqzrDqQ=="),
    ],
)
def test_a_scheme_adds_its_header(
    strategy: AuthStrategy[Any], settings: dict[str, object], name: str, value: str
) -> None:
    request = _signed(strategy, settings)

    assert request.headers.get_list(name) == [value]
    assert str(request.url) == URL


@pytest.mark.parametrize(
    ("strategy", "settings", "name"),
    [
        (BearerToken(), {"apiToken": SECRET}, "authorization"),
        (ApiKey(), {"apiKey": SECRET}, "x-api-key"),
        (ApiKey(), {"apiKey": SECRET, "apiKeyHeader": "X-Key"}, "X-KEY"),
    ],
)
def test_bearer_token_and_api_key_leave_a_header_that_the_user_set(
    strategy: AuthStrategy[Any], settings: dict[str, object], name: str
) -> None:
    request = _signed(strategy, settings, headers={name: "mine"})

    assert request.headers.get_list(name) == ["mine"]


def test_basic_replaces_a_header_that_the_user_set() -> None:
    request = _signed(Basic(), {"username": "ada", "password": "pw"}, headers={"authorization": "mine"})

    assert request.headers.get_list("authorization") == ["Basic YWRhOnB3"]


@pytest.mark.parametrize(
    ("settings", "url", "expected"),
    [
        ({}, URL, f"{URL}?api_key=k%20%26%2Bk"),
        ({}, f"{URL}?page=2", f"{URL}?page=2&api_key=k%20%26%2Bk"),
        ({}, f"{URL}?api_key=old&page=2&api_key=older", f"{URL}?page=2&api_key=k%20%26%2Bk"),
        ({"apiKeyParam": "key[0]"}, f"{URL}?key%5B0%5D=old&a=1", f"{URL}?a=1&key%5B0%5D=k%20%26%2Bk"),
        ({}, f"{URL}?sig=a%2Fb+c%3D&next=%7e;x", f"{URL}?sig=a%2Fb+c%3D&next=%7e;x&api_key=k%20%26%2Bk"),
    ],
)
def test_a_key_in_the_query_comes_once_and_leaves_the_other_parameters_byte_for_byte(
    settings: dict[str, object], url: str, expected: str
) -> None:
    request = _signed(ApiKey(), {"apiKey": "k &+k", "apiKeyIn": "query", **settings}, url=url)

    assert str(request.url) == expected
    assert "x-api-key" not in request.headers
    assert request.headers["host"] == "api.test"


def test_a_key_in_the_query_may_be_any_text() -> None:
    request = _signed(ApiKey(), {"apiKey": "ключ", "apiKeyIn": "query"})

    assert request.url.params["api_key"] == "ключ"


def test_every_request_of_a_client_carries_the_credentials_once() -> None:
    seen: list[str] = []

    def api(request: httpx.Request) -> httpx.Response:
        seen.extend(request.headers.get_list("authorization"))
        return httpx.Response(200)

    auth = BearerToken().build(BearerToken.Config.model_validate({"apiToken": "t0"}), CONTEXT)
    with httpx.Client(transport=httpx.MockTransport(api), auth=auth) as client:
        client.get(URL)
        client.get("https://api.test/teams")

    assert seen == ["Bearer t0", "Bearer t0"]


_BREAK = "must not contain a line break (a secret read from a file often ends in one)"
_ASCII = "must contain ASCII characters only: it is sent in a header"


@pytest.mark.parametrize(
    ("strategy", "settings", "message"),
    [
        (BearerToken(), {}, "apiToken: Field required"),
        (BearerToken(), {"apiToken": ""}, "apiToken: expected text that is not empty"),
        (BearerToken(), {"apiToken": " "}, "apiToken: expected text that is not empty"),
        (BearerToken(), {"apiToken": f"{SECRET}\n"}, f"apiToken: {_BREAK}"),
        (BearerToken(), {"apiToken": f"{SECRET}\r\nX-Admin: 1"}, f"apiToken: {_BREAK}"),
        (BearerToken(), {"apiToken": f"{SECRET}\0"}, "apiToken: must not contain control characters"),
        (BearerToken(), {"apiToken": f"{SECRET}ж"}, f"apiToken: {_ASCII}"),
        (ApiKey(), {}, "apiKey: Field required"),
        (ApiKey(), {"apiKey": ""}, "apiKey: expected text that is not empty"),
        (ApiKey(), {"apiKey": f"{SECRET}\r"}, f"apiKey: {_BREAK}"),
        (ApiKey(), {"apiKey": f"{SECRET}\n", "apiKeyIn": "query"}, f"apiKey: {_BREAK}"),
        (ApiKey(), {"apiKey": f"{SECRET}é"}, f": apiKey {_ASCII}"),
        (
            ApiKey(),
            {"apiKey": SECRET, "apiKeyHeader": "X Key"},
            "apiKeyHeader: expected the name of a header: letters, digits and hyphens",
        ),
        (ApiKey(), {"apiKey": SECRET, "apiKeyParam": ""}, "apiKeyParam: String should have at least 1 character"),
        (ApiKey(), {"apiKey": SECRET, "apiKeyIn": "cookie"}, "apiKeyIn: Input should be 'header' or 'query'"),
        (Basic(), {}, ": authType basic needs a username, a password or both"),
        (Basic(), {"username": "", "password": ""}, ": authType basic needs a username, a password or both"),
        (
            Basic(),
            {"username": "a:b", "password": SECRET},
            "username: must not contain a colon: it parts user name and password (RFC 7617 section 2)",
        ),
        (Basic(), {"username": "a\n"}, f"username: {_BREAK}"),
        (Basic(), {"username": "a", "password": f"{SECRET}\n"}, f"password: {_BREAK}"),
        (NoAuth(), {"apiToken": SECRET}, "apiToken: Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_setting_and_the_reason(
    strategy: AuthStrategy[Any], settings: dict[str, object], message: str
) -> None:
    assert _refusal(strategy, settings) == message


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        (BearerToken(), {"apiToken": f"{SECRET}\n"}),
        (ApiKey(), {"apiKey": f"{SECRET}\n"}),
        (ApiKey(), {"apiKey": f"{SECRET}é"}),
        (Basic(), {"password": f"{SECRET}\n"}),
        (Basic(), {"username": "a:b", "password": SECRET}),
    ],
)
def test_a_refusal_never_shows_the_secret(strategy: AuthStrategy[Any], settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        strategy.Config.model_validate(settings)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
