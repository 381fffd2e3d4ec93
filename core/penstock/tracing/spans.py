"""Spans as we write them: what an error says has no secrets, and no stack, which could hold some."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from penstock.tracing.words import Words


class Spans:
    """Opens the spans of one run.

    Args:
        tracer: Of the library.
        words: What makes a text fit to be shown.
    """

    def __init__(self, tracer: Tracer, words: Words) -> None:
        self.tracer = tracer
        self.words = words

    @contextmanager
    def span(
        self, name: str, attributes: Mapping[str, str | int], kind: SpanKind = SpanKind.INTERNAL
    ) -> Generator[Span]:
        """Have a span around a block, below the one that is current; an exception is its status, and goes on."""
        with self.tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                self.failed(span, error)
                raise

    def failed(self, span: Span, error: BaseException) -> None:
        """Tell that an exception ended what a span stands for."""
        span.set_attribute("error.type", type(error).__qualname__)
        self.wrong(span, str(error))

    def wrong(self, span: Span, message: str) -> None:
        """Tell what went wrong."""
        span.set_status(Status(StatusCode.ERROR, self.words(message)))
