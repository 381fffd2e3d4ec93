"""Credentials go to the origin of ``baseUrl`` and to ``allowedOrigins``, wherever redirects and next links lead."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.errors import ConfigurationError
from penstock.http.failures import ForeignLinkError
from support.authenticating import authenticated, chosen
from support.certificates import issue
from support.configuring import AUTH_TYPES
from support.fetching import get, settings
from support.keys import P256, pem
from support.project import Project, resource
from support.raw import RawServer, serve_raw
from support.server import ApiServer, Received, Reply, serve

SECRET = "0123456789-0123456789-0123456789"
DIGEST = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
TOKEN_PATH = "/login"

AUTHS: dict[str, dict[str, Any]] = {
    "none": {"authType": "none", "customHeaders": {"X-Tenant": SECRET}},
    "bearer_token": {"authType": "bearer_token", "apiToken": SECRET},
    "basic": {"authType": "basic", "username": "ada", "password": SECRET},
    "api_key": {"authType": "api_key", "apiKey": SECRET},
    "api_key in the query": {"authType": "api_key", "apiKey": SECRET, "apiKeyIn": "query"},
    "custom": {
        "authType": "custom",
        "customAuthRequest": {"endpoint": TOKEN_PATH, "body": {"password": SECRET}},
        "customAuthRequestTemplate": {"headers": {"X-Token": "{{ .access_token }}"}},
    },
    "oauth2": {
        "authType": "oauth2",
        "tokenEndpoint": TOKEN_PATH,
        "clientId": "me",
        "clientSecret": SECRET,
    },
    "jwt": {"authType": "jwt", "jwtSecret": SECRET},
    "jwt per request": {"authType": "jwt", "privateKey": pem(P256), "jwtPerRequest": True},
    "digest": {"authType": "digest", "username": "ada", "password": SECRET},
    "hmac": {
        "authType": "hmac",
        "hmacKey": SECRET,
        "hmacMessage": "{target}",
        "hmacHeaders": {"X-S": "{signature}"},
        "hmacParams": {"sig": "{signature}"},
    },
}


def _is_signed(request: Received) -> bool:
    names = {"authorization", "x-api-key", "x-token", "x-s", "x-tenant"}
    return bool(names & {name.lower() for name in request.headers} or request.param("api_key"))


def _home(target: str, *, link: bool) -> Any:  # noqa: ANN401 - a handler
    """An API that gives tokens to whoever logs in, and then leads to ``target``."""

    def answer(request: Received) -> Reply:
        if request.path == TOKEN_PATH:
            return Reply({"access_token": "T1", "token_type": "Bearer", "expires_in": 3600})
        if not _is_signed(request):
            return Reply({}, 401, {"WWW-Authenticate": DIGEST})
        if link:
            return Reply({"items": [{"id": 1, "name": "a"}], "next": f"{target}/users?page=2"})
        return Reply({}, 302, {"Location": f"{target}/users"})

    return answer


def _other(request: Received) -> Reply:
    if not _is_signed(request):
        return Reply({}, 401, {"WWW-Authenticate": DIGEST})
    return Reply({"items": [{"id": 2, "name": "b"}], "next": None})


@contextmanager
def _both(*, link: bool) -> Generator[tuple[ApiServer, ApiServer]]:
    with serve(_other) as other, serve(_home(other.url, link=link)) as home:
        yield home, other


def _project(folder: Path, url: str, auth: dict[str, Any], **more: Any) -> Project:  # noqa: ANN401 - settings are
    users = resource("/users", selector={"data_path": ".items"})
    return Project(folder, url, [users], paginationType="next_link", nextLinkPath="next", maxRetries=0, **auth, **more)


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_nothing_is_sent_to_another_origin_that_a_next_link_leads_to(auth: dict[str, Any], tmp_path: Path) -> None:
    with _both(link=True) as (home, other):
        report = _project(tmp_path, home.url, auth).sync_kind()

    assert other.received == []
    assert report.status == "incomplete"
    assert report.stop_reasons == {"foreign_link": 1}
    assert any(_is_signed(request) for request in home.received)


@pytest.mark.parametrize("link", [True, False], ids=["next link", "redirect"])
@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_an_allowed_origin_is_signed_for_too(auth: dict[str, Any], link: bool, tmp_path: Path) -> None:  # noqa: FBT001
    with _both(link=link) as (home, other):
        report = _project(tmp_path, home.url, auth, allowedOrigins=[other.url]).sync_kind()

    assert report.status == "complete"
    assert _is_signed(other.received[-1])
    assert [request.path for request in other.received if request.path == TOKEN_PATH] == []


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_a_request_that_begins_at_another_origin_is_not_signed(auth: dict[str, Any]) -> None:
    names = {name: value for name, value in auth.items() if name not in {"authType", "customHeaders"}}

    async def run(home: str, other: str) -> None:
        async with authenticated(settings(home), chosen(auth["authType"], names)) as client:
            await client.send(get(f"{other}/users"))

    with _both(link=True) as (home, other):
        with pytest.raises(ForeignLinkError, match="credentials are not sent there"):
            asyncio.run(run(home.url, other.url))

        assert home.received == other.received == []


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_an_absolute_endpoint_of_another_origin_is_not_asked(auth: dict[str, Any], tmp_path: Path) -> None:
    with _both(link=True) as (home, other):
        project = _project(tmp_path, home.url, auth)
        project.config["resources"][0]["kind"] = f"{other.url}/users"
        if auth["authType"] == "none":
            project.config["connection"]["customHeaders"] = {"X-Tenant": SECRET}
        try:
            stopped = str(project.sync_kind().stop_reasons)
        except ConfigurationError as error:
            stopped = str(error)

    assert "origin" in stopped or "foreign_link" in stopped
    assert other.received == []


ALMOST: dict[str, Callable[[int], str]] = {
    "another host": lambda port: f"http://localhost:{port}",
    "another port": lambda port: f"http://127.0.0.1:{port - 1}",
    "no port": lambda _: "http://127.0.0.1",
    "another scheme": lambda port: f"https://127.0.0.1:{port}",
}


@pytest.mark.parametrize("almost", ALMOST.values(), ids=ALMOST)
def test_an_allowed_origin_is_its_scheme_host_and_port(almost: Callable[[int], str], tmp_path: Path) -> None:
    with _both(link=True) as (home, other):
        allowed = [almost(urlsplit(other.url).port or 0)]
        report = _project(tmp_path, home.url, AUTHS["bearer_token"], allowedOrigins=allowed).sync_kind()

    assert report.stop_reasons == {"foreign_link": 1}
    assert other.received == []


CLIENT: dict[str, Any] = {"authType": "oauth2", "tokenEndpoint": TOKEN_PATH, "clientId": "me"}
FORM: dict[str, Any] = {"endpoint": TOKEN_PATH, "bodyForm": f"password={SECRET}"}
TEMPLATE: dict[str, Any] = {"headers": {"X-Token": "{{ .access_token }}"}}
TOKENS: dict[str, dict[str, Any]] = {
    "custom": AUTHS["custom"],
    "custom, GET": {
        "authType": "custom",
        "customAuthRequest": {"endpoint": TOKEN_PATH, "method": "GET", "headers": {"X-Key": SECRET}},
        "customAuthRequestTemplate": TEMPLATE,
    },
    **{
        f"custom and {name}": {
            "authType": "custom",
            "customAuthRequest": {**FORM, "auth": AUTHS[name]},
            "customAuthRequestTemplate": TEMPLATE,
        }
        for name in ("basic", "digest", "hmac", "jwt", "oauth2")
    },
    "client_secret_basic": {**CLIENT, "clientSecret": SECRET},
    "client_secret_post": {**CLIENT, "clientSecret": SECRET, "clientAuthMethod": "client_secret_post"},
    "client_secret_jwt": {**CLIENT, "clientSecret": SECRET, "clientAuthMethod": "client_secret_jwt"},
    "private_key_jwt": {**CLIENT, "privateKey": pem(P256), "clientAuthMethod": "private_key_jwt"},
    "password": {**CLIENT, "grantType": "password", "username": "ada", "password": SECRET},
    "jwt_bearer": {**CLIENT, "grantType": "jwt_bearer", "privateKey": pem(P256)},
    "token_exchange": {**CLIENT, "grantType": "token_exchange", "subjectToken": SECRET},
    "refresh_token": {**CLIENT, "grantType": "refresh_token", "refreshToken": SECRET},
}
"""Every way to a token that needs nobody."""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("auth", TOKENS.values(), ids=TOKENS)
def test_a_token_request_follows_no_redirect(auth: dict[str, Any], status: int, tmp_path: Path) -> None:
    def home(request: Received) -> Reply:
        if request.headers["Authorization"] is None and "digest" in str(auth):
            return Reply({}, 401, {"WWW-Authenticate": DIGEST})
        return Reply({}, status, {"Location": f"{other.url}{request.target}"})

    with serve(_other) as other, serve(home) as api:
        report = _project(tmp_path, api.url, auth, allowedOrigins=[other.url]).sync_kind()

    assert report.stop_reasons == {"auth_failed": 1}
    assert f": {status} " in report.errors[0].message
    assert other.received == []
    assert {request.path for request in api.received} == {TOKEN_PATH}


def test_the_metadata_of_an_issuer_follow_no_redirect(tmp_path: Path) -> None:
    """Who answers elsewhere could name any token endpoint."""

    def elsewhere(_: Received) -> Reply:
        return Reply({"issuer": api.url, "token_endpoint": f"{other.url}/token", "access_token": "x"})

    with (
        serve(elsewhere) as other,
        serve(lambda request: Reply({}, 302, {"Location": f"{other.url}{request.target}"})) as api,
    ):
        auth = {"authType": "oauth2", "issuer": api.url, "clientId": "me", "clientSecret": SECRET}
        report = _project(tmp_path, api.url, auth, allowedOrigins=[other.url]).sync_kind()

    assert "has no metadata" in report.errors[0].message
    assert other.received == []


@pytest.mark.parametrize("auth", TOKENS.values(), ids=TOKENS)
def test_a_token_endpoint_elsewhere_gets_what_is_for_it_alone(auth: dict[str, Any], tmp_path: Path) -> None:
    """Not the headers of the connection; and the API gets the token, not what it was bought with."""

    def issue_token(request: Received) -> Reply:
        if request.headers["Authorization"] is None and "digest" in str(auth):
            return Reply({}, 401, {"WWW-Authenticate": DIGEST})
        return Reply({"access_token": "T1", "token_type": "Bearer"})

    with serve(issue_token) as server, serve(lambda _: Reply({"items": []})) as api:
        settings_there = json.loads(json.dumps(auth).replace(f'"{TOKEN_PATH}"', f'"{server.url}{TOKEN_PATH}"'))
        headers = {"X-Tenant": "acme"}
        _project(tmp_path, api.url, settings_there, customHeaders=headers).sync_kind()

    assert [request.path for request in api.received] == ["/users"]
    assert {request.headers["X-Tenant"] for request in api.received} == {"acme"}
    assert {request.headers["X-Tenant"] for request in server.received} == {None}
    assert SECRET not in str(api.received[0].headers.items())


AUTHORITY = issue("Acme CA", authority=True)
ME = issue("me", AUTHORITY)


@contextmanager
def _serve_tls(folder: Path, answer: bytes, seen: list[str]) -> Generator[RawServer]:
    """Serve whoever shows a certificate, or none; ``seen`` takes whose it was."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = issue("localhost", AUTHORITY)
    (folder / "own.pem").write_text(own.pem + own.key_pem())
    context.load_cert_chain(folder / "own.pem")
    context.load_verify_locations(cadata=AUTHORITY.pem)
    context.verify_mode = ssl.CERT_OPTIONAL

    def talk(head: bytes, connection: Any) -> None:  # noqa: ANN401 - an SSLSocket
        del head
        seen.append(json.dumps(connection.getpeercert()))
        connection.sendall(answer)

    with serve_raw(talk, context) as server:
        yield server


