"""Requests that are sent before their turn has come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from penstock.http.client import ApiRequest, ApiResponse
from penstock.values import PageRequest

if TYPE_CHECKING:
    from penstock.journal.validators import KnownPage

Send = Callable[[ApiRequest], Awaitable[ApiResponse]]


class Question(NamedTuple):
    """A request, and what is known of the page that it asks for."""

    request: ApiRequest
    known: KnownPage | None


class Answer(NamedTuple):
    """An answer, and what is known of the page where that is the same still."""

    response: ApiResponse
    known: KnownPage | None


class _Flight(Struct, frozen=True):
    """A request in flight."""

    page: PageRequest
    question: Question
    task: asyncio.Task[Answer]


class InFlight:
    """Requests in flight that the pagination will probably ask for, in the order in which it would."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._flights: deque[_Flight] = deque()

    def __len__(self) -> int:
        return len(self._flights)

    def __enter__(self) -> None:
        """Start with nothing in flight."""

    def __exit__(self, *_: object) -> None:
        """Give up what is still in flight: it lies beyond the end, or the read has failed."""
        self.drop()

    def expects(self, page: PageRequest) -> bool:
        """Return whether the first request in flight asks for this page."""
        return bool(self._flights) and _asks_for_the_same(self._flights[0].page, page)

    def sent_for(self, page: PageRequest) -> Question | None:
        """Return the first request in flight, if it asks for this page."""
        return self._flights[0].question if self.expects(page) else None

    def drop(self) -> None:
        """Give up everything in flight."""
        while self._flights:
            self._flights.pop().task.cancel()

    def send(self, page: PageRequest, question: Question) -> None:
        """Send a request now; its failure counts only if its page is asked for."""
        task = asyncio.create_task(self._sent(question))
        task.add_done_callback(_hear)
        self._flights.append(_Flight(page, question, task))

    async def answer(self, page: PageRequest, question: Question) -> Answer:
        """Return the answer to a request, from flight if it is there."""
        if not self.expects(page):
            return await self._sent(question)
        task = self._flights.popleft().task
        try:
            return await task
        finally:
            task.cancel()

    async def _sent(self, question: Question) -> Answer:
        request, known = question
        if known is None:
            return Answer(await self._send(request), None)
        response = await self._send(replace(request, conditions=known.validator.conditions()))
        if response.status != HTTPStatus.NOT_MODIFIED:
            return Answer(response, None)
        if known.is_same(response.headers):
            return Answer(response, known)
        return Answer(await self._send(request), None)  # what has not changed is something else, or leads elsewhere


def _asks_for_the_same(one: PageRequest, other: PageRequest) -> bool:
    return (one.params, one.body, one.headers, one.url) == (other.params, other.body, other.headers, other.url)


def _hear(task: asyncio.Task[Answer]) -> None:
    """Take note of a failure, which counts only if the page is asked for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
