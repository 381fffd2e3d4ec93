"""The trace of one run: a span for the command, and below it one for each kind."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Final, NamedTuple, Self

from opentelemetry import context
from opentelemetry.trace import Span, set_span_in_context, use_span

from penstock.config.models import HttpSettings
from penstock.http.wire import Wire
from penstock.strategies import Sink
from penstock.sync.observer import Instruments, Observer
from penstock.sync.report import KindReport, RunReport
from penstock.tracing.sink import TracedSink
from penstock.tracing.spans import Spans
from penstock.tracing.wire import TracedWire

_COUNTS: Final = (
    "requests",
    "pages",
    "not_modified",
    "fetched",
    "selected",
    "filtered",
    "skipped",
    "failed",
    "refused",
    "duplicates",
    "created",
    "updated",
    "unchanged",
    "deleted",
    "held",
    "kept",
    "missing",
)
"""Of a ``KindReport``."""
_SECOND: Final = 1_000_000_000


class _Begun(NamedTuple):
    span: Span
    at: int
    """Nanoseconds since 1970."""
    kind: KindReport


class RunTrace:
    """Is entered before the event loop runs, which hands on what span is current.

    Args:
        spans: Where the spans come from.
        command: What the topmost one is called.
        source: Whose run it is.
        sink: What a configuration calls the sink.
    """

    def __init__(self, spans: Spans, command: str, source: str, sink: str) -> None:
        self._spans = spans
        self._command = command
        self._source = source
        self._kinds: list[_Begun] = []
        self._entered = ExitStack()
        self._sink = sink
        self.instruments = Instruments(self._before, self._wire)

    def __enter__(self) -> Self:
        attributes = {"penstock.source": self._spans.words(self._source)}
        self._span = self._spans.tracer.start_span(self._command, attributes=attributes)
        self._entered.enter_context(use_span(self._span, record_exception=False, set_status_on_exception=False))
        self._context = context.get_current()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever span has not ended."""
        self._end_early()
        self._entered.close()

    def _before(self, sink: Sink) -> Sink:
        return TracedSink(sink, self._sink, self._spans)

    def _wire(self, settings: HttpSettings) -> Wire:
        return TracedWire(settings, self._spans)

    @contextmanager
    def mapping(self) -> Generator[None]:
        """Have a span around a block in which the catalog is asked for the mapping."""
        with self._spans.span("mapping", {"penstock.sink": self._sink}):
            yield

    def beside(self, observer: Observer) -> Observer:
        """Return an observer that hears all that this one hears, and begins a span with each kind."""
        return _KindSpans(observer, self)

    def begin(self, kind: KindReport) -> None:
        """Begin the span of a kind; whatever the task does from now on is below it."""
        now = time.time_ns()
        attributes = {"penstock.kind": self._spans.words(kind.kind)}
        span = self._spans.tracer.start_span("kind", self._context, attributes=attributes, start_time=now)
        self._kinds.append(_Begun(span, now, kind))
        context.attach(set_span_in_context(span, self._context))

    def ended(self, report: RunReport, code: int) -> None:
        """End all spans: by now every message is redacted, and every count is known, deletions included."""
        for begun in self._kinds:
            self._describe(begun)
            begun.span.end(begun.at + int(begun.kind.seconds * _SECOND))
        self._span.set_attributes(
            {
                "penstock.run": report.run,
                "penstock.status": report.status,
                "penstock.resumed": report.resumed,
                "penstock.exit_code": code,
            }
        )
        if report.status == "incomplete":
            incomplete = [kind.kind for kind in (*report.kinds, *report.unmapped) if kind.status == "incomplete"]
            self._spans.wrong(self._span, f"incomplete: {', '.join(incomplete)}")
        self._span.end()

    def failed(self, error: Exception, code: int) -> None:
        """End all spans of a run that came to no report."""
        self._span.set_attribute("penstock.exit_code", code)
        self._spans.failed(self._span, error)
        self._end_early()

    def _end_early(self) -> None:
        if self._span.is_recording():
            for begun in self._kinds:
                self._describe(begun)
                begun.span.end()
            self._span.end()

    def _describe(self, begun: _Begun) -> None:
        span, kind = begun.span, begun.kind
        span.set_attributes({f"penstock.{name}": getattr(kind, name) for name in _COUNTS})
        span.set_attributes({"penstock.status": kind.status, "penstock.extent": kind.extent})
        if kind.errors:
            self._spans.wrong(span, f"{kind.errors[0].where}: {kind.errors[0].message}")


class _KindSpans(Observer):
    def __init__(self, observer: Observer, trace: RunTrace) -> None:
        self._observer = observer
        self._trace = trace

    def kind_started(self, kind: KindReport) -> None:
        self._trace.begin(kind)
        self._observer.kind_started(kind)

    def page_read(self, kind: KindReport) -> None:
        self._observer.page_read(kind)

    def batch_written(self, kind: KindReport) -> None:
        self._observer.batch_written(kind)

    def kind_finished(self, kind: KindReport) -> None:
        self._observer.kind_finished(kind)
