"""A real authorization server (authlib's) on a loopback socket, and an API that takes its tokens, for tests."""

# pyright: basic
# mypy: allow-untyped-calls
# The stubs of authlib leave half of the types of its server side open.

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from time import time
from typing import Any, cast
from urllib.parse import parse_qs

import httpx
from authlib.oauth2 import AuthorizationServer, OAuth2Error, ResourceProtector
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge

from support import authorization_grants as ours
from support.authorization_ledger import Client, Grant, Issued, Ledger, Rotation
from support.project import user
from support.server import Handler, Received, Reply, serve

USERS = {"users": [user(1), user(2)]}


class Identity:
    """A running authorization server with an API; what it does can be changed at any time.

    ``POST /token``, ``GET /authorize``, ``POST /device``, both metadata documents, and everything below ``/api``, which
    wants one of its tokens.
    """

    def __init__(self, *clients: Client, rotation: Rotation = Rotation.SINGLE_USE, issuer_path: str = "") -> None:
        registered = clients or (Client(),)
        self.ledger = Ledger({client.client_id: client for client in registered}, rotation)
        self.issuer_path = issuer_path
        self.received: list[Received] = []
        """Every request, in order."""
        self.token_requests: list[Received] = []
        self.faults: deque[Handler] = deque()
        """Each answers one token request in the server's place."""
        self.after: Callable[[dict[str, Any]], object] = lambda answer: answer
        """What becomes of an answer that holds a token."""
        self.metadata: Callable[[dict[str, Any]], object] = lambda document: document
        """What becomes of the metadata document."""
        self.well_known = frozenset({"oauth-authorization-server", "openid-configuration"})
        """The metadata documents there are."""
        self.consents = True
        """Whether ada grants what an application asks her for in the browser."""
        self.api: Handler = lambda _: Reply(USERS)
        """What answers a request below ``/api`` that carries a good token."""
        self.url = ""
        self._lock = threading.RLock()
        self._authlib = _Server(self)
        self._guard = ResourceProtector()
        self._guard.register_token_validator(ours.Bearer(self.ledger))

    @property
    def issuer(self) -> str:
        return f"{self.url}{self.issuer_path}"

    @property
    def token_endpoint(self) -> str:
        return f"{self.url}/token"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def forms(self) -> list[dict[str, str]]:
        """Return the parameters of every token request, the last of each name."""
        return [_form(request) for request in self.token_requests]

    def approve(self, user_code: str) -> None:
        """Let ada type a user code in, and agree."""
        self.ledger.verdicts[user_code] = ("ada", True)

    def deny(self, user_code: str) -> None:
        """Let ada type a user code in, and refuse."""
        self.ledger.verdicts[user_code] = ("ada", False)

    def expire_tokens(self) -> None:
        """Make every access token invalid."""
        with self._lock:
            for issued in self.ledger.issued:
                issued.expires_at = 0.0

    def handle(self, request: Received) -> Reply:
        """Answer any request."""
        if request.path == "/token":
            self.token_requests.append(request)
            if self.faults:
                return self.faults.popleft()(request)
        with self._lock:
            reply = self._answer(request)
        return self.api(request) if reply is None else reply

    def _answer(self, request: Received) -> Reply | None:
        """Answer; None: the API may."""
        if request.path.startswith("/api/"):
            return self.refusal(request)
        if document := self._metadata_for(request.path):
            return Reply(self.metadata(document))
        answers = {"/token": self._token, "/authorize": self._authlib.authorize, "/device": self._authlib.device}
        answer = answers.get(request.path)
        return answer(request) if answer else Reply({"error": "not_found"}, 404)

    def _token(self, request: Received) -> Reply:
        reply = cast("Reply", self._authlib.create_token_response(request))
        return Reply(self.after(cast("dict[str, Any]", reply.body))) if reply.status == 200 else reply

    def refusal(self, request: Received) -> Reply | None:
        """Return how a request without a good token is refused; None where it has one."""
        try:
            self._guard.validate_request(None, _Request(request))
        except OAuth2Error as error:
            return self._authlib.refuse(error)
        return None

    def _metadata_for(self, path: str) -> dict[str, Any] | None:
        places = {
            f"/.well-known/oauth-authorization-server{self.issuer_path}": "oauth-authorization-server",  # RFC 8414, 3.1
            f"{self.issuer_path}/.well-known/openid-configuration": "openid-configuration",
        }
        if places.get(path) not in self.well_known:
            return None
        return {
            "issuer": self.issuer,
            "token_endpoint": self.token_endpoint,
            "authorization_endpoint": f"{self.url}/authorize",
            "device_authorization_endpoint": f"{self.url}/device",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }


