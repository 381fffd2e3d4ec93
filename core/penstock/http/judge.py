"""``rateLimitWhen``: the user's word on which answers are rate limits, whatever their status."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import httpx

from penstock.errors import ExpressionRuntimeError, ReadError
from penstock.expressions import Expression
from penstock.http.documents import DocumentError, decode
from penstock.values import JSON, StopReason

Judge: TypeAlias = Callable[[httpx.Response, bytes], bool]
"""Says whether an answer, its body read, is a rate limit; raises ``JudgementError`` where that cannot be told."""


class JudgementError(ReadError):
    """``rateLimitWhen`` failed on an answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=StopReason.EXPRESSION_FAILED)


def judge_by(expression: Expression) -> Judge:
    """Return what evaluates ``rateLimitWhen`` on ``{status, headers, body}``.

    Header names are in lower case; ``body`` is null where it is no JSON. The event loop waits meanwhile, on purpose: no
    other request may begin before it is known whether one may.
    """

    def judge(response: httpx.Response, content: bytes) -> bool:
        try:
            result = expression.first(_seen(response, content))
        except ExpressionRuntimeError as error:
            raise JudgementError(f"rateLimitWhen `{expression.text}` failed: {error}") from error
        if not isinstance(result, bool | None):
            raise JudgementError(f"rateLimitWhen `{expression.text}` gave {result!r}; it must give true, false or null")
        return bool(result)

    return judge


def _seen(response: httpx.Response, content: bytes) -> JSON:
    headers: dict[str, JSON] = {name.lower(): value for name, value in response.headers.items()}
    try:
        body = decode(content, url="", content_type=response.headers.get("content-type", ""))
    except DocumentError:
        body = None
    return {"status": response.status_code, "headers": headers, "body": body}
