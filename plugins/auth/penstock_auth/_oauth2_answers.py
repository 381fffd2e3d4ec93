"""From the answer of a token endpoint to a token (RFC 6749 section 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from penstock import JSON, Token
from penstock.errors import AuthError
from penstock_auth._answers import keys_of, lifetime, shortened

_BEARERS: Final = frozenset({"", "bearer", "bearertoken", "na"})
"""Token types, letters only, that are sent as bearer tokens; N_A is what RFC 8693 section 2.2.1 has for others."""
_LONGEST_TYPE: Final = 40


def token_of(answer: Mapping[str, JSON], *, now: float, where: str, path: str = "access_token") -> Token:
    """Return what was granted.

    Args:
        answer: The JSON object, success already established.
        now: When it came, in seconds since the epoch.
        where: What answered, for messages.
        path: Dot path to the token.

    Raises:
        AuthError: There is no token, or none that can be sent as a bearer token.
    """
    token = _at(answer, path)
    if not isinstance(token, str) or not token:
        message = f"{where}: there is no text at {path}; {keys_of(answer)}"
        raise AuthError(message)
    _check_type(answer.get("token_type"), where)
    life = lifetime(answer.get("expires_in"))
    refresh, scope = answer.get("refresh_token"), answer.get("scope")
    return Token(
        access_token=token,
        refresh_token=refresh if isinstance(refresh, str) else "",
        expires_at=None if life is None else now + life,
        scope=scope if isinstance(scope, str) else "",
    )


def _at(answer: Mapping[str, JSON], path: str) -> JSON:
    """Return what a dot path leads to; a name that contains dots is tried first (connection.md 6)."""
    if path in answer:
        return answer[path]
    value: JSON = cast("dict[str, JSON]", answer)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _check_type(value: JSON, where: str) -> None:
    """Refuse a token that only somebody who holds a key can use (RFC 6749 section 7.1)."""
    name = value if isinstance(value, str) else ""
    if "".join(filter(str.isalpha, name.lower())) not in _BEARERS:
        message = f'{where}: the token is of type "{shortened(name, _LONGEST_TYPE)}"; oauth2 sends bearer tokens only'
        raise AuthError(message)
