"""``authType: custom`` over real sockets: what the token endpoint and the API receive (connection.md section 5)."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.errors import AuthError
from penstock.http.client import ApiRequest
from penstock.http.failures import AuthFailedError
from penstock_auth.custom import Custom
from support.authenticating import authenticated, chosen
from support.clock import FakeClock
from support.fetching import context_of, get, settings
from support.server import ApiServer, Handler, Received, Reply, routes, serve

BEARER: dict[str, Any] = {"headers": {"Authorization": "Bearer {{.token}}"}}
LOGIN: dict[str, Any] = {"endpoint": "/login"}


def _sent(
    handler: Handler | Mapping[str, object],
    *requests: ApiRequest,
    login: Mapping[str, Any] = LOGIN,
    template: Mapping[str, Any] = BEARER,
    clock: FakeClock | None = None,
    **connection: Any,  # noqa: ANN401
) -> ApiServer:
    """Send requests, whose URLs are paths, and return the server with what it received; the first error ends it."""
    server_handler = handler if callable(handler) else routes(handler)
    auth = {"customAuthRequest": login, "customAuthRequestTemplate": template}

    async def run(server: ApiServer) -> None:
        http = settings(server.url, max_retries=1, **connection)
        async with authenticated(http, chosen("custom", auth), clock=clock) as client:
            for request in requests or [get("/users")]:
                moved = ApiRequest(request.method, f"{server.url}{request.url}", request.headers, request.body)
                await client.send(moved)

    with serve(server_handler) as server:
        asyncio.run(run(server))
    return server


def _answering(answer: object) -> dict[str, object]:
    return {"/login": answer, "/users": [], "/q": {}}


def _failure(answer: object, template: Mapping[str, Any] = BEARER, **login: Any) -> str:  # noqa: ANN401
    with pytest.raises(AuthFailedError) as caught:
        _sent(_answering(answer), login={**LOGIN, **login}, template=template)
    return str(caught.value)


EXAMPLE = {
    "headers": {"Authorization": "Bearer {{.data.token}}"},
    "queryParams": {"tenant": "{{.tenant}}"},
    "body": {"sid": "{{.sid}}"},
}
ANSWER = {"data": {"token": "T1"}, "tenant": 7, "sid": "s"}


@pytest.mark.parametrize(
    ("request_", "target", "body"),
    [
        (
            ApiRequest("POST", "/q?x=1", body={"a": 1, "sid": "old"}),
            "/q?x=1&tenant=7",
            {"a": 1, "sid": "s"},
        ),
        (ApiRequest("GET", "/q"), "/q?tenant=7", {"sid": "s"}),
        (ApiRequest("GET", "/q?tenant=1&y=a%2Fb+c&tenant=2&~z"), "/q?y=a%2Fb+c&~z&tenant=7", {"sid": "s"}),
        (ApiRequest("POST", "/q", body=[1, 2]), "/q?tenant=7", {"sid": "s"}),
        (ApiRequest("PUT", "/q", body="text"), "/q?tenant=7", {"sid": "s"}),
        (ApiRequest("POST", "/q", body={"ä": 2**70, "b": {"sid": 1}}), "/q?tenant=7", None),
    ],
)
def test_the_answer_goes_where_the_template_says(request_: ApiRequest, target: str, body: object) -> None:
    login, call = _sent(_answering(ANSWER), request_, template=EXAMPLE).received

    assert (login.method, login.target) == ("POST", "/login")
    assert (call.method, call.target) == (request_.method, target)
    assert call.headers["Authorization"] == "Bearer T1"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers.get_all("Content-Length") == [str(len(call.body))]
    assert json.loads(call.body) == (body or {"ä": 2**70, "b": {"sid": 1}, "sid": "s"})


def test_what_the_template_says_wins_over_the_headers_of_connection_and_resource() -> None:
    server = _sent(
        _answering({"token": "T1"}),
        get("/users", {"authorization": "mine", "X-Other": "kept"}),
        custom_headers={"Authorization": "ours"},
    )

    assert server.received[1].headers.get_all("authorization") == ["Bearer T1"]
    assert server.received[1].headers["X-Other"] == "kept"


def test_a_content_type_that_the_user_set_stays() -> None:
    server = _sent(
        _answering(ANSWER), get("/q", {"Content-Type": "application/vnd.x+json"}), template={"body": {"s": "{{.sid}}"}}
    )

    assert server.received[1].headers.get_all("Content-Type") == ["application/vnd.x+json"]


@pytest.mark.parametrize(
    ("login", "method", "target", "content_type", "body"),
    [
        ({"endpoint": "/login"}, "POST", "/login", None, ""),
        ({"endpoint": "login", "method": "GET"}, "GET", "/login", None, ""),
        (
            {"endpoint": "/login", "body": {"user": "ada", "n": 1, "list": [True, None]}},
            "POST",
            "/login",
            "application/json",
            '{"user":"ada","n":1,"list":[true,null]}',
        ),
        (
            {"endpoint": "/login", "bodyForm": "user=ada&pw=a%26b"},
            "POST",
            "/login",
            "application/x-www-form-urlencoded",
            "user=ada&pw=a%26b",
        ),
        (
            {"endpoint": "/login", "method": "PUT", "bodyForm": "<x/>", "headers": {"content-type": "text/xml"}},
            "PUT",
            "/login",
            "text/xml",
            "<x/>",
        ),
        (
            {"endpoint": "/login?a=1&b=2", "queryParams": {"b": "ü &", "c": [1, True], "d": None}, "body": {}},
            "POST",
            "/login?a=1&b=%C3%BC%20%26&c=1&c=true&d=",
            "application/json",
            "{}",
        ),
    ],
)
def test_the_token_request_is_what_the_settings_say(
    login: dict[str, Any], method: str, target: str, content_type: str | None, body: str
) -> None:
    request = _sent(_answering({"token": "T1"}), login=login).received[0]

    assert (request.method, request.target) == (method, target)
    assert request.headers["Content-Type"] == content_type
    assert request.body.decode() == body


def test_a_token_request_carries_neither_the_connection_s_headers_nor_another_token() -> None:
    server = _sent(
        _answering({"token": "T1"}), login={**LOGIN, "headers": {"X-Key": "k"}}, custom_headers={"X-Own": "o"}
    )

    login, call = server.received
    assert (login.headers["X-Own"], login.headers["Authorization"], login.headers["X-Key"]) == (None, None, "k")
    assert (call.headers["X-Own"], call.headers["X-Key"]) == ("o", None)


def test_the_token_endpoint_may_be_on_another_host_than_the_api() -> None:
    with serve(routes({"/token": {"token": "T9"}})) as other:
        server = _sent({"/users": []}, login={"endpoint": f"{other.url}/token"})

    assert other.targets() == ["/token"]
    assert [request.headers["Authorization"] for request in server.received] == ["Bearer T9"]


@pytest.mark.parametrize(
    ("text", "answer", "filled"),
    [
        ("{{.a.b.c}}", {"a": {"b": {"c": "x"}}}, "x"),
        ("{{ .a }}", {"a": "x"}, "x"),
        ("{{.a|ascii_downcase}}", {"a": "XY"}, "xy"),
        ('{{ .a | gsub("x"; "y") }}', {"a": "axa"}, "aya"),
        ("{{ .a | {b: .} | tojson }}", {"a": 1}, '{"b":1}'),
        ("{{ .a | {b: .}}}", {"a": 1}, '{"b":1}'),
        ("{{ .[0].t }}/{{.[1].t}}", [{"t": "x"}, {"t": "y"}], "x/y"),
        ("{{ . }}", "bare", "bare"),
        ("{{.a}} and {{.b}}{{.a}}", {"a": "x", "b": "y"}, "x and yx"),
        ("{{.n}} {{.f}} {{.w}} {{.big}}", {"n": 7, "f": 1.5, "w": 2.0, "big": 2**60 + 1}, f"7 1.5 2 {2**60 + 1}"),
        ("{{.t}} {{.f}}", {"t": True, "f": False}, "true false"),
        ("{{.o}} {{.l}}", {"o": {"a": [1, "b"]}, "l": []}, '{"a":[1,"b"]} []'),
        ("no template", {"a": 1}, "no template"),
        ("}} {.a} { {", {"a": 1}, "}} {.a} { {"),
        ("{{.a}}}", {"a": "x"}, "x}"),
        ('{{ .a // "none" }}', {"b": 1}, "none"),
    ],
)
@pytest.mark.parametrize("place", ["header", "query", "body"])
def test_a_template_is_text_with_what_jq_gives_on_the_answer(
    text: str, answer: object, filled: str, place: str
) -> None:
    templates: dict[str, dict[str, Any]] = {
        "header": {"headers": {"X-T": text}},
        "query": {"queryParams": {"t": ["first", text]}},
        "body": {"body": {"t": [{"u": text}, 5, None]}},
    }

    call = _sent(_answering(answer), get("/q"), template=templates[place]).received[1]

    if place == "header":
        assert call.headers["X-T"] == filled
    elif place == "query":
        assert call.query == {"t": ["first", filled]}
    else:
        assert json.loads(call.body) == {"t": [{"u": filled}, 5, None]}


@pytest.mark.parametrize(
    ("answer", "template", "said"),
    [
        (
            {"accessToken": "secret-1", "data": {}},
            BEARER,
            "customAuthRequestTemplate.headers.Authorization: `.token` gives null; the answer has accessToken, data",
        ),
        (
            {"token": "secret-1"},
            {"body": {"a": [{"b": "{{.token.x}}"}]}},
            "customAuthRequestTemplate.body.a[0].b: `.token.x` fails on the answer; the answer has token",
        ),
        (
            {"token": "secret-1"},
            {"queryParams": {"a": ["{{.token | tonumber}}"]}},
            "customAuthRequestTemplate.queryParams.a[0]: `.token | tonumber` fails on the answer; the answer has token",
        ),
        (["secret-1"], BEARER, "customAuthRequestTemplate.headers.Authorization: `.token` fails on the answer"),
        ({"token": "secret-1\nX"}, BEARER, "headers.Authorization: the header Authorization must not contain a line"),
        ({}, BEARER, "200 OK (application/json): expected JSON that holds a token; the answer is an empty object"),
        ([], BEARER, "200 OK (application/json): expected JSON that holds a token"),
        (Reply(b"", 200), BEARER, "200 OK (empty answer): expected JSON that holds a token"),
        (Reply(b"", 204), BEARER, "204 No Content (empty answer): expected JSON that holds a token"),
        (
            Reply(b"<html>secret-1</html>", 200, {"Content-Type": "text/html; charset=utf-8"}),
            BEARER,
            "200 OK (text/html; charset=utf-8): expected JSON that holds a token",
        ),
        (Reply({}, 302, {"Location": "/elsewhere"}), BEARER, "302 Found (application/json)"),
        (
            Reply({"error": "invalid_grant", "error_description": "wrong password"}, 400),
            BEARER,
            "400 Bad Request (application/json): invalid_grant: wrong password",
        ),
        (Reply({"message": "secret-1"}, 401), BEARER, "401 Unauthorized (application/json)"),
        (Reply({}, 500), BEARER, "500 Internal Server Error (application/json)"),
    ],
)
def test_an_answer_without_what_the_template_needs_is_told_and_its_values_are_not(
    answer: object, template: dict[str, Any], said: str
) -> None:
    text = _failure(answer, template)

    assert "the credentials could not be obtained: POST http://127.0.0.1" in text
    assert "/login: " in text
    assert said in text
    assert "secret-1" not in text


def test_a_token_endpoint_that_is_down_is_named() -> None:
    text = _failure({}, endpoint="http://127.0.0.1:1/login?key=secret-1")

    assert "POST http://127.0.0.1:1/login: cannot connect to 127.0.0.1:1" in text


def test_an_api_that_goes_on_answering_401_has_the_last_word() -> None:
    seen: list[str] = []

    def api(request: Received) -> Reply:
        seen.append(request.path)
        return Reply({"token": f"T{len(seen)}"}) if request.path == "/login" else Reply({"error": "no"}, 401)

    with pytest.raises(AuthFailedError, match="401 Unauthorized"):
        _sent(api)

    assert seen == ["/login", "/users", "/login", "/users"]


@pytest.mark.parametrize(
    ("answer", "interval", "later", "logins"),
    [
        ({}, None, 1e9, 1),
        ({}, 3600, 3539.5, 1),
        ({}, 3600, 3540, 2),
        ({}, 60, 53.5, 1),
        ({}, 60, 54, 2),
        ({}, 1, 0.8, 1),
        ({}, 1, 0.9, 2),
        ({"expires_in": 3600}, None, 3540, 2),
        ({"expires_in": "3600"}, None, 3540, 2),
        ({"expires_in": 59.5}, None, 53, 1),
        ({"expires_in": 59.5}, None, 54, 2),
        ({"expires_in": 10}, 3600, 3539, 1),
        ({"expires_in": 0}, None, 1e9, 1),
        ({"expires_in": -5}, None, 1e9, 1),
        ({"expires_in": "soon"}, None, 1e9, 1),
        ({"expires_in": True}, None, 1e9, 1),
        ({"expires_in": None}, None, 1e9, 1),
    ],
)
def test_a_token_lives_as_long_as_the_settings_or_the_answer_say(
    answer: dict[str, object], interval: int | None, later: float, logins: int
) -> None:
    clock = FakeClock()

    def api(request: Received) -> Reply:
        if request.path == "/first":
            clock.now += later
        return Reply({"token": "T", **answer} if request.path == "/login" else {})

    login = {**LOGIN, "reauthenticateIntervalSeconds": interval}
    server = _sent(api, get("/first"), get("/second"), login=login, clock=clock)

    assert server.targets().count("/login") == logins


def test_the_token_request_does_not_share_the_time_limit_of_the_api() -> None:
    def api(request: Received) -> Reply:
        if request.path == "/login":
            time.sleep(0.7)
        return Reply({"token": "T"})

    assert _sent(api, timeout=0.6).targets().count("/login") == 1


def _chain_api(request: Received) -> Reply:
    if request.path == "/session":
        return Reply({"session": "S1"})
    if request.path == "/login":
        asked = {name: request.headers[name] for name in ("Authorization", "X-API-Key", "X-Session")}
        return Reply({"token": json.dumps(asked)})
    return Reply({})


@pytest.mark.parametrize(
    ("inner", "received", "paths"),
    [
        (
            {"authType": "basic", "username": "ada", "password": "pw"},
            {"Authorization": f"Basic {b64encode(b'ada:pw').decode()}"},
            ["/login", "/users"],
        ),
        ({"authType": "api_key", "apiKey": "k1"}, {"X-API-Key": "k1"}, ["/login", "/users"]),
        ({"authType": "bearer_token", "apiToken": "t1"}, {"Authorization": "Bearer t1"}, ["/login", "/users"]),
        (
            {
                "authType": "custom",
                "customAuthRequest": {"endpoint": "/session", "bodyForm": "a=b"},
                "customAuthRequestTemplate": {"headers": {"X-Session": "{{.session}}"}},
            },
            {"X-Session": "S1"},
            ["/session", "/login", "/users"],
        ),
    ],
)
def test_the_token_request_is_signed_by_another_auth(
    inner: dict[str, Any], received: dict[str, str], paths: list[str]
) -> None:
    server = _sent(_chain_api, login={**LOGIN, "auth": inner}, template={"headers": {"X-Got": "{{.token}}"}})

    assert server.targets() == paths
    got = json.loads(str(server.received[-1].headers["X-Got"]))
    assert {name: value for name, value in got.items() if value is not None} == received
    assert all(server.received[-1].headers[name] is None for name in received)


def test_a_chain_renews_its_first_link_when_the_second_refuses_it() -> None:
    sessions: list[str] = []

    def api(request: Received) -> Reply:
        if request.path == "/session":
            sessions.append(f"S{len(sessions) + 1}")
            return Reply({"session": sessions[-1]})
        if request.path == "/login":
            good = request.headers["X-Session"] == "S2"
            return Reply({"token": "T"}) if good else Reply({}, 401)
        return Reply({})

    inner = {
        "authType": "custom",
        "customAuthRequest": {"endpoint": "/session"},
        "customAuthRequestTemplate": {"headers": {"X-Session": "{{.session}}"}},
    }
    server = _sent(api, login={**LOGIN, "auth": inner})

    assert server.targets() == ["/session", "/login", "/session", "/login", "/users"]


def test_a_chain_whose_first_link_is_refused_says_so() -> None:
    inner = {
        "authType": "custom",
        "customAuthRequest": {"endpoint": "/session"},
        "customAuthRequestTemplate": {"headers": {"X-Session": "{{.session}}"}},
    }

    text = _failure({"token": "T"}, auth=inner)

    assert "/session: 404 Not Found" in text


def test_an_endpoint_that_makes_no_url_is_told_before_anything_is_sent() -> None:
    request = {"endpoint": f"/{'a' * 70_000}"}
    config = Custom.Config.model_validate({"customAuthRequest": request, "customAuthRequestTemplate": BEARER})

    with pytest.raises(AuthError, match=r"customAuthRequest\.endpoint: "):
        Custom().build(config, context_of(settings("https://api.test")))


def test_parameters_of_the_base_url_go_to_a_relative_endpoint_too() -> None:
    with serve(routes({"/v1/login": {"token": "T"}, "/v1/users": []})) as server:
        auth = {"customAuthRequest": LOGIN, "customAuthRequestTemplate": BEARER}

        async def run() -> None:
            http = settings(f"{server.url}/v1?tenant=7")
            async with authenticated(http, chosen("custom", auth)) as client:
                await client.send(get(f"{server.url}/v1/users?tenant=7"))

        asyncio.run(run())

    assert [urlsplit(target).query for target in server.targets()] == ["tenant=7", "tenant=7"]
