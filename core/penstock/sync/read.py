"""Read one endpoint page by page, until its pagination names a reason to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from penstock.config.models import Chosen
from penstock.errors import PenstockError, ReadError
from penstock.http.client import ApiRequest, ApiResponse
from penstock.http.documents import decode
from penstock.redaction import mask_url
from penstock.strategies import PaginationStrategy
from penstock.sync.requests import Endpoint, fingerprint
from penstock.sync.transform import Extracted
from penstock.values import JSON, Page, PageRequest, Stop, StopReason

Send = Callable[[ApiRequest], Awaitable[ApiResponse]]
Extract = Callable[[JSON], Extracted]


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One page as the next stage gets it."""

    page: Page
    extracted: Extracted
    response: ApiResponse


class Read:
    """The read of one endpoint: iterate over ``pages()``; ``stop`` says afterwards why it ended.

    Args:
        endpoint: What to read.
        send: Sends one request; retries are its business.
        extract: Finds the items in a page's document.
    """

    def __init__(self, endpoint: Endpoint, send: Send, extract: Extract) -> None:
        self._endpoint = endpoint
        self._extract = extract
        self._ahead = _Ahead(send)
        self._pagination: Chosen[PaginationStrategy[Any]] = endpoint.spec.pagination
        self.stop: Stop | None = None
        """None until the read has ended."""

    async def pages(self) -> AsyncGenerator[ReadPage]:
        """Yield the pages in order, each exactly once.

        Raises:
            ReadError: The read ends incomplete; pages yielded before stay valid.
        """
        with self._ahead:
            asked: set[int] = set()
            request, url, previous = self._first(), self._endpoint.url, _Previous()
            for index in range(self._endpoint.settings.max_pages):
                sent = self._endpoint.request(request, url)
                _refuse_repetition(sent, asked)
                response = await self._ahead.response(sent)
                read = self._page(request, response, index, previous)
                url, previous = response.url, _Previous(response, read.extracted)
                try:
                    decision = self._next(read.page)
                except ReadError:
                    yield read  # what came is good, though nobody knows what follows
                    raise
                if isinstance(decision, Stop):
                    self.stop = decision
                    if decision.reason is not StopReason.REPEATED_PAGE:  # its items were yielded before
                        yield read
                    return
                self._look_ahead(read.page, decision, url)
                yield read
                request = decision
        limit = self._endpoint.settings.max_pages
        raise ReadError(f"more than {limit} pages (connection.maxPages)", reason=StopReason.PAGE_LIMIT)

    def _page(self, request: PageRequest, response: ApiResponse, index: int, previous: _Previous) -> ReadPage:
        document = _document(response)
        extracted = self._extract(document)
        page = Page(
            request=request,
            url=response.url,
            status=response.status,
            headers=response.headers,
            body=document,
            items=None if extracted.is_record else extracted.items,
            index=index,
            repeats_previous=previous.equals(extracted, self._extract),
        )
        return ReadPage(page, extracted, response)

    def _first(self) -> PageRequest:
        chosen = self._pagination
        with _blaming(chosen):
            return chosen.strategy.first(chosen.config)

    def _next(self, page: Page) -> PageRequest | Stop:
        chosen = self._pagination
        with _blaming(chosen):
            decision: object = chosen.strategy.next(chosen.config, page)
            if not isinstance(decision, PageRequest | Stop):
                message = f"next() returned {type(decision).__name__}, neither PageRequest nor Stop"
                raise TypeError(message)
            return decision

    def _look_ahead(self, page: Page, decision: PageRequest, url: str) -> None:
        strategy, config = self._pagination.strategy, self._pagination.config
        wanted = [decision]
        for steps in range(2, self._endpoint.settings.prefetch_pages + 1):
            guess = strategy.ahead(config, page, steps)
            if guess is None:
                break
            wanted.append(guess)
        # a single one is left to be sent when its turn comes
        self._ahead.want([self._endpoint.request(request, url) for request in wanted] if len(wanted) > 1 else [])


class _Previous:
    """What is kept of the page before, to notice a server that sends the same items again."""

    def __init__(self, response: ApiResponse | None = None, extracted: Extracted | None = None) -> None:
        self._response = response
        self._ends = _ends(extracted.items) if extracted else b""

    def equals(self, extracted: Extracted, extract: Extract) -> bool:
        if self._response is None or not extracted.items or _ends(extracted.items) != self._ends:
            return False
        # worth reading the former page again: its items may have been changed since
        return extract(_document(self._response)).items == extracted.items


class _Ahead:
    """Requests in flight that the pagination will probably ask for."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._tasks: dict[int, asyncio.Task[ApiResponse]] = {}

    def __enter__(self) -> None:
        """Start with nothing in flight."""

    def __exit__(self, *_: object) -> None:
        """Give up what is still in flight: it lies beyond the end, or the read has failed."""
        self.want([])

    async def response(self, request: ApiRequest) -> ApiResponse:
        """Return the answer to a request, from flight if it is there."""
        task = self._tasks.pop(fingerprint(request), None)
        if task is None:
            return await self._send(request)
        try:
            return await task
        finally:
            task.cancel()

    def want(self, requests: Sequence[ApiRequest]) -> None:
        """Have these in flight and nothing else."""
        wanted = {fingerprint(request): request for request in requests}
        for key in self._tasks.keys() - wanted.keys():
            self._tasks.pop(key).cancel()
        for key in wanted.keys() - self._tasks.keys():
            task = asyncio.create_task(self._sent(wanted[key]))
            task.add_done_callback(_hear)
            self._tasks[key] = task

    async def _sent(self, request: ApiRequest) -> ApiResponse:
        return await self._send(request)


@contextmanager
def _blaming(chosen: Chosen[PaginationStrategy[Any]]) -> Generator[None]:
    """Name the plugin when its decision raises what it should not."""
    try:
        yield
    except PenstockError:
        raise
    except Exception as error:
        message = f'the pagination plugin "{chosen.strategy.name}" failed: {type(error).__name__}: {error}'
        raise ReadError(message, reason=StopReason.PLUGIN_FAILED) from error


def _hear(task: asyncio.Task[ApiResponse]) -> None:
    """Take note of a failure, which counts only if the page is asked for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()


def _refuse_repetition(request: ApiRequest, asked: set[int]) -> None:
    key = fingerprint(request)
    if key in asked:
        message = f"the next page would be {mask_url(request.url)} again: the source leads in a circle"
        raise ReadError(message, reason=StopReason.REPEATED_REQUEST)
    asked.add(key)


def _document(response: ApiResponse) -> JSON:
    return decode(response.content, url=response.url, content_type=response.headers.get("content-type", ""))


def _ends(items: Sequence[JSON]) -> bytes:
    return repr((len(items), items[0], items[-1])).encode() if items else b""
