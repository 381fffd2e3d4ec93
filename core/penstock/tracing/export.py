"""Sending spans to the collector that the environment names, by OTLP over HTTP, without holding a run up."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from penstock.version import VERSION

_PATIENCE: Final = 3.0
"""Seconds that a run waits at its end for the last spans to be sent."""
_LAST_WORDS: Final = 0.5
"""Seconds for the sender to notice that it is to give up."""
_LIBRARY: Final = "opentelemetry"


class Export:
    """Where spans go. Everything about it is set by the environment, as the library reads it.

    Raises:
        Exception: What the library makes of a variable that it cannot use.
    """

    def __init__(self) -> None:
        self._heard = _Heard()
        self._exporter = _Counting(OTLPSpanExporter(), self._heard)
        self._batches = _Batches(self._exporter)
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)  # that could take half a minute
        self._provider.add_span_processor(self._batches)

    @property
    def tracer(self) -> Tracer:
        """What begins spans."""
        return self._provider.get_tracer("penstock", VERSION)

    @contextmanager
    def quietly(self) -> Generator[None]:
        """Keep what the library logs for ``close``: with a collector that is down, it logs every few seconds."""
        logger = logging.getLogger(_LIBRARY)
        logger.addHandler(self._heard)
        propagate, logger.propagate = logger.propagate, False
        try:
            yield
        finally:
            logger.propagate = propagate
            logger.removeHandler(self._heard)

    def close(self) -> str:
        """Send what is left, for at most a few seconds; return what to warn of, nothing where all was sent."""
        sending = Thread(target=self._provider.shutdown, daemon=True)  # the library's own limit cannot be set
        sending.start()
        sending.join(_PATIENCE)
        if sending.is_alive():
            self._exporter.shutdown()
            sending.join(_LAST_WORDS)
        lost = self._batches.ended - self._exporter.sent
        if not lost:
            return ""
        why = self._heard.first or f"the collector did not take them within {_PATIENCE:g} s"
        return f"{lost} of {self._batches.ended} spans of the trace were not sent: {why}"


class _Heard(logging.Handler):
    """Keeps the first thing that was logged since spans were sent: what follows is that it was tried again."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        if not self.first:
            error = record.exc_info[1] if record.exc_info else None
            self.first = record.getMessage() if error is None else f"{record.getMessage()} {error}"


class _Counting(SpanExporter):
    """Counts what was sent."""

    def __init__(self, exporter: SpanExporter, heard: _Heard) -> None:
        self._exporter = exporter
        self._heard = heard
        self.sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += len(spans)
            self._heard.first = ""
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Batches(BatchSpanProcessor):
    """Counts what there is to send."""

    def __init__(self, exporter: SpanExporter) -> None:
        super().__init__(exporter)
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.ended += 1
        super().on_end(span)


def _resource() -> Resource:
    """Return who sends: ``penstock``, unless the environment has another name."""
    given = Resource.create({"service.version": VERSION})
    if str(given.attributes[SERVICE_NAME]).startswith("unknown_service"):  # the library's own default
        return given.merge(Resource({SERVICE_NAME: "penstock"}))
    return given
