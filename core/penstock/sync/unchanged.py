"""Pages that need not be sent again: asked for by the validator that the source gave with them (RFC 9110, section 13).

What a page gave is in the journal while the catalog has it (``penstock.journal.validators``), so that an answer "not
modified" has seen all of it, and says what comes next. Nothing of the answers themselves is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Final

import httpx

from penstock.http.client import ApiRequest, ApiResponse
from penstock.http.moments import date_in
from penstock.journal import Journal
from penstock.journal.validators import KnownPage, Validator
from penstock.sync.heard import Heard
from penstock.sync.read import ReadPage, Recall
from penstock.sync.requests import canonical
from penstock.values import Entity, PageRequest, Stop

FRESH: Final = timedelta(days=1)
"""How long a page is asked for by its validator before it is read whole again: what somebody has changed in the catalog
meanwhile, or a source that tells its states apart badly has hidden, is put right after that."""
_LONGEST: Final = 512
_STRONG_AFTER: Final = 60.0
"""Seconds by which an answer must be younger than its ``Last-Modified``: that counts in whole seconds, and a page that
changes twice within one has the same."""
_CONDITIONS: Final = ("if-none-match", "if-modified-since")


class UnchangedPages:
    """Recalls the pages of one resource, and says which are worth remembering.

    Args:
        journal: Where they are kept.
        reveals: Whether a text holds a secret.
        now: When the run began.
    """

    def __init__(self, journal: Journal, reveals: Callable[[str], bool], now: datetime) -> None:
        self._journal = journal
        self._reveals = reveals
        self._now = now

    def of(self, partition: int) -> Recall:
        """Return what recalls the pages of a partition."""

        def recall(index: int, page: PageRequest, request: ApiRequest) -> KnownPage | None:
            known = self._journal.validators.find(partition, index)
            if known is None or not timedelta() <= self._now - known.read_at < FRESH:
                return None
            return known if known.request == _digest(page, request) else None

        return recall

    def worth_keeping(
        self, read: ReadPage, decision: PageRequest | Stop, entities: Sequence[Entity]
    ) -> KnownPage | None:
        """Return what is to be remembered of a page; None where the source gives no validator that will do."""
        validator = _validator(read.response)
        if validator is None or not _takes_conditions(read.sent) or not _is_end(decision):
            return None
        known = KnownPage(
            _digest(read.page.request, read.sent),
            validator,
            decision,
            [(entity.blueprint, entity.identifier) for entity in entities],
            datetime.now(UTC),
            _led_by(read),
        )
        names = "\n".join(f"{blueprint} {identifier}" for blueprint, identifier in known.keys)
        return None if self._reveals("\n".join([*validator, known.decided(), names])) else known


def _is_end(decision: PageRequest | Stop) -> bool:
    """Whether a page was read well: more follows, or there is nothing more."""
    return isinstance(decision, PageRequest) or decision.reason.complete


def _led_by(read: ReadPage) -> dict[str, str]:
    """Return what the pagination looked up among the headers."""
    asked = read.page.headers.asked if isinstance(read.page.headers, Heard) else ()
    return {name: read.response.headers.get(name, "") for name in sorted(asked)}


def _takes_conditions(request: ApiRequest) -> bool:
    """Whether a request may have conditions, and has none by the mapping."""
    has = any(name.lower() in _CONDITIONS for name in request.headers)
    return request.method == "GET" and request.body is None and not has


def _digest(page: PageRequest, request: ApiRequest) -> bytes:
    """Return a digest of a request, and of what the pagination knows when it asks: the decision follows from both."""
    asked = (request.method, request.url, dict(request.headers), request.body)
    return sha256(canonical((asked, page.params, page.body, page.headers, page.url, page.state))).digest()


def _validator(response: ApiResponse) -> Validator | None:
    headers = response.headers
    if response.status != HTTPStatus.OK or "*" in headers.get("vary", "") or "no-store" in _cache_control(headers):
        return None
    etag = headers.get("etag", "")
    if etag:
        return Validator(etag) if _is_sendable(etag) else None
    last_modified = headers.get("last-modified", "")
    changed, said = date_in(last_modified), date_in(headers.get("date", ""))
    if changed is None or said is None or said - changed < _STRONG_AFTER or not _is_sendable(last_modified):
        return None
    return Validator("", last_modified)


def _cache_control(headers: httpx.Headers) -> str:
    return str(headers.get("cache-control", "")).lower()


def _is_sendable(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= _LONGEST
