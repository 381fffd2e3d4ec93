"""Reading what a token endpoint answers: every failure names endpoint, status, content type and what was there."""

from __future__ import annotations

import math
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


def read_answer(response: httpx.Response) -> JSON:
    """Return the JSON of a token endpoint's answer: an object, a list or a text that is not empty.

    Raises:
        CredentialsRefusedError: The endpoint refuses the credentials.
        AuthError: It answers with an error, or with something that holds no token.
    """
    document = _success(response)
    if isinstance(document, dict):
        return _not_empty(document, response)
    if not document or not isinstance(document, str | list):
        message = f"{what(response)}: expected JSON that holds a token"
        raise AuthError(message)
    return document


def read_token_answer(response: httpx.Response) -> dict[str, JSON]:
    """Return the JSON object of a token endpoint's answer, which is not empty.

    Raises:
        CredentialsRefusedError: The endpoint refuses the credentials.
        AuthError: It answers with an error, or with something that is no such object.
    """
    document = _success(response)
    if not isinstance(document, dict):
        instead = f"; {keys_of(document)}" if isinstance(document, str | list) else ""
        message = f"{what(response)}: expected a JSON object that holds a token{instead}"
        raise AuthError(message)
    return _not_empty(document, response)


def lifetime(value: JSON) -> float | None:
    """Return the seconds that ``expires_in`` promises, a number or its text; None where it promises nothing.

    Zero and less are what some servers say of tokens that do not expire; of one that is dead after all, a 401 tells.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def what(response: httpx.Response) -> str:
    """Return ``POST https://id.test/token: 200 OK (text/html)``."""
    content_type = response.headers.get("content-type", "no content type") if response.content else "empty answer"
    place = response.request.url.copy_with(query=None, userinfo=b"")
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return f"{response.request.method} {place}: {status} ({content_type})"


def keys_of(document: JSON | Mapping[str, JSON]) -> str:
    """Return the top-level names of an answer, never its values."""
    if isinstance(document, Mapping):
        return shortened(f"the answer has {', '.join(sorted(document)) or 'nothing'}")
    return f"the answer is {'a list' if isinstance(document, list) else 'a text'}"


def error_code(document: JSON | Mapping[str, JSON]) -> str:
    """Return the ``error`` of an OAuth error answer (RFC 6749 section 5.2), or nothing."""
    code = document.get("error") if isinstance(document, Mapping) else None
    return code if isinstance(code, str) else ""


def error_of(response: httpx.Response) -> str:
    """Return the ``error`` of an answer, whatever its status, or nothing: some refuse with 200."""
    return error_code(_json(response))


def _json(response: httpx.Response) -> JSON:
    try:
        return cast("JSON", response.json())
    except ValueError:
        return None


def shortened(text: str, characters: int = _LONGEST) -> str:
    """Return the text, cut where it is long: by the dots redaction, too, sees that a secret may have been cut."""
    return text if len(text) <= characters else f"{text[:characters]}…"


def _said(document: JSON) -> str:
    code = error_code(document)
    if not isinstance(document, dict) or not code:
        return ""
    description = document.get("error_description")
    text = f": {code}: {description}" if isinstance(description, str) and description else f": {code}"
    return shortened(text)


def _success(response: httpx.Response) -> JSON:
    """Return the answer's JSON, null where it is none; raise what it says is wrong."""
    document = _json(response)
    if not response.is_success or error_code(document):  # some answer 200 to a refusal
        refused = response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        kind = CredentialsRefusedError if refused or error_code(document) in _REFUSED else AuthError
        raise kind(f"{what(response)}{_said(document)}")
    return document


def _not_empty(document: dict[str, JSON], response: httpx.Response) -> dict[str, JSON]:
    if not document:
        message = f"{what(response)}: the answer is an empty object"
        raise AuthError(message)
    return document
