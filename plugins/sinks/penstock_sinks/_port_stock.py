"""What is known of Port's blueprints, and of what we have in them: asked once a run, of those that are written to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import orjson
from msgspec import Struct

from penstock import Outcome
from penstock.errors import did_you_mean
from penstock_sinks._port_api import RefusalError
from penstock_sinks._port_bodies import is_blueprint
from penstock_sinks._port_find import Finder
from penstock_sinks._port_memory import Memory

_LOG: Final = logging.getLogger(__name__)
_NO_BLUEPRINT: Final = "Port does not allow a blueprint of this name"


class Known(Struct, frozen=True):
    """What is known of a blueprint."""

    targets: Mapping[str, str]
    """Where its relations lead to, by name."""
    flaw: Outcome | None = None
    """Why nothing can be written to it."""
    is_closed: bool = False
    """Whether Port lets us see nothing of what it has."""


class Stock:
    """The blueprints of one run."""

    def __init__(self, finder: Finder, memory: Memory) -> None:
        self._finder = finder
        self._memory = memory
        self._known: dict[str, Known] = {}
        self.listed: set[str] = set()
        """Those of which the memory has all that is ours."""
        self._asking = asyncio.Lock()
        """Held while Port is asked about one."""

    async def require(self, blueprint: str) -> Known:
        """Get to know a blueprint and what we have in it, and return what there is to know; raises SinkError."""
        if blueprint not in self._known:
            async with self._asking:
                if blueprint not in self._known:  # nobody else has asked meanwhile
                    await self._ask(blueprint)
        return self._known[blueprint]

    def of(self, blueprint: str) -> Known:
        """Return what is known of a blueprint that was required."""
        return self._known[blueprint]

    def unseen(self, blueprint: str) -> Outcome | None:
        """Return why nothing is deleted from a blueprint that Port does not let us see."""
        known = self._known.get(blueprint)
        return known.flaw if known is not None and known.is_closed else None

    async def _ask(self, blueprint: str) -> None:
        if not is_blueprint(blueprint):
            self._known[blueprint] = Known({}, Outcome("refused", _NO_BLUEPRINT))
            return
        try:
            found = await self._finder.blueprint(blueprint)
        except RefusalError as error:
            closed = error.status == HTTPStatus.FORBIDDEN
            self._known[blueprint] = Known({}, await self._without(blueprint, error), is_closed=closed)
            return
        relations = cast("Mapping[str, Any]", found.get("relations") or {})
        targets = {name: str(relation.get("target", "")) for name, relation in relations.items()}
        flaw = await self._take_stock(blueprint, {"identifier": blueprint, **found})
        self._known[blueprint] = Known(targets, flaw, is_closed=flaw is not None)

    async def _without(self, blueprint: str, error: RefusalError) -> Outcome:
        if error.status != HTTPStatus.NOT_FOUND:
            return Outcome("refused", f"the blueprint cannot be read: {error.message} ({error.status} {error.code})")
        known = [str(one["identifier"]) for one in await self._finder.blueprints()]
        return Outcome("refused", f'Port has no blueprint "{blueprint}"{did_you_mean(blueprint, known)}')

    async def _take_stock(self, blueprint: str, found: Mapping[str, Any]) -> Outcome | None:
        """Look at what we have in a blueprint; return why we may not."""
        try:
            async for page in self._finder.pages(found, ours=True):
                self._memory.hold(blueprint, ((one["identifier"], orjson.dumps(one)) for one in page))
            self.listed.add(blueprint)
        except RefusalError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                reason = f"the blueprint cannot be searched: {error.message} ({error.status} {error.code})"
                return Outcome("refused", reason)
            _LOG.warning(  # then everything is sent, which is slow and right
                "Port does not say which entities of %s it has (%s %s): all are sent",
                blueprint,
                error.status,
                error.message,
            )
        return None
