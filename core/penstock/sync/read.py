"""Read one endpoint page by page, until its pagination names a reason to stop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, cast

from penstock.config.models import Chosen
from penstock.errors import PenstockError, ReadError
from penstock.http.client import ApiRequest, ApiResponse
from penstock.http.documents import decode
from penstock.journal import Checkpoint
from penstock.plugin_calls import BLOCKING_SECONDS, blocking
from penstock.redaction import mask_url
from penstock.strategies import PaginationStrategy
from penstock.sync.drift import counts_from_start
from penstock.sync.requests import Endpoint, fingerprint
from penstock.sync.transform import Extracted
from penstock.values import JSON, Page, PageRequest, Stop, StopReason

_ROUND: Final = 10
"""Pages that were seen before, one after another, after which a list is taken for a circle."""
Send = Callable[[ApiRequest], Awaitable[ApiResponse]]
Extract = Callable[[JSON], Extracted]


class ReadPage(NamedTuple):
    """One page as the next stage gets it."""

    page: Page
    extracted: Extracted
    response: ApiResponse
    following: PageRequest | None
    """What is asked for next; None after the last page, and where nobody knows."""


class Read:
    """The read of one endpoint: iterate over ``pages()``; ``stop`` says afterwards why it ended.

    Args:
        endpoint: What to read.
        send: Sends one request; retries are its business.
        extract: Finds the items in a page's document.
        blocking_timeout: Seconds for one decision of the pagination.
    """

    def __init__(
        self, endpoint: Endpoint, send: Send, extract: Extract, *, blocking_timeout: float = BLOCKING_SECONDS
    ) -> None:
        self._endpoint = endpoint
        self._blocking_timeout = blocking_timeout
        self._extract = extract
        self._ahead = _Ahead(send)
        self._seen: tuple[_Seen, ...] = ()
        self._circle = _Circle()
        self._count = 0
        """Of items on the last page."""
        self._pagination: Chosen[PaginationStrategy[Any]] = endpoint.spec.pagination
        self.stop: Stop | None = None
        """None until the read has ended."""
        self.drifts = False
        """Whether pages so far were counted from the start of the list: when rows move, some may have been missed."""

    async def pages(self, start: Checkpoint | None = None) -> AsyncGenerator[ReadPage]:
        """Yield the pages in order, each exactly once.

        Args:
            start: Where to go on, if a part was read before.

        Raises:
            ReadError: The read ends incomplete; pages yielded before stay valid.
        """
        with self._ahead:
            asked: set[int] = set()
            first, request, url = (
                (start.index, start.request, start.url) if start else (0, self._first(), self._endpoint.url)
            )
            for index in range(first, self._endpoint.settings.max_pages):
                with self._blaming():
                    sent = self._ahead.sent_for(request) or self._endpoint.request(request, url)
                    _refuse_repetition(sent, asked)
                if index:
                    self.drifts |= self._pagination.strategy.drifts or counts_from_start(url, sent.url, self._count)
                response = await self._ahead.response(request, sent)
                page, extracted = self._page(request, response, index)
                url = response.url
                try:
                    decision = self._next(page)
                    if isinstance(decision, PageRequest):
                        self._look_ahead(page, decision, url)
                except ReadError:
                    yield ReadPage(page, extracted, response, None)  # it is good, though nobody knows what follows
                    raise
                if isinstance(decision, Stop):
                    self.stop = decision
                    if decision.reason is not StopReason.REPEATED_PAGE:  # its items were yielded before
                        yield ReadPage(page, extracted, response, None)
                    return
                yield ReadPage(page, extracted, response, decision)
                request = decision
        limit = self._endpoint.settings.max_pages
        raise ReadError(f"more than {limit} pages (connection.maxPages)", reason=StopReason.PAGE_LIMIT)

    def _page(self, request: PageRequest, response: ApiResponse, index: int) -> tuple[Page, Extracted]:
        document = _document(response)
        extracted = self._extract(document)
        if extracted.is_record and self._seen and self._seen[-1].is_list:
            message = f"page {index + 1} is one object, and those before it were lists"
            raise ReadError(message, reason=StopReason.UNEXPECTED_ITEMS)
        seen = _Seen(response, extracted)
        page = Page(
            request=request,
            url=response.url,
            status=response.status,
            headers=response.headers,
            body=document,
            items=None if extracted.is_record else extracted.items,
            index=index,
            repeats_previous=self._circle.closes(seen)
            or any(seen.is_like(former, self._extract) for former in self._seen),
        )
        self._seen = (*self._seen[:1], seen)
        self._count = len(extracted.items)
        return page, extracted

    def _first(self) -> PageRequest:
        chosen = self._pagination
        with self._blaming():
            first = cast("object", chosen.strategy.first(chosen.config))  # a plugin may return anything
            if not isinstance(first, PageRequest):
                message = f"first() returned {type(first).__name__}, not a PageRequest"
                raise TypeError(message)
            return first

    def _next(self, page: Page) -> PageRequest | Stop:
        chosen = self._pagination
        with self._blaming():
            decision = cast("object", chosen.strategy.next(chosen.config, page))  # a plugin may return anything
            if not isinstance(decision, PageRequest | Stop):
                message = f"next() returned {type(decision).__name__}, neither PageRequest nor Stop"
                raise TypeError(message)
            return decision

    def _look_ahead(self, page: Page, decision: PageRequest, url: str) -> None:
        """Send for the next pages, as far as the pagination can guess them; a lone one waits until its turn comes."""
        depth = self._endpoint.settings.prefetch_pages
        if depth == 1:
            return
        if not self._ahead.expects(decision):
            self._ahead.drop()
        chosen = self._pagination
        for steps in range(max(len(self._ahead), 1) + 1, depth + 1):
            with self._blaming():
                guess = chosen.strategy.ahead(chosen.config, page, steps)
                if guess is None:
                    break
                request = self._endpoint.request(guess, url)
            if not len(self._ahead):
                self._ahead.send(decision, self._endpoint.request(decision, url))
            self._ahead.send(guess, request)

    @contextmanager
    def _blaming(self) -> Generator[None]:
        """Name the plugin when its decision raises what it should not, or does not come."""
        try:
            with blocking(self._blocking_timeout):
                yield
        except PenstockError:
            raise
        except Exception as error:
            name = self._pagination.strategy.name
            message = f'the pagination plugin "{name}" failed: {type(error).__name__}: {error}'
            raise ReadError(message, reason=StopReason.PLUGIN_FAILED) from error


class _Seen:
    """What is kept of the first page and of the last, to notice a server that sends the same items again."""

    def __init__(self, response: ApiResponse, extracted: Extracted) -> None:
        self.is_list = not extracted.is_record
        self._response = response
        self._count = len(extracted.items)
        self._last = repr(extracted.items[-1]) if extracted.items else ""
        self.fingerprint = hash((self._count, repr(extracted.items[0]), self._last)) if extracted.items else None
        """Equal for pages that look alike; None for one without items."""

    def is_like(self, former: _Seen, extract: Extract) -> bool:
        """Whether there are items, and the same ones as on a former page."""
        # only where the last items agree is it worth reading both pages again, whose items may be changed by now
        if not self._count or (self._count, self._last) != (former._count, former._last):
            return False
        return self._items(extract) == former._items(extract)

    def _items(self, extract: Extract) -> list[JSON]:
        return extract(_document(self._response)).items


class _Flight(NamedTuple):
    """A request in flight."""

    page: PageRequest
    request: ApiRequest
    task: asyncio.Task[ApiResponse]


class _Circle:
    """Notices a list that leads round and round, though every link or cursor in it is a new one."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._again = 0

    def closes(self, page: _Seen) -> bool:
        """Whether so many pages in a row looked like earlier ones that it can be no accident."""
        if page.fingerprint is None:
            return False
        self._again = self._again + 1 if page.fingerprint in self._met else 0
        self._met.add(page.fingerprint)
        return self._again >= _ROUND


class _Ahead:
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

    def sent_for(self, page: PageRequest) -> ApiRequest | None:
        """Return the first request in flight, if it asks for this page."""
        return self._flights[0].request if self.expects(page) else None

    def drop(self) -> None:
        """Give up everything in flight."""
        while self._flights:
            self._flights.pop().task.cancel()

    def send(self, page: PageRequest, request: ApiRequest) -> None:
        """Send a request now; its failure counts only if its page is asked for."""
        task = asyncio.create_task(self._sent(request))
        task.add_done_callback(_hear)
        self._flights.append(_Flight(page, request, task))

    async def response(self, page: PageRequest, request: ApiRequest) -> ApiResponse:
        """Return the answer to a request, from flight if it is there."""
        if not self.expects(page):
            return await self._send(request)
        task = self._flights.popleft().task
        try:
            return await task
        finally:
            task.cancel()

    async def _sent(self, request: ApiRequest) -> ApiResponse:
        return await self._send(request)


def _asks_for_the_same(one: PageRequest, other: PageRequest) -> bool:
    return (one.params, one.body, one.headers, one.url) == (other.params, other.body, other.headers, other.url)


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
