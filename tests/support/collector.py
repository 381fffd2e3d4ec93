"""A collector of traces on a loopback port: it takes OTLP over HTTP, and shows what came."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support.server import ApiServer, Handler, Reply, serve


@dataclass(frozen=True, slots=True)
class Seen:
    """One span as it arrived."""

    name: str
    attributes: dict[str, Any]
    parent: str
    """The name of the span above it; empty for the topmost."""
    kind_above: str | None
    """The kind that the span above it tells."""
    wrong: str | None
    """What its status says where that is an error."""
    client: bool
    trace: bytes
    nanoseconds: tuple[int, int]
    """From, to; since 1970."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        """Return an attribute, its name without ours before it."""
        return self.attributes[name] if name in self.attributes else self.attributes[f"penstock.{name}"]


class Collector:
    """What a collector got."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url}
        """With which a run sends here."""

    def _messages(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(request.body) for request in self.server.received]

    def service(self) -> str:
        """The name of who sent, which is one."""
        [name] = {
            str(_values(resource.resource.attributes)["service.name"])
            for message in self._messages()
            for resource in message.resource_spans
        }
        return name

    def spans(self, name: str | None = None) -> list[Seen]:
        """All spans, or those of a name, as they began."""
        raw = [
            span
            for message in self._messages()
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        known = {span.span_id: span for span in raw} | {b"": Span()}
        seen = [
            _seen(span, known[span.parent_span_id]) for span in sorted(raw, key=lambda span: span.start_time_unix_nano)
        ]
        return [span for span in seen if name in {None, span.name}]

    def span(self, name: str) -> Seen:
        """The only one of a name."""
        [span] = self.spans(name)
        return span

    def everything(self) -> bytes:
        """What came, byte for byte."""
        return b"\n".join(request.body for request in self.server.received)


@contextmanager
def collecting(handler: Handler | None = None) -> Generator[Collector]:
    """Run a collector, which takes everything unless it has a handler of its own."""
    with serve(handler or (lambda _: Reply(b""))) as server:
        yield Collector(server)


def _seen(span: Span, parent: Span) -> Seen:
    return Seen(
        span.name,
        _values(span.attributes),
        parent.name,
        _values(parent.attributes).get("penstock.kind"),
        span.status.message if span.status.code == Status.STATUS_CODE_ERROR else None,
        span.kind == Span.SPAN_KIND_CLIENT,
        span.trace_id,
        (span.start_time_unix_nano, span.end_time_unix_nano),
    )


def _values(attributes: Any) -> dict[str, Any]:  # noqa: ANN401
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:  # noqa: ANN401
    return getattr(value, value.WhichOneof("value") or "string_value")
