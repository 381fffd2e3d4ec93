"""Answers that look like success and are not: never read as "no items" (connection.md C27)."""

from __future__ import annotations

from penstock.errors import ReadError
from penstock.sync.transform import Extracted, MappedItems
from penstock.values import JSON, Page, StopReason


def refuse_error_answer(page: Page, extracted: Extracted, data_path: str | None) -> None:
    """Raise when a 2xx answer says that the request failed, or shows nothing where the items should be.

    Raises:
        ReadError: ``ERROR_ANSWER`` or ``NOTHING_MATCHED``.
    """
    if not isinstance(page.body, dict) or data_path is None:
        return
    complaint = _complaint(page.body, matched=not extracted.matched_nothing)
    if complaint:
        raise ReadError(f"the answer says that the request failed: {complaint}", reason=StopReason.ERROR_ANSWER)
    if extracted.matched_nothing and page.index == 0:
        raise ReadError(
            f"{extracted.warning or 'the data path matched nothing'}; if that means an empty list, write "
            f"`{data_path} // []`",
            reason=StopReason.NOTHING_MATCHED,
        )


def refuse_unmapped_record(extracted: Extracted, mapped: MappedItems) -> None:
    """Raise when an object answer was taken for one record, for want of a data path, and is none.

    Raises:
        ReadError: ``UNEXPECTED_ITEMS``, naming the arrays that are there.
    """
    # `.id | tostring` of a missing id is the text "null"
    nameless = all(entity.identifier == "null" for entity in mapped.entities)
    if extracted.is_record and nameless and (mapped.skipped or mapped.entities):
        message = extracted.warning or "the answer is one object without an identifier; set selector.data_path"
        raise ReadError(message, reason=StopReason.UNEXPECTED_ITEMS)


def _complaint(body: dict[str, JSON], *, matched: bool) -> str:
    """Return the part of an answer that says that it is an error, or nothing."""
    for name in ("ok", "success"):
        if body.get(name) is False:
            return _shown(name, body[name], body)
    if body.get("errors") and ("data" in body or not matched):  # a GraphQL answer may be partial
        return _shown("errors", body["errors"], {})
    if body.get("error") and not matched:
        return _shown("error", body["error"], {})
    return ""


def _shown(name: str, value: JSON, body: dict[str, JSON]) -> str:
    text = f"{name} is {str(value).lower() if isinstance(value, bool) else value!r}"
    error = body.get("error") or body.get("errors") or body.get("message")
    return (f"{text}, {error!r}" if error else text)[:300]
