"""A wire that has a span around each request, from the moment it is sent to the last byte of its answer."""

from __future__ import annotations

from http import HTTPStatus

from opentelemetry.trace import SpanKind, get_current_span

from penstock.config.models import HttpSettings
from penstock.http.pool import RESENDS, Outgoing
from penstock.http.routes import Route
from penstock.http.transport import aiohttp
from penstock.http.wire import HeaderReading, Limited, RawAnswer, Wire
from penstock.tracing.spans import Spans


class TracedWire(Wire):
    """Names of attributes are those of OpenTelemetry's conventions for HTTP clients; the query is not among them."""

    def __init__(self, settings: HttpSettings, spans: Spans) -> None:
        super().__init__(settings)
        self._spans = spans

    async def _ask(self, request: Outgoing, is_limit: Limited | None) -> RawAnswer:
        url = request.url
        attributes: dict[str, str | int] = {
            "http.request.method": request.method,
            "server.address": url.host,
            "url.path": self._spans.words(url.path),
        }
        if url.port is not None:
            attributes["server.port"] = url.port
        if resends := request.extensions.get(RESENDS):
            attributes["http.request.resend_count"] = resends
        with self._spans.span("request", attributes, SpanKind.CLIENT):
            return await super()._ask(request, is_limit)

    def _hear(self, route: Route, answer: aiohttp.ClientResponse) -> HeaderReading:
        span = get_current_span()
        span.set_attribute("http.response.status_code", answer.status)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            span.set_attribute("error.type", str(answer.status))
            self._spans.wrong(span, f"{answer.status} {answer.reason or ''}".rstrip())
        return super()._hear(route, answer)
