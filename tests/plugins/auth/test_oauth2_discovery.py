"""Finding the endpoints of an authorization server by its issuer."""

from __future__ import annotations

import json
import re
import socket
import ssl
from pathlib import Path
from typing import Final

import pytest

from penstock.http.failures import AuthFailedError
from penstock_auth._oauth2_discovery import well_known
from support.authenticating import statuses
from support.authorization_server import Identity, identity
from support.fetching import settings
from support.oauth2 import oauth2
from support.raw import serve_raw

CERTIFICATE: Final = Path(__file__).parents[2] / "http" / "tls" / "strict.pem"


def _asked(server: Identity, issuer: str, *paths: str) -> list[str]:
    """Read the API with an issuer in the settings, and return what was asked for besides."""
    statuses(settings(server.api_url), oauth2(server, tokenEndpoint=None, issuer=issuer), *(paths or ("/users",)))
    return [request.target for request in server.received if not request.target.startswith("/api")]


def _failure(server: Identity, issuer: str = "") -> str:
    auth = oauth2(server, tokenEndpoint=None, issuer=issuer or server.issuer)
    with pytest.raises(AuthFailedError) as caught:
        statuses(settings(server.api_url), auth, "/users")
    return str(caught.value).partition("could not be obtained: ")[2]


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (
            "https://id.test",
            (
                "https://id.test/.well-known/oauth-authorization-server",
                "https://id.test/.well-known/openid-configuration",
            ),
        ),
        (
            "https://id.test/",
            (
                "https://id.test/.well-known/oauth-authorization-server",
                "https://id.test/.well-known/openid-configuration",
            ),
        ),
        (
            "https://id.test:8443/realms/a b/",
            (
                "https://id.test:8443/.well-known/oauth-authorization-server/realms/a b",
                "https://id.test:8443/realms/a b/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_metadata_are_where_the_standards_say(issuer: str, expected: tuple[str, str]) -> None:
    assert well_known(issuer) == expected


@pytest.mark.parametrize("path", ["", "/realms/acme"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_token_endpoint_is_found_once_for_all_requests(path: str, slash: str) -> None:
    with identity(issuer_path=path) as server:
        server.ledger.uses_per_token = 1
        asked = _asked(server, f"{server.issuer}{slash}", "/users", "/users")

    assert asked == [f"/.well-known/oauth-authorization-server{path}", "/token", "/token"]


def test_openid_metadata_are_looked_for_where_there_are_no_others() -> None:
    with identity(issuer_path="/tenant") as server:
        server.well_known = frozenset({"openid-configuration"})
        asked = _asked(server, server.issuer)

    assert asked == [
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/openid-configuration",
        "/token",
    ]


def test_an_issuer_without_metadata_is_told_by_what_was_tried() -> None:
    with identity() as server:
        server.well_known = frozenset()
        failure = _failure(server)

    place = re.escape(server.url)
    assert re.fullmatch(
        rf"the issuer {place} has no metadata: "
        rf"GET {place}/\.well-known/oauth-authorization-server: 404 Not Found \(application/json\); "
        rf"GET {place}/\.well-known/openid-configuration: 404 Not Found \(application/json\); "
        "set tokenEndpoint instead of issuer",
        failure,
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"issuer": "https://evil.test"},
            "these are the metadata of https://evil.test, not of the issuer http://127.0.0.1:",
        ),
        ({"issuer": None}, "these are no metadata, for they name no issuer; the answer has authorization_endpoint, "),
        ({"token_endpoint": None}, "name no token_endpoint; the answer has authorization_endpoint, "),
        ({"token_endpoint": "ftp://x.test/token"}, "name a token_endpoint that is no http or https URL"),
        ({"token_endpoint": "https://user:pw@x.test/token"}, "name a token_endpoint that is no http or https URL"),
        ({"token_endpoint": "/token"}, "name a token_endpoint that is no http or https URL"),
    ],
)
def test_metadata_that_cannot_be_trusted_or_used_are_refused(members: dict[str, object], message: str) -> None:
    with identity() as server:
        server.metadata = lambda document: {**document, **members}
        failure = _failure(server)

    assert message in failure
    assert server.token_requests == []


@pytest.mark.parametrize("document", [b"<html>", b"", ["x"]])
def test_what_is_no_document_is_passed_over(document: object) -> None:
    with identity() as server:
        server.metadata = lambda _: document
        failure = _failure(server)

    assert re.match(r"the issuer \S+ has no metadata: GET \S+: 200 OK \([^)]+\); GET \S+: 200 OK", failure)


def test_an_issuer_with_tls_never_leads_to_an_endpoint_without() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    metadata: dict[str, str] = {}

    def answer(head: bytes, connection: socket.socket) -> None:
        del head
        body = json.dumps(metadata).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with identity() as server, serve_raw(answer, context) as secure:
        issuer = f"https://localhost:{secure.port}"
        metadata |= {"issuer": issuer, "token_endpoint": server.token_endpoint}
        auth = oauth2(server, tokenEndpoint=None, issuer=issuer)
        with pytest.raises(AuthFailedError) as caught:
            statuses(settings(server.api_url, verify_ssl=False), auth, "/users")

    assert f"name a token_endpoint without TLS ({server.token_endpoint}); it is not used" in str(caught.value)
    assert server.received == []


def test_a_token_endpoint_that_is_configured_needs_no_metadata() -> None:
    with identity() as server:
        server.well_known = frozenset()
        auth = oauth2(server, issuer="https://nowhere.test")

        assert statuses(settings(server.api_url), auth, "/users") == [200]
