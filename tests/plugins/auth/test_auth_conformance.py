"""Every installed auth passes the kit that its authors are given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Final

from penstock import AuthContext, Token
from penstock.testing import AuthConformance, Received, Reply
from penstock.testing.auth import RESOURCES
from penstock_auth._oauth2_settings import OAuth2Config
from penstock_auth._oauth2_stored import label_of
from penstock_auth.api_key import ApiKey
from penstock_auth.basic import Basic
from penstock_auth.bearer_token import BearerToken
from penstock_auth.custom import Custom
from penstock_auth.digest import Digest
from penstock_auth.hmac import Hmac
from penstock_auth.jwt import Jwt
from penstock_auth.none import NoAuth
from penstock_auth.oauth2 import OAuth2
from support.authorization_ledger import Rotation
from support.authorization_server import Identity
from support.oauth2 import CLIENTS, LONG_SECRET, SECRET

PUBLIC: Final = {"clientId": "penstock-public", "clientSecret": None}


class TestNone(AuthConformance):
    strategy = NoAuth
    signs = False


class TestBearerToken(AuthConformance):
    strategy = BearerToken
    config = {"apiToken": SECRET}


class TestBasic(AuthConformance):
    strategy = Basic
    config = {"username": "ada", "password": SECRET}


class TestApiKey(AuthConformance):
    strategy = ApiKey
    config = {"apiKey": SECRET}


class TestApiKeyInTheQuery(AuthConformance):
    strategy = ApiKey
    config = {"apiKey": f"{SECRET} &+", "apiKeyIn": "query"}


class TestDigest(AuthConformance):
    strategy = Digest
    config = {"username": "ada", "password": SECRET}
    challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'}

    def answer(self, request: Received) -> Reply | None:
        return None if request.headers["Authorization"] else Reply({}, 401, self.challenge)


class TestHmac(AuthConformance):
    strategy = Hmac
    config = {
        "hmacKey": LONG_SECRET,
        "hmacMessage": "{method}{target}{timestamp}{nonce}",
        "hmacHeaders": {"X-Signature": "{signature}", "X-Nonce": "{nonce}"},
        "hmacParams": {"sig": "{signature}"},
    }


class TestJwt(AuthConformance):
    strategy = Jwt
    config = {"jwtSecret": LONG_SECRET}


class TestCustom(AuthConformance):
    strategy = Custom
    config = {
        "customAuthRequest": {"endpoint": "/login", "body": {"user": "ada", "password": SECRET}},
        "customAuthRequestTemplate": {
            "headers": {"Authorization": "Bearer {{ .token }}"},
            "queryParams": {"session": "{{ .session.id }}"},
        },
    }

    @cached_property
    def issued(self) -> list[str]:
        return []

    def answer(self, request: Received) -> Reply | None:
        if request.path != "/login":
            return None
        self.issued.append(hashlib.sha256(f"{len(self.issued)}".encode()).hexdigest())
        return Reply({"token": self.issued[-1], "session": {"id": "session-0123456789"}})


class OAuth2Conformance(AuthConformance):
    """Against authlib's authorization server."""

    strategy = OAuth2
    more: Mapping[str, Any] = {}

    @cached_property
    def server(self) -> Identity:
        server = Identity(*CLIENTS, rotation=Rotation.KEPT)
        server.ledger.subject_tokens["pod.token.1"] = "pod"
        return server

    def settings(self, url: str) -> Mapping[str, Any]:
        self.server.url = url
        usual = {"tokenEndpoint": f"{url}/token", "clientId": "penstock", "clientSecret": SECRET}
        settings = {name: self.placed(value) for name, value in {**usual, **self.more}.items()}
        return {name: value for name, value in settings.items() if value is not None}

    def placed(self, value: object) -> object:
        return value.replace("{url}", self.server.url) if isinstance(value, str) else value

    def answer(self, request: Received) -> Reply | None:
        if request.path.startswith(RESOURCES):
            return self.server.refusal(request)
        return self.server.handle(request)


class TestClientSecretBasic(OAuth2Conformance):
    pass


class TestRefreshToken(OAuth2Conformance):
    @cached_property
    def seed(self) -> str:
        return self.server.ledger.seed()

    def settings(self, url: str) -> Mapping[str, Any]:
        return {**super().settings(url), "grantType": "refresh_token", "refreshToken": self.seed}


class LoginConformance(OAuth2Conformance):
    """Where somebody has logged in before."""

    async def prepare(self, context: AuthContext) -> None:
        config = self.validated(self.settings(self.server.url))
        assert isinstance(config, OAuth2Config)
        async with context.tokens.locked(label_of(config, context)) as slot:
            slot.write(Token("", self.server.ledger.seed(client_id=config.client_id)))


class TestDeviceCode(LoginConformance):
    more = {**PUBLIC, "grantType": "device_code", "deviceAuthorizationEndpoint": "{url}/device"}


def test_every_installed_auth_is_tried() -> None:
    kits = [kit for name, kit in globals().items() if name.startswith("Test")]

    assert {kit.strategy.name for kit in kits} == {point.name for point in entry_points(group="penstock.auth")}
