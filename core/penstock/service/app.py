"""The pages of the service: how it is, what it did, and a place to ask for a sync."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol, cast

import orjson
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.errors import did_you_mean
from penstock.service.agenda import Cause
from penstock.service.metrics import CONTENT_TYPE, Metrics
from penstock.service.signatures import Signatures
from penstock.service.source import Ended, Source
from penstock.version import VERSION

MAX_BODY: Final = 64 * 1024
"""Bytes of a request for a sync."""
MAX_CALL: Final = 1024 * 1024
"""Bytes of a call of a catalog, which may tell all of a change."""
_REQUEST_ID: Final = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_WORDS: Final = frozenset({"errors", "warnings"})
_PAGE: Final = """\
penstock {version}

GET  {prefix}/health/live    200 while the service does its work
GET  {prefix}/health/ready   200 once every source has a sound configuration and its catalog is reached
GET  {prefix}/metrics        figures for Prometheus
GET  {prefix}/sources        the sources, and how their last sync ended
POST {prefix}/sync           asks for a sync: a signed request, {{"source": NAME, "only": [KIND, ...]}} or empty
"""


class Condition(Protocol):
    """What the pages tell about."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """The sources, by name."""
        ...

    def ailments(self) -> list[str]:
        """Return why the service does not do its work; a process manager should start it anew."""
        ...

    def unready(self) -> list[str]:
        """Return why the service is not ready, or not any more."""
        ...

    def unusable(self) -> list[str]:
        """Return why nothing can be asked of it; it may not be ready for other reasons."""
        ...


class Pages:
    """The pages of one service."""

    def __init__(self, condition: Condition, metrics: Metrics, secret: SecretStr | None, prefix: str) -> None:
        self._condition = condition
        self._metrics = metrics
        self._signatures = None if secret is None else Signatures(secret, time.time())
        self._prefix = prefix

    def application(self) -> ASGIApp:
        """Return the pages as an ASGI application."""
        prefix = self._prefix
        routes = [
            Route(f"{prefix}/health/live", self.live),
            Route(f"{prefix}/health/ready", self.ready),
            Route(f"{prefix}/metrics", self.metrics),
            Route(f"{prefix}/sources", self.sources),
            Route(f"{prefix}/sync", self.sync, methods=["POST"]),
            # without the prefix: addresses that Ocean has published
            Route("/resync", self.resync, methods=["POST"]),
            Route("/docs", self.docs),
        ]
        return _Stamped(Starlette(routes=routes))

    async def live(self, request: Request) -> Response:
        """Tell whether the service does its work."""
        del request
        return _health("live", self._condition.ailments())

    async def ready(self, request: Request) -> Response:
        """Tell whether the service is ready."""
        del request
        return _health("ready", self._condition.unready())

    async def metrics(self, request: Request) -> Response:
        """Give the figures."""
        del request
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE)

    async def docs(self, request: Request) -> Response:
        """List the pages."""
        del request
        return PlainTextResponse(_PAGE.format(version=VERSION, prefix=self._prefix))

    async def sources(self, request: Request) -> Response:
        """Give the sources and their last syncs."""
        del request
        return JSONResponse({"sources": [_described(source) for source in self._condition.sources.values()]})

    async def resync(self, request: Request) -> Response:
        """Take a call of a catalog, signed with its own secret; any other request is one for a sync."""
        body = await _body(request, MAX_CALL)
        if body is None:
            return _too_large(MAX_CALL)
        now = time.time()
        sources = self._condition.sources
        hearings = {name: source.hearing for name, source in sources.items() if source.hearing is not None}
        called = [name for name, one in hearings.items() if one.refusal(request.headers, body, now) is None]
        for name in called:
            hearings[name].called(body)
        if called:
            return JSONResponse(dict.fromkeys(called, "heard"), HTTPStatus.ACCEPTED)
        return self._asked(request, body) if len(body) <= MAX_BODY else _too_large(MAX_BODY)

    async def sync(self, request: Request) -> Response:
        """Ask for a sync."""
        body = await _body(request, MAX_BODY)
        return _too_large(MAX_BODY) if body is None else self._asked(request, body)

    def _asked(self, request: Request, body: bytes) -> Response:
        if self._signatures is None:
            return _refused(HTTPStatus.FORBIDDEN, "requests for a sync need service.secret, with which to sign them")
        refusal = self._signatures.refusal(request.headers, body, time.time())
        if refusal is not None:
            return _refused(HTTPStatus.UNAUTHORIZED, refusal)
        if self._condition.unusable():
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "the service is not ready")
        try:
            chosen, only = self._wish(body)
        except ValueError as error:
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        answers = {source.calendar.source: source.ask(Cause.REQUEST, only) for source in chosen}
        return JSONResponse(answers, HTTPStatus.ACCEPTED)

    def _wish(self, body: bytes) -> tuple[list[Source], frozenset[str]]:
        """Return which sources to sync and which of their kinds; what else is in the body is somebody else's."""
        sources = self._condition.sources
        content = _object(body)
        name = content.get("source")
        only: object = content.get("only") or []
        if name is not None and name not in sources:
            raise ValueError(f"there is no source {name!r}{did_you_mean(str(name), list(sources))}")
        if not isinstance(only, list) or not all(isinstance(kind, str) for kind in cast("list[object]", only)):
            raise ValueError("only: expected a list of kinds")
        chosen = list(sources.values()) if name is None else [sources[cast("str", name)]]
        return chosen, frozenset(cast("list[str]", only))


def _too_large(limit: int) -> Response:
    return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request for a sync has at most {limit} bytes")


async def _body(request: Request, limit: int) -> bytes | None:
    """Return the body, None if it is too large."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
    except ClientDisconnect:
        return b""
    return b"".join(parts)


def _object(body: bytes) -> dict[str, object]:
    try:
        content: object = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ValueError("expected a JSON object, or nothing") from error
    if not isinstance(content, dict):
        raise ValueError("expected a JSON object, or nothing")  # noqa: TRY004 - it becomes an answer
    return cast("dict[str, object]", content)


def _described(source: Source) -> dict[str, Any]:
    interval, last = source.calendar.interval, source.last
    return {
        "source": source.calendar.source,
        "running": source.current is not None,
        "interval_seconds": None if interval is None else interval.total_seconds(),
        "last": None if last is None else _ended(last),
    }


def _ended(last: Ended) -> dict[str, Any]:
    """Return how a sync went; what went wrong is in the logs, for anybody may ask here."""
    kinds = last.report["kinds"] if last.report else []
    figures = [{name: value for name, value in dict(kind).items() if name not in _WORDS} for kind in kinds]
    return {"status": last.status, "code": last.code, "at": last.at.isoformat(), "kinds": figures}


def _health(check: str, problems: list[str]) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    content: dict[str, object] = {
        "status": "unhealthy" if problems else "healthy",
        "check": check,
        "core_version": VERSION,
    }
    if problems:
        content["problems"] = problems
    return JSONResponse(content, status)


def _refused(status: HTTPStatus, why: str) -> Response:
    return JSONResponse({"error": why}, status)


class _Stamped:
    """Adds ``X-Request-ID``, the caller's own if it sent one, and ``X-Process-Time`` in seconds to every answer."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        name = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                spent = f"{self._clock() - began:.6f}"
                stamps = [(b"x-request-id", name.encode()), (b"x-process-time", spent.encode())]
                message["headers"] = [*message.get("headers", []), *stamps]
            await send(message)

        await self._app(scope, receive, stamped)
