"""Answers that look like success and are not: never read as "no items" (connection.md C27)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from penstock.config.models import RequestSpec, Resource
from penstock.errors import ExpressionRuntimeError, ReadError
from penstock.expressions import Expression
from penstock.http.documents import shorten
from penstock.http.outgoing import to_json
from penstock.sync.read import ReadPage
from penstock.sync.source import Source
from penstock.sync.transform import Extracted, MappedItems, source_path
from penstock.values import JSON, Page, StopReason

_SHOWN: Final = 300
_FAILURES: Final = frozenset({"error", "fail", "failed", "failure"})
_NO_ERROR: Final = frozenset({"", "0", "false", "none", "null", "ok"})
"""Texts that some APIs write where there is no error."""
WORDS_OF_ERRORS: Final = frozenset(
    {
        *("ok", "success", "error", "errors", "status", "code", "message", "msg", "detail", "details", "reason"),
        *("error_code", "error_description", "error_message", "errorCode", "errorMessage", "statusCode", "timestamp"),
        *("path", "request_id", "requestId", "trace_id", "documentation_url"),
    }
)
"""Members of an error's answer: a record has others."""


class AnswerCheck:
    """Finds the answers to one request that say that it failed, or show nothing where the items should be."""

    def __init__(self, spec: RequestSpec, data_path: str | None, source: Source) -> None:
        self._data_path = data_path
        self._fail_when = None if spec.fail_when is None else source.evaluator.compile(spec.fail_when)
        self._redactor = source.client.redactor

    async def check(self, read: ReadPage) -> None:
        """Raise when a 2xx answer is none.

        Raises:
            ReadError: ``ERROR_ANSWER``, ``NOTHING_MATCHED``, for an empty answer amid a list ``UNREADABLE_ANSWER``, or
                ``EXPRESSION_FAILED`` where ``fail_when`` cannot tell.
        """
        page, extracted = read.page, read.extracted
        if page.index and page.status == HTTPStatus.OK and not read.response.content.strip():
            message = f"page {page.index + 1} is empty: neither a list nor 204 No Content, as the end would be"
            raise ReadError(message, reason=StopReason.UNREADABLE_ANSWER)
        if self._fail_when is not None and await _holds(self._fail_when, page):
            message = f"the answer is an error by fail_when `{self._fail_when.text}`: {self._told(_said(page.body))}"
            raise ReadError(message, reason=StopReason.ERROR_ANSWER)
        if not isinstance(page.body, dict):
            return
        if _complains(page.body, extracted, self._data_path):
            message = f"the answer says that the request failed: {self._told(_said(page.body))}"
            raise ReadError(message, reason=StopReason.ERROR_ANSWER)
        if extracted.matched_nothing and not (page.index and self._has_start_of_path(page.body)):
            raise ReadError(
                f"{extracted.warning or 'the data path matched nothing'}; if that means an empty list, write "
                f"`{self._data_path} // []`",
                reason=StopReason.NOTHING_MATCHED,
            )

    def _has_start_of_path(self, body: dict[str, JSON]) -> bool:
        """Whether the answer at least has the key that the data path begins with: ``{"users": null}`` for ``.users``.

        That is how some APIs write an empty list; an error's answer has other keys.
        """
        return any(name in body for name in source_path(self._data_path or ".")[:1])

    def _told(self, what: JSON) -> str:
        # redacted before it is cut: a secret that is cut in two would not be found
        return shorten(self._redactor()(to_json(what).decode()), _SHOWN)


def proves_nothing(read: ReadPage) -> str:
    """Return why an answer without items is no proof that there are none; empty where it may be one.

    No body at all counts as "no items" (connection.md section 4), and with any status but 204 No Content may also be
    what a broken server or proxy sends.
    """
    if read.page.status == HTTPStatus.NO_CONTENT or read.response.content.strip():
        return ""
    return (
        f"the answer is {read.page.status} without a body, which counts as no items and proves nothing: "
        "what was read here before stays; 204 No Content or an empty list would say that it is gone"
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


async def _holds(fail_when: Expression, page: Page) -> bool:
    try:
        result = await fail_when.first_async(page.to_json())
    except ExpressionRuntimeError as error:
        message = f"fail_when `{fail_when.text}` failed: {error}"
        raise ReadError(message, reason=StopReason.EXPRESSION_FAILED) from error
    if not isinstance(result, bool | None):
        message = f"fail_when `{fail_when.text}` gave {to_json(result).decode()}; it must give true, false or null"
        raise ReadError(shorten(message, _SHOWN), reason=StopReason.EXPRESSION_FAILED)
    return bool(result)


def _complains(body: dict[str, JSON], extracted: Extracted, data_path: str | None) -> bool:
    """Whether an answer says of itself that it is an error."""
    failed = any(body.get(name) is False for name in ("ok", "success"))
    errors, error = (not _is_none(body.get(name)) for name in ("errors", "error"))
    if extracted.is_record and body.keys() <= WORDS_OF_ERRORS:
        return failed or errors or error
    if data_path is None:  # a record may have members of these names
        return False
    if failed or (errors and "data" in body):  # a GraphQL answer may be partial
        return True
    return not extracted.items and (errors or error or _is_failure(body.get("status")))


def _is_failure(status: JSON) -> bool:
    return isinstance(status, str) and status.lower() in _FAILURES


def _is_none(error: JSON) -> bool:
    """Whether a member called ``error`` says that there is none."""
    if isinstance(error, str):
        return error.lower() in _NO_ERROR
    return not (any(error.values()) if isinstance(error, dict) else error)


def _said(body: JSON) -> JSON:
    """Return what an answer says of an error, without all the rest of it."""
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name in WORDS_OF_ERRORS} or body
