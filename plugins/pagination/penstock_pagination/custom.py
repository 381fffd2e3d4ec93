"""``paginationType: custom``: the next request and the end as jq expressions."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, field_validator

from penstock import JSON, Page, PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl
from penstock.errors import ExpressionRuntimeError, ExpressionSyntaxError, ReadError
from penstock.expressions import Expression, JqText, check_expression, compile_expression
from penstock_pagination.results import kind_of, to_request


class CustomConfig(PluginConfig):
    """Settings of ``paginationType: custom``.

    ``paginationNext`` and ``paginationStop`` are evaluated on each page, as the object
    ``{request: {params, body, headers, url, state}, response: {status, headers, body}, items, page}``: ``request``
    holds what was asked for beyond the resource's own request, header names are in lower case, ``items`` is what the
    data path gave (null where the answer is itself the one record), ``page`` counts from 0.
    """

    pagination_next: JqText = Field(
        description="jq expression of the next request, on {request, response, items, page}: an object with any of "
        "params, body, headers, url (a link to follow) and state (anything; the next page finds it in .request.state), "
        "or null when there is no next page"
    )
    pagination_stop: JqText | None = Field(
        default=None,
        description="jq expression on {request, response, items, page}; true after the last page, false or null before",
    )
    pagination_first: JqText | None = Field(
        default=None,
        description="jq expression of the first request, on null: an object as paginationNext gives it; "
        "by default the resource's own request",
    )

    @field_validator("pagination_next", "pagination_stop", "pagination_first")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                check_expression(text)
            except ExpressionSyntaxError as error:
                message = f"jq does not compile: {error}"
                raise ValueError(message) from error
        return text

    @cached_property
    def next_request(self) -> Expression:
        """``paginationNext``, compiled once."""
        return compile_expression(self.pagination_next)

    @cached_property
    def stop_condition(self) -> Expression | None:
        """``paginationStop``, compiled once."""
        return None if self.pagination_stop is None else compile_expression(self.pagination_stop)


class Custom(PaginationStrategy[CustomConfig]):
    """Paging in the user's own words, where no other type fits."""

    name = "custom"
    drifts = True  # for all anybody knows
    Config = CustomConfig

    def first(self, config: CustomConfig) -> PageRequest:
        """Evaluate ``paginationFirst``.

        Raises:
            ReadError: It fails, or gives no request.
        """
        if config.pagination_first is None:
            return PageRequest()
        expression = compile_expression(config.pagination_first)
        return to_request(_evaluate(expression, None, "paginationFirst"), "paginationFirst")

    def next(self, config: CustomConfig, page: Page) -> PageRequest | Stop:
        """Evaluate ``paginationStop``, then ``paginationNext``.

        Raises:
            ReadError: One of them fails, or gives what it must not.
        """
        situation = page.to_json()
        if config.stop_condition is not None and _holds(config.stop_condition, situation):
            return Stop(StopReason.STOP_CONDITION)
        result = _evaluate(config.next_request, situation, "paginationNext")
        if result is None:
            return Stop(StopReason.NO_MORE)
        if page.repeats_previous:
            detail = (
                "the page has the same items as one before it: the API seems to ignore what paginationNext adds to "
                "the request; mend it, or let paginationStop hold here"
            )
            return Stop(StopReason.REPEATED_PAGE, detail)
        return to_request(result, "paginationNext")


def _holds(expression: Expression, situation: JSON) -> bool:
    result = _evaluate(expression, situation, "paginationStop")
    if not isinstance(result, bool | None):
        message = f"paginationStop gave {kind_of(result)}; it must give true, false or null"
        raise ReadError(message, reason=StopReason.EXPRESSION_FAILED)
    return bool(result)


def _evaluate(expression: Expression, value: JSON, setting: str) -> JSON:
    try:
        return expression.first(value)
    except ExpressionRuntimeError as error:
        message = f"{setting} failed: {error}"
        raise ReadError(message, reason=StopReason.EXPRESSION_FAILED) from error


@hookimpl
def penstock_pagination() -> Custom:
    """Offer paging by expression."""
    return Custom()
