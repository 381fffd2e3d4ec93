"""What every auth must do, tried with ours: ``pytest`` and ``penstock plugins check`` run it."""

from __future__ import annotations

import itertools
import json

from penstock.testing import AuthConformance, Received, Reply

from penstock_nonce_hmac import NonceHmac, signature

SECRET = "a-secret-of-the-test"


class NonceHmacCase(AuthConformance):
    """An API with a nonce service, which checks every signature."""

    strategy = NonceHmac
    config = {"nonceHmacKeyId": "reader", "nonceHmacSecret": SECRET}

    _numbers = itertools.count(1)

    def answer(self, request: Received) -> Reply | None:
        """Hand out nonces, and refuse what is not signed."""
        if request.path == "/nonces":
            known = json.loads(request.body) == {"keyId": "reader"}
            return Reply({"nonce": f"nonce-{next(self._numbers):06}", "expires_in": 300}) if known else Reply({}, 403)
        return None if is_signed(request) else Reply({"error": "signature"}, 401)

    def credential(self, request: Received) -> str:
        """Return what expires: the nonce."""
        return str(request.headers["X-Nonce"])


def is_signed(request: Received) -> bool:
    """Whether an API would take this request for ours."""
    nonce, count, given = (str(request.headers[name] or "") for name in ("X-Nonce", "X-Count", "X-Signature"))
    target = request.target.encode()
    return given == signature(SECRET.encode(), nonce, count, request.method, target, request.body)
