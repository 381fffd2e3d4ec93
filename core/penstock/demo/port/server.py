"""The routes, the tokens and the limits: what makes a catalog of blueprints and entities look like Port."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from penstock.demo.port.blueprints import Blueprints
from penstock.demo.port.entities import Entities, How, Stored, check_body, test_of
from penstock.demo.port.errors import RefusedError, invalid, not_found
from penstock.demo.port.faults import Faults, instead
from penstock.demo.port.integrations import Integrations
from penstock.demo.port.wire import Answer, Connection, Received, Traffic

MAX_BODY: Final = 1024 * 1024
MAX_BULK: Final = 20
MAX_DELETE: Final = 100
MAX_PAGE: Final = 1000
DEFAULT_PAGE: Final = 200
_USER_AGENT: Final = re.compile(r"(port-ocean/[^/]+/[^/]+/[^/]+/exporter)")


@dataclass(slots=True)
class Limits:
    """How many requests may come within a period of so many seconds."""

    requests: int = 1_000_000
    period: float = 300.0


class PortStandIn:
    """Reach it at ``url``, with ``client_id`` and ``client_secret``.

    ``received`` has all requests in order, ``blueprints`` and ``entities`` what there is, ``faults`` what is to go
    wrong. Served by one event loop: look at them while nothing is under way.
    """

    def __init__(self, *, client_id: str = "port-client", client_secret: str = "") -> None:
        self.url = ""
        self.client_id = client_id
        self.client_secret = client_secret or secrets.token_urlsafe(16)
        self.flags: list[str] = []
        """Of the organisation."""
        self.kafka_password = secrets.token_urlsafe(16)
        self.token_seconds = 10_800.0
        """How long a token lasts."""
        self.limits = Limits()
        self.faults = Faults()
        self.received: list[Received] = []
        self.keeps_requests = True
        """Whether ``received`` grows: not for a million of them."""
        self.blueprints = Blueprints()
        self.entities = Entities(self.blueprints)
        self.integrations = Integrations(self.blueprints)
        self.traffic = Traffic()
        self.written = 0
        """Entities that were sent to be written."""
        self.tokens: dict[str, float] = {}
        """When each expires."""
        self._window = (0.0, 0)
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> asyncio.Server:
        """Listen on the loopback interface; a port of 0 is any that is free."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self.answer, self.traffic), "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self._server

    async def stop(self) -> None:
        """Stop listening, and break every connection."""
        if self._server is not None:
            self._server.close()
        while self.traffic.opened:
            for connection in list(self.traffic.opened):
                connection.abort()
            await asyncio.sleep(0)

    def expire_tokens(self) -> None:
        """Let every token that was given have expired."""
        self.tokens.clear()

    def requests(self, ending: str = "") -> list[Received]:
        """Return the requests to paths that end so."""
        return [one for one in self.received if one.target.partition("?")[0].endswith(ending)]

    def answer(self, request: Received) -> Answer:
        """Answer a request."""
        if self.keeps_requests:
            self.received.append(request)
        fault = self.faults.due(request)
        if fault is not None and (told := instead(fault)) is not None:
            return told
        answer = self._limited(request)
        if fault is None:
            return answer
        return Answer(answer.body, answer.status, answer.headers, fault.seconds, fault.name == "dropped")

    def _limited(self, request: Received) -> Answer:
        headers, refused = self._count()
        if refused:
            limit = RefusedError(429, "too_many_requests", "the limit of requests is reached")
            return Answer(limit.body(), 429, headers)
        try:
            status, body = self._route(request)
        except RefusedError as error:
            return Answer(error.body(), error.status, {**headers, "x-trace-id": secrets.token_hex(8)})
        return Answer(body, status, headers)

    def _count(self) -> tuple[Mapping[str, str], bool]:
        now = time.time()
        start, count = self._window
        if now >= start + self.limits.period:
            start, count = now, 0
        self._window = start, count + 1
        left = self.limits.requests - count - 1
        return {
            "x-ratelimit-period": f"{self.limits.period:g}",
            "x-ratelimit-limit": str(self.limits.requests),
            "x-ratelimit-remaining": str(max(left, 0)),
            "x-ratelimit-reset": str(int(start + self.limits.period) + 1),
        }, left < 0

    def _route(  # noqa: PLR0911 - a table of routes
        self, request: Received
    ) -> tuple[int, object]:
        parts = request.parts
        if len(request.body) > MAX_BODY:
            raise RefusedError(413, "payload_too_large", "request entity too large")
        if parts == ("auth", "access_token") and request.method == "POST":
            return 200, self._give_token(_json(request))
        self._require_token(request)
        if parts[:1] == ("ingest",):
            return 200, {"ok": True}
        match request.method, parts:
            case "GET", ("organization",):
                organisation = {"id": "org", "name": "Stand-in", "featureFlags": self.flags}
                return 200, {"ok": True, "organization": organisation}
            case "GET", ("kafka-credentials",):
                return 200, {"ok": True, "credentials": {"username": "org", "password": self.kafka_password}}
            case _, ("blueprints", *rest):
                return self._blueprint_route(request, tuple(rest))
            case "POST", ("entities", "search"):
                return 200, self._search(request)
            case _, ("integration", *rest):
                return self._integration_route(request, tuple(rest))
            case _:
                raise not_found(f"there is no route {request.method} /{'/'.join(parts)}")

    def _give_token(self, body: dict[str, Any]) -> object:
        if body.get("clientId") != self.client_id or body.get("clientSecret") != self.client_secret:
            raise RefusedError(401, "invalid_credentials", "the client id or secret is wrong")
        token = secrets.token_urlsafe(24)
        self.tokens[token] = time.monotonic() + self.token_seconds
        return {"ok": True, "accessToken": token, "expiresIn": int(self.token_seconds), "tokenType": "Bearer"}

    def _require_token(self, request: Received) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self.tokens.get(token, 0.0) <= time.monotonic():
            raise RefusedError(401, "unauthorized", "the access token is missing, wrong or expired")

    def _blueprint_route(  # noqa: PLR0911 - a table of routes
        self, request: Received, parts: tuple[str, ...]
    ) -> tuple[int, object]:
        match request.method, parts:
            case "GET", ():
                return 200, {"ok": True, "blueprints": list(self.blueprints.all.values())}
            case "POST", ():
                return 201, {"ok": True, "blueprint": self.blueprints.create(_json(request))}
            case "POST", ("entities", "datasource-entities"):
                return 200, self._of_datasource(_json(request))
            case "GET", (name,):
                return 200, {"ok": True, "blueprint": self.blueprints.get(name)}
            case "PATCH", (name,):
                return 200, {"ok": True, "blueprint": self.blueprints.change(name, _json(request))}
            case "PUT", (name,):
                return 200, {"ok": True, "blueprint": self.blueprints.replace(name, _json(request))}
            case "DELETE", (name,):
                self.blueprints.get(name)
                del self.blueprints.all[name]
                self.entities.all.pop(name, None)
                return 200, {"ok": True}
            case _, (name, *rest):
                return self._entity_route(request, name, tuple(rest))
            case _:
                raise not_found("there is no such route")

    def _entity_route(self, request: Received, name: str, parts: tuple[str, ...]) -> tuple[int, object]:
        blueprint = self.blueprints.get(name)
        match request.method, parts:
            case "POST", ("entities",):
                sent = check_body(_json(request))
                entity, created = self._put(blueprint, sent, self._how(request))
                return 201 if created else 200, {"ok": True, "entity": entity.to_json()}
            case "POST", ("entities", "bulk"):
                return self._put_bulk(blueprint, _json(request), self._how(request))
            case "POST", ("entities", "search"):
                return 200, self._search_page(name, _json(request))
            case "POST", ("bulk", "entities", "delete"):
                identifiers = _listed(_json(request), MAX_DELETE)
                if not all(isinstance(one, str) for one in identifiers):
                    raise invalid("entities must be strings")
                dependents = request.flag("delete_dependents")
                deleted = self.entities.delete(name, cast("Sequence[str]", identifiers), dependents=dependents)
                return 200, {"ok": True, "deletedEntities": deleted}
            case "DELETE", ("entities", identifier):
                if not self.entities.delete(name, [identifier], dependents=request.flag("delete_dependents")):
                    raise not_found(f'Entity "{identifier}" was not found')
                return 200, {"ok": True}
            case "GET", ("entities", identifier):
                if identifier not in self.entities.of(name):
                    raise not_found(f'Entity "{identifier}" was not found')
                return 200, {"ok": True, "entity": self.entities.of(name)[identifier].to_json()}
            case _:
                raise not_found("there is no such route")

    def _integration_route(  # noqa: C901, PLR0911 - a table of routes
        self, request: Received, parts: tuple[str, ...]
    ) -> tuple[int, object]:
        match request.method, parts:
            case "GET", ("provision-enabled",):
                return 200, {"ok": True, "integrations": self.integrations.provisioning.kinds}
            case "POST", ():
                modes = request.query.get("integration_modes", [])
                return 201, {"ok": True, "integration": self.integrations.create(_json(request), self.url, modes)}
            case "GET", (name,):
                return 200, {"ok": True, "integration": self.integrations.look(name)}
            case "PATCH", (name,):
                return 200, {"ok": True, "integration": self.integrations.change(name, _json(request))}
            case "DELETE", (name,):
                self.integrations.get(name)
                del self.integrations.all[name]
                return 200, {"ok": True}
            case "PATCH", (name, "config"):
                changed = self.integrations.change(name, {"config": _json(request).get("config", {})})
                if request.headers.get("x-skip-resync") != "true":
                    self.integrations.ask_for_resync(name)
                return 200, {"ok": True, "integration": changed}
            case "GET", (name, "resync-request"):
                self.integrations.get(name)
                return 200, {"ok": True, "request": self.integrations.resync_requests.get(name)}
            case "PATCH", (name, "resync-state"):
                return 200, {"ok": True, "integration": self.integrations.report_state(name, _json(request))}
            case "POST", (name, "kinds", kind, "examples"):
                self.integrations.get(name)
                self.integrations.examples.setdefault((name, kind), []).extend(_json(request).get("examples", []))
                return 200, {"ok": True}
            case _:
                raise not_found("there is no such route")

    def _how(self, request: Received) -> How:
        agent = _USER_AGENT.fullmatch(request.headers.get("user-agent", ""))
        return How(
            agent[1] if agent else "api",
            request.flag("upsert"),
            request.flag("merge"),
            request.flag("create_missing_related_entities"),
        )

    def _put(self, blueprint: dict[str, Any], sent: dict[str, Any], how: How) -> tuple[Stored, bool]:
        self.written += 1
        words = self.faults.rejected.get(str(sent["identifier"]))
        if words is not None:
            raise invalid(words)
        return self.entities.put(blueprint, sent, how)

    def _put_bulk(self, blueprint: dict[str, Any], body: dict[str, Any], how: How) -> tuple[int, object]:
        sent = [check_body(one) for one in _listed(body, MAX_BULK)]
        done: list[object] = []
        errors: list[object] = []
        for index, entity in enumerate(sent):
            identifier = entity["identifier"]
            try:
                stored, created = self._put(blueprint, entity, how)
            except RefusedError as error:
                shown = identifier if isinstance(identifier, str) else "unknown"
                code = {"statusCode": error.status, "error": error.error, "message": error.message}
                errors.append({"index": index, "identifier": shown, **code})
            else:
                done.append({"index": index, "identifier": stored.identifier, "created": created})
        return 207 if errors else 200, {"ok": not errors, "entities": done, "errors": errors}

    def _search(self, request: Received) -> object:
        found = self.entities.search(_json(request))
        include = request.query.get("include", [])
        entities = [entity.to_json(include) for entity in found]
        return {"ok": True, "entities": entities, "matchingBlueprints": sorted({one["blueprint"] for one in entities})}

    def _search_page(self, blueprint: str, body: dict[str, Any]) -> object:
        limit = body.get("limit", DEFAULT_PAGE)
        if not isinstance(limit, int) or not 1 <= limit <= MAX_PAGE:
            raise invalid(f"limit must be <= {MAX_PAGE}")
        page, following = _page(self.entities.every(blueprint), test_of(body.get("query")), body.get("from"), limit)
        entities = [entity.to_json(body.get("include", ())) for entity in page]
        return {"ok": True, "entities": entities, "next": following}

    def _of_datasource(self, body: dict[str, Any]) -> object:
        prefix, suffix, before = body["datasource_prefix"], body["datasource_suffix"], body.get("before")

        def is_ours(entity: Stored) -> bool:
            whose = entity.datasource
            old = before is None or entity.updated_at < before
            return old and whose.startswith(prefix) and whose.endswith(suffix)

        page, following = _page(self.entities.every(), is_ours, body.get("from"), body.get("limit", DEFAULT_PAGE))
        entities = [{"identifier": one.identifier, "blueprint": one.blueprint} for one in page]
        return {"ok": True, "entities": entities, "next": following}


def _page(
    every: Sequence[Stored], matches: Callable[[Stored], bool], start: object, limit: int
) -> tuple[list[Stored], str | None]:
    """Return a page, and where the next one starts among all there is: so no page looks at what came before it."""
    page: list[Stored] = []
    for position in range(int(str(start)) if start else 0, len(every)):
        if matches(every[position]):
            if len(page) == limit:
                return page, str(position)
            page.append(every[position])
    return page, None


def _json(request: Received) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, "bad_request", f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise invalid("body must be object")
    return cast("dict[str, Any]", body)


def _listed(body: dict[str, Any], most: int) -> Sequence[object]:
    entities = body.get("entities")
    if not isinstance(entities, list) or not 1 <= len(cast("list[object]", entities)) <= most:
        raise invalid(f"entities must have 1 to {most} items")
    return cast("Sequence[object]", entities)
