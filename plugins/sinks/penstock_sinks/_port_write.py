"""Entities on their way to Port: packed into requests, several in flight, and told apart when something is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlencode

from msgspec import Struct

from penstock import Outcome, WriteFlags
from penstock.errors import SinkError
from penstock.values import ABSENT, CREATED, UPDATED
from penstock_sinks._port_api import Api, RefusalError, hinted

_HEAD: Final = b'{"entities":['
_TAIL: Final = b"]}"
_BAD_BODY: Final = frozenset({400, 413, 422, 500})
"""Answers to a whole request that one entity may be to blame for."""
_SILENT: Final = Outcome("refused", "Port's answer says nothing of it")
_UNKNOWN: Final = "unknown"
"""What Port calls an entity whose search query finds nothing."""
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Errors of one entity that may pass."""


class Item(Struct, frozen=True, gc=False):  # what holds neither lists nor the like is in no circle
    """An entity to be sent."""

    place: int
    """Its place in the batch."""
    blueprint: str
    body: bytes
    relates: bool
    """Whether it leads to other entities, which may be missing."""
    searches: bool = False
    """Whether a search query names it."""


class Limits(Struct, frozen=True):
    """What one request may hold, and how many are in flight."""

    entities: int
    content: int
    """Bytes."""
    requests: int


