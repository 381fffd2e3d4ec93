"""What tests of ``authType: oauth2`` share: clients, their keys, and settings that suit them."""

from __future__ import annotations

from typing import Any, Final

from support.authenticating import chosen
from support.authorization_ledger import Client, public_jwk
from support.authorization_server import Identity
from support.keys import RSA, jwk, pem

SECRET: Final = "s3cret-of-penstock"
LONG_SECRET: Final = "s3cret-that-is-long-enough-to-sign-with"
PEM: Final = pem(RSA)
PUBLIC: Final = public_jwk(jwk(RSA))
CLIENTS: Final = (
    Client(secret=SECRET),
    Client("penstock-form", SECRET, "client_secret_post"),
    Client("penstock-key", auth_method="private_key_jwt", public_key={**PUBLIC, "kid": "2026-01"}),
    Client("penstock-hmac", LONG_SECRET, "client_secret_jwt"),
    Client("penstock-public", auth_method="none"),
    Client("penstock@acme.iam.test", auth_method="none", public_key=PUBLIC),
)


def oauth2(server: Identity, **settings: Any) -> Any:  # noqa: ANN401 - an auth with its settings
    """Return the auth for a server; a client with a secret unless the settings say otherwise."""
    usual = {"tokenEndpoint": server.token_endpoint, "clientId": "penstock", "clientSecret": SECRET}
    return chosen("oauth2", {name: value for name, value in (usual | settings).items() if value is not None})
