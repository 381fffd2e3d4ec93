"""Whether a request for a sync comes from somebody who knows the secret, and comes for the first time.

The signature is that of Port's webhooks: ``v1,`` and the base64 of HMAC-SHA256 over the text ``TIMESTAMP.BODY``, where
the timestamp is in seconds since the epoch. Both stand in headers: ``X-Port-Signature`` and ``X-Port-Timestamp``, or
the same with ``X-Penstock``.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

WINDOW: Final = 300.0
"""Seconds by which the clocks of the two may differ, the way of the request included."""
_SKEW: Final = 1.0
"""Seconds: timestamps are whole ones."""
_PREFIXES: Final = ("x-penstock", "x-port")
_LONGEST_TIMESTAMP: Final = 16


def signature(secret: SecretStr, timestamp: str, body: bytes) -> str:
    """Return what the header must hold."""
    key = secret.get_secret_value().encode()
    return "v1," + base64.b64encode(hmac.digest(key, f"{timestamp}.".encode() + body, "sha256")).decode()


class Signatures:
    """Accepts each signed request once.

    Args:
        secret: What they are signed with.
        since: When it began to listen, in seconds since the epoch: which of those before were obeyed nobody knows.
    """

    def __init__(self, secret: SecretStr, since: float) -> None:
        self._secret = secret
        self._since = since - _SKEW
        self._seen: dict[str, float] = {}
        """Signatures, and until when they would be accepted."""

    def refusal(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        """Return why a request is refused, None if it is genuine.

        Args:
            headers: Names in lower case.
            body: As it came.
            now: Seconds since the epoch.
        """
        for prefix in _PREFIXES:
            given, timestamp = headers.get(f"{prefix}-signature"), headers.get(f"{prefix}-timestamp")
            if given is not None and timestamp is not None:
                return self._refusal(given, timestamp, body, now)
        return "it is not signed: X-Penstock-Signature and X-Penstock-Timestamp are needed"

    def _refusal(self, given: str, timestamp: str, body: bytes, now: float) -> str | None:
        if not hmac.compare_digest(given.encode(), signature(self._secret, timestamp, body).encode()):
            return "its signature is wrong"
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
            return "its timestamp is not seconds since the epoch"
        if abs(now - int(timestamp)) > WINDOW:
            return f"its timestamp is more than {WINDOW:g} seconds off"
        if int(timestamp) < self._since:
            return "it was signed before the service began, and may have been obeyed then: sign it anew"
        self._seen = {seen: until for seen, until in self._seen.items() if until >= now}
        if given in self._seen:
            return "it came before"
        self._seen[given] = int(timestamp) + WINDOW
        return None