class Writer:
    """Sends entities; what may go better later is deferred, if it may be."""

    def __init__(self, api: Api, flags: WriteFlags, limits: Limits, run: str) -> None:
        self._api = api
        self._limits = limits
        self._turn = asyncio.Lock()
        self._create_missing = flags.create_missing_related_entities
        self._query = urlencode(
            {
                "upsert": "true",
                "merge": _text(flags.enable_merge_entity),
                "create_missing_related_entities": _text(flags.create_missing_related_entities),
                "validation_only": "false",
                **about(run),
            }
        )

    async def write(self, items: Iterator[Item], *, deferring: bool = True) -> dict[int, Outcome]:
        """Send the items, and return what became of each; while the last are under way, the next call's may begin.

        Args:
            items: Those of one blueprint in a row; taken as they are needed, so that the first are on their way while
                the last are still being made.
            deferring: Whether an outcome may be put off.

        Raises:
            SinkError: Port cannot be reached or is down; some may have been written.
        """
        outcomes: dict[int, Outcome] = {}
        await self._turn.acquire()
        with ExitStack() as turn:
            turn.callback(self._turn.release)
            await in_flight(self._limits.requests, self._jobs(items, outcomes, turn))
        if not deferring:
            return {index: _final(outcome) for index, outcome in outcomes.items()}
        return outcomes

    def _jobs(
        self, items: Iterator[Item], outcomes: dict[int, Outcome], turn: ExitStack
    ) -> Iterator[Coroutine[Any, Any, None]]:
        for pack in self._packs(items):
            yield self._send(pack, outcomes)
        turn.close()

    def _packs(self, items: Iterator[Item]) -> Iterator[list[Item]]:
        most = self._limits.entities
        room = self._limits.content - len(_HEAD) - len(_TAIL) + 1  # the last one needs no comma
        pack: list[Item] = []
        size = 0
        for item in items:
            more = len(item.body) + 1
            if pack and (len(pack) == most or size + more > room or pack[-1].blueprint != item.blueprint):
                yield pack
                pack, size = [], 0
            pack.append(item)
            size += more
        if pack:
            yield pack

    async def _send(self, pack: Sequence[Item], outcomes: dict[int, Outcome]) -> None:
        """Send one request, or where it is refused as a whole as many as it takes to find out whose fault it is."""
        try:
            await self._bulk(pack, outcomes)
        except RefusalError as error:
            if error.status not in _BAD_BODY:
                outcomes.update((item.place, _refused(error.message, error.status, error.code)) for item in pack)
            elif len(pack) == 1:
                await self._single(pack[0], outcomes)
            else:
                half = len(pack) // 2
                await self._send(pack[:half], outcomes)
                await self._send(pack[half:], outcomes)
                self._require_some(pack, outcomes, error)

    async def _bulk(self, pack: Sequence[Item], outcomes: dict[int, Outcome]) -> None:
        body = b"".join((_HEAD, b",".join([item.body for item in pack]), _TAIL))
        path = ("blueprints", pack[0].blueprint, "entities", "bulk")
        answer = (await self._api.call("POST", *path, query=self._query, body=body)).body
        known = len(outcomes)
        for done in _listed(answer, "entities"):
            item = pack[int(done["index"])]
            outcome = CREATED if done.get("created") else UPDATED
            outcomes[item.place] = _called(outcome, done.get("identifier")) if item.searches else outcome
        for error in _listed(answer, "errors"):
            item = pack[int(error["index"])]
            if (
                item.searches
                and error.get("identifier") == _UNKNOWN
                and error.get("statusCode") == HTTPStatus.NOT_FOUND
            ):
                outcomes[item.place] = ABSENT
                continue
            outcomes[item.place] = self._failure(
                item, int(error.get("statusCode", 0)), str(error.get("error", "")), str(error.get("message", ""))
            )
        if len(outcomes) - known < len(pack):
            for item in pack:
                outcomes.setdefault(item.place, _SILENT)

    async def _single(self, item: Item, outcomes: dict[int, Outcome]) -> None:
        path = ("blueprints", item.blueprint, "entities")
        try:
            reply = await self._api.call("POST", *path, query=self._query, body=item.body)
        except RefusalError as error:
            # where a relation may lead nowhere as well, Port's answer does not say which of both it is
            if item.searches and error.status == HTTPStatus.NOT_FOUND and not item.relates:
                outcomes[item.place] = ABSENT
            else:
                outcomes[item.place] = self._failure(item, error.status, error.code, error.message)
        else:
            outcome = CREATED if reply.status == HTTPStatus.CREATED else UPDATED
            entity = cast("dict[str, Any]", reply.body.get("entity") or {})
            outcomes[item.place] = _called(outcome, entity.get("identifier")) if item.searches else outcome

    def _failure(self, item: Item, status: int, code: str, message: str) -> Outcome:
        missing = status == HTTPStatus.NOT_FOUND and item.relates and not self._create_missing
        if missing or status in _PASSING:
            return Outcome("deferred", f"{message} ({status} {code})")
        return _refused(hinted(message), status, code)

    @staticmethod
    def _require_some(pack: Sequence[Item], outcomes: dict[int, Outcome], error: RefusalError) -> None:
        """Raise where Port fails whatever it is sent: then no entity is to blame."""
        if error.status == HTTPStatus.INTERNAL_SERVER_ERROR and all(
            outcomes[item.place].reason.endswith(f"({error.status} {error.code})") for item in pack
        ):
            message = f"Port fails with every entity of {pack[0].blueprint}: {error.message} ({error.status})"
            raise SinkError(message) from error


def about(run: str) -> dict[str, str]:
    """Return the parameters that tell Port's audit log which run did it."""
    return {"ocean_info_event_type": "resync", "ocean_info_resync_id": run} if run else {}


async def in_flight(most: int, jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do the jobs, begun in order, so many at once; the first error ends them all, and is raised."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(most):
                group.create_task(work())
    except* Exception as failed:  # noqa: BLE001 - raised as it is, without the group
        raise failed.exceptions[0] from None


def _called(outcome: Outcome, identifier: object) -> Outcome:
    return Outcome(outcome.kind, identifier=identifier) if isinstance(identifier, str) else outcome


def _final(outcome: Outcome) -> Outcome:
    return Outcome("refused", outcome.reason) if outcome.kind == "deferred" else outcome


def _refused(message: str, status: int, code: str) -> Outcome:
    return Outcome("refused", f"{message} ({status} {code})".replace(" )", ")"))


def _listed(answer: dict[str, Any], name: str) -> Sequence[dict[str, Any]]:
    found = answer.get(name)
    return cast("Sequence[dict[str, Any]]", found) if isinstance(found, list) else ()


def _text(flag: bool) -> str:  # noqa: FBT001 - what it is about
    return "true" if flag else "false"
