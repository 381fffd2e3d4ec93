"""Reading what a token endpoint answers: every failure names endpoint, status, content type and what was there."""

from __future__ import annotations

from collections.abc import Mapping
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
    document = _object(response)
    if not response.is_success:
        refused = response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        kind = CredentialsRefusedError if refused or error_code(document) in _REFUSED else AuthError
        raise kind(f"{what(response)}{_said(document)}")
    if document is None:
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


def keys_of(document: Mapping[str, JSON]) -> str:
    """Return the top-level names of an answer, never its values."""
    return f"the answer has {', '.join(sorted(document)) or 'nothing'}"[:_LONGEST]


def error_code(document: Mapping[str, JSON] | None) -> str:
    """Return the ``error`` of an OAuth error answer (RFC 6749 section 5.2), or nothing."""
    code = document.get("error") if document else None
    return code if isinstance(code, str) else ""


def error_of(response: httpx.Response) -> str:
    """Return the ``error`` of an answer, whatever its status, or nothing: some refuse with 200."""
    return error_code(_object(response))


def _said(document: Mapping[str, JSON] | None) -> str:
    code = error_code(document)
    if not document or not code:
        return ""
    description = document.get("error_description")
    text = f": {code}: {description}" if isinstance(description, str) and description else f": {code}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"  # what is cut off is seen to be, by redaction too


def _object(response: httpx.Response) -> dict[str, JSON] | None:
    try:
        document = cast("object", response.json())
    except ValueError:
        return None
    return cast("dict[str, JSON]", document) if isinstance(document, dict) else None