def _answer(body: object, status: str = "200 OK", *headers: str) -> bytes:
    content = json.dumps(body).encode()
    lines = (f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(content)}", *headers, "", "")
    return "\r\n".join(lines).encode() + content


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("link", [True, False], ids=["next link", "redirect"])
def test_a_client_certificate_is_shown_where_credentials_go(link: bool, allowed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    at_home, elsewhere = list[str](), list[str]()
    end = _answer({"items": [{"id": 2, "name": "b"}], "next": None})
    with _serve_tls(tmp_path, end, elsewhere) as other:
        target = f"https://localhost:{other.port}"
        leads = _answer({}, "302 Found", f"Location: {target}/users")
        if link:
            leads = _answer({"items": [{"id": 1, "name": "a"}], "next": f"{target}/users"})
        with _serve_tls(tmp_path, leads, at_home) as home:
            project = _project(
                tmp_path,
                f"https://localhost:{home.port}",
                {"clientCertificate": ME.pem, "clientKey": ME.key_pem(), "caBundle": AUTHORITY.pem},
                allowedOrigins=[target] if allowed else [],
            )
            report = project.sync_kind()

    assert '"me"' in at_home[0]
    assert report.status == ("complete" if allowed else "incomplete")
    assert [len(elsewhere), '"me"' in "".join(elsewhere)] == ([1, True] if allowed else [0, False])


def test_every_installed_auth_is_tried() -> None:
    assert {auth["authType"] for auth in AUTHS.values()} == set(AUTH_TYPES.split(", "))
