"""However many requests wait, one token is obtained: for every grant that the kit does not try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from penstock import Token
from penstock.config.models import Chosen
from penstock.http.client import ApiClient
from penstock.http.clock import SystemClock
from penstock.tokens import FileTokens
from penstock_auth._oauth2_settings import OAuth2Config
from penstock_auth._oauth2_stored import label_of
from support.authenticating import authenticated, chosen
from support.authorization_server import Identity, identity
from support.clock import FakeClock
from support.fetching import context_of, get, settings
from support.keeping import keep
from support.oauth2 import CLIENTS, LONG_SECRET, PEM, oauth2
from support.server import Received, Reply, serve

REQUESTS: Final = 64
PUBLIC: Final = {"clientId": "penstock-public", "clientSecret": None}


AUTHS: Final[Mapping[str, Callable[[Identity], Chosen[Any]]]] = {
    "client_secret_post": lambda server: oauth2(
        server, clientId="penstock-form", clientAuthMethod="client_secret_post"
    ),
    "client_secret_jwt": lambda server: oauth2(
        server, clientId="penstock-hmac", clientSecret=LONG_SECRET, clientAuthMethod="client_secret_jwt"
    ),
    "private_key_jwt": lambda server: oauth2(
        server,
        clientId="penstock-key",
        clientSecret=None,
        clientAuthMethod="private_key_jwt",
        privateKey=PEM,
        keyId="2026-01",
    ),
    "issuer": lambda server: oauth2(server, tokenEndpoint=None, issuer=server.issuer),
    "password": lambda server: oauth2(server, grantType="password", username="ada", password="pw of ada"),
    "jwt_bearer": lambda server: oauth2(
        server,
        clientId=None,
        clientSecret=None,
        grantType="jwt_bearer",
        privateKey=PEM,
        assertionIssuer="penstock@acme.iam.test",
    ),
    "token_exchange": lambda server: oauth2(server, grantType="token_exchange", subjectToken="pod.token.1"),
    "authorization_code": lambda server: oauth2(
        server, grantType="authorization_code", authorizationEndpoint=f"{server.url}/authorize", **PUBLIC
    ),
}


async def _all(client: ApiClient, url: str) -> list[int]:
    responses = await asyncio.gather(*(client.send(get(f"{url}/items/{number}")) for number in range(REQUESTS)))
    return [response.status for response in responses]


def _log_in(server: Identity, auth: Chosen[Any], tokens: Path) -> None:
    """Leave what somebody got who logged in."""
    config = auth.config
    assert isinstance(config, OAuth2Config)
    label = label_of(config, context_of(settings(server.api_url)))
    keep(FileTokens(tokens), Token("", server.ledger.seed(client_id=config.client_id)), label)


@pytest.mark.parametrize("name", AUTHS)
def test_tokens_that_expire_under_load_cost_one_token_request_each(name: str, tmp_path: Path) -> None:
    async def run(server: Identity, auth: Chosen[Any]) -> list[int]:
        connection = settings(server.api_url, max_concurrent_requests=REQUESTS)
        counts: list[int] = []
        async with authenticated(connection, auth, tokens=tmp_path, clock=SystemClock()) as client:
            for _ in range(4):
                assert await _all(client, server.api_url) == [200] * REQUESTS
                counts.append(len(server.token_requests))
                server.expire_tokens()
        return counts

    with identity(*CLIENTS) as server:
        server.ledger.subject_tokens["pod.token.1"] = "pod"
        auth = AUTHS[name](server)
        if name == "authorization_code":
            _log_in(server, auth, tmp_path)
        assert asyncio.run(run(server, auth)) == [1, 2, 3, 4]
        assert {issued.grant.revoked for issued in server.ledger.issued} == {False}


def test_a_signed_token_that_expires_under_load_is_signed_once() -> None:
    seen: list[str] = []

    def api(request: Received) -> Reply:
        seen.append(str(request.headers["Authorization"]))
        return Reply({})

    async def run(url: str) -> list[int]:
        clock, counts = FakeClock(), list[int]()
        connection = settings(url, max_concurrent_requests=REQUESTS)
        async with authenticated(connection, chosen("jwt", {"jwtSecret": LONG_SECRET}), clock=clock) as client:
            for _ in range(4):
                assert await _all(client, url) == [200] * REQUESTS
                counts.append(len(set(seen)))
                clock.now += 300
        return counts

    with serve(api) as server:
        assert asyncio.run(run(server.url)) == [1, 2, 3, 4]
    assert len(seen) == 4 * REQUESTS