class _Payload(OAuth2Payload):
    def __init__(self, lists: dict[str, list[str]]) -> None:
        self._lists = lists

    @property
    def data(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self._lists.items()}

    @property
    def datalist(self) -> dict[str, list[Any]]:
        return self._lists


class _Request(OAuth2Request):
    """A request as authlib wants it: TLS, it is told, ended on the way."""

    def __init__(self, request: Received) -> None:
        super().__init__(
            request.method, f"https://auth.test{request.target}", headers=httpx.Headers(request.headers.items())
        )
        self._form = parse_qs(request.body.decode(), keep_blank_values=True)
        self.payload = _Payload({**request.query, **self._form})

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self._form.items()}


class _Server(AuthorizationServer):
    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._identity = identity
        self.register_token_generator("default", BearerTokenGenerator(ours.new_token, ours.new_token, self._life))
        for grant in (
            ours.ClientCredentials,
            ours.Password,
            ours.RefreshToken,
            ours.DeviceCode,
            ours.JwtBearer,
            ours.TokenExchange,
        ):
            self.register_grant(grant)
        self.register_grant(ours.AuthorizationCode, [CodeChallenge(required=True)])
        self.register_endpoint(ours.DeviceAuthorization)  # type: ignore[arg-type]
        for assertion in (ours.PrivateKeyJwt(self), ours.ClientSecretJwt(self)):
            self.register_client_auth_method(assertion.CLIENT_AUTH_METHOD, assertion)

    @property
    def ledger(self) -> Ledger:
        return self._identity.ledger

    @property
    def audiences(self) -> list[str]:
        return [self._identity.token_endpoint, self._identity.issuer]

    @property
    def verification_uri(self) -> str:
        return f"{self._identity.url}/activate"

    def authorize(self, request: Received) -> Reply:
        subject = "ada" if self._identity.consents else None
        try:
            grant = self.get_consent_grant(request, end_user=subject)
        except OAuth2Error as error:
            return self.refuse(error)
        return cast("Reply", self.create_authorization_response(grant.request, grant_user=subject, grant=grant))

    def device(self, request: Received) -> Reply:
        return cast("Reply", self.create_endpoint_response("device_authorization", request))

    def refuse(self, error: OAuth2Error) -> Reply:
        return self.handle_response(*error(None))

    def query_client(self, client_id: str) -> Client | None:  # type: ignore[override]
        return self.ledger.clients.get(client_id)  # the stub forgets that there may be none

    def save_token(self, token: dict[str, str | int], request: OAuth2Request) -> None:
        parent = cast("Issued | None", request.refresh_token)
        if request.credential is not None:
            del self.ledger.devices[request.credential["device_code"]]
        client_id = request.client.get_client_id() if request.client else ""
        self.ledger.issued.append(
            Issued(
                access_token=str(token["access_token"]),
                refresh_token=str(token.get("refresh_token", "")),
                scope=str(token.get("scope", "")),
                expires_at=time() + int(token["expires_in"]) if "expires_in" in token else None,
                grant=parent.grant if parent else Grant(client_id, str(request.user or client_id)),
                parent=parent,
            )
        )

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Received) -> OAuth2Request:
        return _Request(request)

    def handle_response(self, status: int, body: Any, headers: Iterable[tuple[str, str]] | Mapping[str, str]) -> Reply:  # noqa: ANN401
        return Reply(body if isinstance(body, dict) else str(body).encode(), status, dict(headers))

    def _life(self, client: object, grant_type: str) -> int:
        del client, grant_type
        return self.ledger.token_life


def _form(request: Received) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.body.decode(), keep_blank_values=True).items()}


@contextmanager
def identity(*clients: Client, rotation: Rotation = Rotation.SINGLE_USE, issuer_path: str = "") -> Generator[Identity]:
    """Run an authorization server for the length of a ``with`` block; without clients it knows ``Client()``."""
    server = Identity(*clients, rotation=rotation, issuer_path=issuer_path)
    with serve(server.handle) as http:
        server.url, server.received = http.url, http.received
        yield server
