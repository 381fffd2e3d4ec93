"""Answers that look like success and are not: never read as "no items" (connection.md C27)."""

from __future__ import annotations

from http import HTTPStatus

from penstock.config.models import Resource
from penstock.errors import ReadError
from penstock.sync.read import ReadPage
from penstock.sync.transform import Extracted, MappedItems, source_path
from penstock.values import JSON, StopReason


def refuse_error_answer(read: ReadPage, data_path: str | None) -> None:
    """Raise when a 2xx answer says that the request failed, or shows nothing where the items should be.

    Raises:
        ReadError: ``ERROR_ANSWER``, ``NOTHING_MATCHED`` or, for an empty answer amid a list, ``UNREADABLE_ANSWER``.
    """
    page, extracted = read.page, read.extracted
    if page.index and page.status == HTTPStatus.OK and not read.response.content.strip():
        message = f"page {page.index + 1} is empty: neither a list nor 204 No Content, as the end would be"
        raise ReadError(message, reason=StopReason.UNREADABLE_ANSWER)
    if not isinstance(page.body, dict) or data_path is None:
        return
    complaint = _complaint(page.body, extracted)
    if complaint:
        raise ReadError(f"the answer says that the request failed: {complaint}", reason=StopReason.ERROR_ANSWER)
    if extracted.matched_nothing and not (page.index and _has_start_of(data_path, page.body)):
        raise ReadError(
            f"{extracted.warning or 'the data path matched nothing'}; if that means an empty list, write "
            f"`{data_path} // []`",
            reason=StopReason.NOTHING_MATCHED,
        )


def refuse_unmapped_record(extracted: Extracted, mapped: MappedItems, resource: Resource) -> None:
    """Raise when an object answer was taken for one record, for want of a data path, and is none.

    Raises:
        ReadError: ``UNEXPECTED_ITEMS``, naming the arrays that are there.
    """
    # `.id | tostring` of a missing id is the text "null"
    nameless = all(entity.identifier == "null" for entity in mapped.entities)
    unasked = resource.data_path is None and resource.items_to_parse is None and mapped.filtered
    if extracted.is_record and nameless and (mapped.skipped or mapped.entities or unasked):
        message = extracted.warning or "the answer is one object without an identifier; set selector.data_path"
        raise ReadError(message, reason=StopReason.UNEXPECTED_ITEMS)


def _has_start_of(data_path: str, body: dict[str, JSON]) -> bool:
    """Whether the answer at least has the key that the data path begins with, as ``{"users": null}`` for ``.users``.

    That is how some APIs write an empty list; an error's answer has other keys.
    """
    return any(name in body for name in source_path(data_path)[:1])


def _complaint(body: dict[str, JSON], extracted: Extracted) -> str:
    """Return the part of an answer that says that it is an error, or nothing."""
    for name in ("ok", "success"):
        if body.get(name) is False:
            return _shown(name, body[name], body)
    if body.get("errors") and ("data" in body or not extracted.items):  # a GraphQL answer may be partial
        return _shown("errors", body["errors"], {})
    if body.get("error") and not extracted.items:
        return _shown("error", body["error"], {})
    return ""


def _shown(name: str, value: JSON, body: dict[str, JSON]) -> str:
    text = f"{name} is {str(value).lower() if isinstance(value, bool) else value!r}"
    error = body.get("error") or body.get("errors") or body.get("message")
    return (f"{text}, {error!r}" if error else text)[:300]
