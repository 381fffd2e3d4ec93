"""Read one endpoint page by page, until its pagination names a reason to stop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, ItemsView, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

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

if TYPE_CHECKING:
    from penstock.journal.validators import KnownPage

_ROUND: Final = 10
"""Pages that were seen before, one after another, after which a list is taken for a circle."""
Send = Callable[[ApiRequest], Awaitable[ApiResponse]]
Extract = Callable[[JSON], Extracted]
Recall: TypeAlias = "Callable[[int, PageRequest, ApiRequest], KnownPage | None]"
"""Returns what is known of a page by its number, if it is to be asked for by its validator."""


class ReadPage(Struct, frozen=True):
    """One page as the next stage gets it."""

    page: Page
    extracted: Extracted
    response: ApiResponse
    sent: ApiRequest
    """What asked for it, but for conditions."""
    following: PageRequest | None
    """What is asked for next; None after the last page, and where nobody knows."""
    known: KnownPage | None = None
    """What an earlier run made of it, where the source says that it is the same: there are no items then."""


class Heard(Mapping[str, str]):
    """The headers of an answer, which know by which names they were asked: a decision may follow from those.

    Args:
        headers: Their look-up ignores case.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.asked: set[str] = set()
        """In lower case."""

    def __getitem__(self, name: str) -> str:
        self.asked.add(name.lower())
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def items(self) -> ItemsView[str, str]:
        """Return all of them, for an expression to choose from: most of them differ every time, and links lead on."""
        self.asked.add("link")
        return self._headers.items()


