"""Reading what a token endpoint answers: every failure names endpoint, status, content type and what was there."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, cast

import httpx

from penstock import JSON
from penstock.errors import AuthError, CredentialsRefusedError

_REFUSED: Final = frozenset(
    {"invalid_client", "invalid_grant", "unauthorized_client", "access_denied", "invalid_scope", "invalid_target"}
)
"""RFC 6749 section 5.2, RFC 8693 section 2.2.2: what asking again does not mend."""
_LONGEST: Final = 300


def read_token_answer(response: httpx.Response) -> dict[str, JSON]:
    """Return the JSON object of a token endpoint's answer, which is not empty.

    Raises:
        CredentialsRefusedError: The endpoint refuses the credentials.
        AuthError: It answers with an error, or with something that is no such object.
    """
    document = _document(response)
    if not response.is_success:
        refused = response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        kind = CredentialsRefusedError if refused or error_code(document) in _REFUSED else AuthError
        raise kind(f"{what(response)}{_said(document)}")
    if not isinstance(document, dict):
        message = f"{what(response)}: expected a JSON object that holds a token"
        raise AuthError(message)
    if isinstance(document.get("error"), str):  # some answer 200 to a refusal
        kind = CredentialsRefusedError if error_code(document) in _REFUSED else AuthError
        raise kind(f"{what(response)}{_said(document)}")
    if not document:
        message = f"{what(response)}: the answer is an empty object"
        raise AuthError(message)
    return document


def what(response: httpx.Response) -> str:
    """Return ``POST https://id.test/token: 200 OK (text/html)``."""
    content_type = response.headers.get("content-type", "no content type") if response.content else "empty answer"
    place = response.request.url.copy_with(query=None, userinfo=b"")
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return f"{response.request.method} {place}: {status} ({content_type})"


def keys_of(document: dict[str, JSON]) -> str:
    """Return the top-level names of an answer, never its values."""
    return f"the answer has {', '.join(sorted(document)) or 'nothing'}"[:_LONGEST]


def error_code(document: object) -> str:
    """Return the ``error`` of an OAuth error answer (RFC 6749 section 5.2), or nothing."""
    if not isinstance(document, dict):
        return ""
    code = cast("dict[str, object]", document).get("error")
    return code if isinstance(code, str) else ""


def _said(document: object) -> str:
    code = error_code(document)
    if not code:
        return ""
    description = cast("dict[str, object]", document).get("error_description")
    text = f": {code}: {description}" if isinstance(description, str) and description else f": {code}"
    return text[:_LONGEST]


def _document(response: httpx.Response) -> object:
    try:
        return cast("object", response.json())
    except ValueError:
        return None