class Read:
    """The read of one endpoint: iterate over ``pages()``; ``stop`` says afterwards why it ended.

    Args:
        endpoint: What to read.
        send: Sends one request; retries are its business.
        extract: Finds the items in a page's document.
        recall: Knows pages of earlier runs; none by default.
        blocking_timeout: Seconds for one decision of the pagination.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        send: Send,
        extract: Extract,
        recall: Recall | None = None,
        *,
        blocking_timeout: float = BLOCKING_SECONDS,
    ) -> None:
        self._recall = recall
        self._endpoint = endpoint
        self._blocking_timeout = blocking_timeout
        self._extract = extract
        self._ahead = _Ahead(send)
        self._seen: tuple[_Seen, ...] = ()
        self._circle = _Circle()
        self._count: int | None = None
        """Of items on the last page; None where it is not known."""
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
                    question = self._ahead.sent_for(request) or self._question(index, request, url)
                    _refuse_repetition(question.request, asked)
                if index:
                    self.drifts |= self._pagination.strategy.drifts or counts_from_start(
                        url, question.request.url, self._count
                    )
                response, known = await self._ahead.answer(request, question)
                url = response.url
                if known is None:
                    page, extracted = self._page(request, response, index)
                else:
                    page, extracted = _same(request, response, index)
                self._count = None if known else len(extracted.items)
                try:
                    decision = self._next(page) if known is None else known.decision
                    if isinstance(decision, PageRequest):
                        self._look_ahead(page, decision, url, known)
                except ReadError:
                    # it is good, though nobody knows what follows
                    yield ReadPage(page, extracted, response, question.request, None, known)
                    raise
                if isinstance(decision, Stop):
                    self.stop = decision
                    if decision.reason is not StopReason.REPEATED_PAGE:  # its items were yielded before
                        yield ReadPage(page, extracted, response, question.request, None, known)
                    return
                if len(self._ahead):
                    await asyncio.sleep(0)  # what was asked for goes out before this page is worked on
                yield ReadPage(page, extracted, response, question.request, decision, known)
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
            headers=Heard(response.headers),
            body=document,
            items=None if extracted.is_record else extracted.items,
            index=index,
            repeats_previous=self._circle.closes(seen)
            or any(seen.is_like(former, self._extract) for former in self._seen),
        )
        self._seen = (*self._seen[:1], seen)
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

    def _question(self, index: int, page: PageRequest, url: str) -> _Question:
        request = self._endpoint.request(page, url)
        return _Question(request, self._recall and self._recall(index, page, request))

    def _look_ahead(self, page: Page, decision: PageRequest, url: str, known: KnownPage | None) -> None:
        """Send for the next pages, as far as they can be guessed; a lone one waits until its turn comes."""
        depth = self._endpoint.settings.prefetch_pages
        if depth == 1:
            return
        if not self._ahead.expects(decision):
            self._ahead.drop()
        if known is not None:
            self._look_ahead_as_before(page, decision, url, depth)
            return
        chosen = self._pagination
        for steps in range(max(len(self._ahead), 1) + 1, depth + 1):
            with self._blaming():
                guess = chosen.strategy.ahead(chosen.config, page, steps)
                if guess is None:
                    break
                question = self._question(page.index + steps, guess, url)
            if not len(self._ahead):
                self._ahead.send(decision, self._question(page.index + 1, decision, url))
            self._ahead.send(guess, question)

    def _look_ahead_as_before(self, page: Page, decision: PageRequest, url: str, depth: int) -> None:
        """Send for the pages that came after one that has not changed, while they are known.

        The pagination cannot tell, for there is no document; whoever follows links needs the page that has them.
        """
        chain = [decision]
        while len(chain) < depth and chain[-1].url is None:
            known = self._question(page.index + len(chain), chain[-1], url).known
            if known is None or isinstance(known.decision, Stop) or known.decision.url is not None:
                break
            chain.append(known.decision)
        if len(chain) > 1:
            for steps in range(len(self._ahead), len(chain)):
                self._ahead.send(chain[steps], self._question(page.index + 1 + steps, chain[steps], url))

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


class _Question(NamedTuple):
    """A request, and what is known of the page that it asks for."""

    request: ApiRequest
    known: KnownPage | None


class _Answer(NamedTuple):
    """An answer, and what is known of the page where that is the same still."""

    response: ApiResponse
    known: KnownPage | None


class _Flight(Struct, frozen=True):
    """A request in flight."""

    page: PageRequest
    question: _Question
    task: asyncio.Task[_Answer]


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

    def sent_for(self, page: PageRequest) -> _Question | None:
        """Return the first request in flight, if it asks for this page."""
        return self._flights[0].question if self.expects(page) else None

    def drop(self) -> None:
        """Give up everything in flight."""
        while self._flights:
            self._flights.pop().task.cancel()

    def send(self, page: PageRequest, question: _Question) -> None:
        """Send a request now; its failure counts only if its page is asked for."""
        task = asyncio.create_task(self._sent(question))
        task.add_done_callback(_hear)
        self._flights.append(_Flight(page, question, task))

    async def answer(self, page: PageRequest, question: _Question) -> _Answer:
        """Return the answer to a request, from flight if it is there."""
        if not self.expects(page):
            return await self._sent(question)
        task = self._flights.popleft().task
        try:
            return await task
        finally:
            task.cancel()

    async def _sent(self, question: _Question) -> _Answer:
        request, known = question
        if known is None:
            return _Answer(await self._send(request), None)
        response = await self._send(replace(request, conditions=known.validator.conditions()))
        if response.status != HTTPStatus.NOT_MODIFIED:
            return _Answer(response, None)
        if known.is_same(response.headers):
            return _Answer(response, known)
        return _Answer(await self._send(request), None)  # what has not changed is something else, or leads elsewhere


def _same(request: PageRequest, response: ApiResponse, index: int) -> tuple[Page, Extracted]:
    """Return a page of which only is known that it is the same as it was."""
    page = Page(request, response.url, response.status, response.headers, body=None, items=[], index=index)
    return page, Extracted([])


def _asks_for_the_same(one: PageRequest, other: PageRequest) -> bool:
    return (one.params, one.body, one.headers, one.url) == (other.params, other.body, other.headers, other.url)


def _hear(task: asyncio.Task[_Answer]) -> None:
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
