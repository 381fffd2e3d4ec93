"""Read one endpoint page by page, until its pagination names a reason to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec import Struct

from penstock.config.models import Chosen
from penstock.errors import PenstockError, ReadError
from penstock.http.client import ApiRequest, ApiResponse
from penstock.journal import Checkpoint
from penstock.plugin_calls import BLOCKING_SECONDS, blocking
from penstock.redaction import mask_url
from penstock.strategies import PaginationStrategy
from penstock.sync.drift import counts_from_start
from penstock.sync.heard import Heard
from penstock.sync.in_flight import InFlight, Question, Send
from penstock.sync.repetition import Circle, Drought, Seen
from penstock.sync.requests import Endpoint, fingerprint
from penstock.sync.transform import Extract, Extracted
from penstock.values import Page, PageRequest, Stop, StopReason

if TYPE_CHECKING:
    from penstock.journal.validators import KnownPage

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
        self._ahead = InFlight(send)
        self._seen: tuple[Seen, ...] = ()
        self._circle = Circle()
        self._drought = Drought(endpoint.settings.max_empty_pages)
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
                    decision = self._drought.judge(extracted, self._next(page)) if known is None else known.decision
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
        document = response.document()
        # no body is no items (connection.md 4): there is nothing in which a data path could be missed
        nobody = document is None and not response.content.strip()
        extracted = Extracted([]) if nobody else self._extract(document)
        if extracted.is_record and self._seen and self._seen[-1].is_list:
            message = f"page {index + 1} is one object, and those before it were lists"
            raise ReadError(message, reason=StopReason.UNEXPECTED_ITEMS)
        seen = Seen(response, extracted)
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

    def _question(self, index: int, page: PageRequest, url: str) -> Question:
        request = self._endpoint.request(page, url)
        return Question(request, self._recall and self._recall(index, page, request))

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


def _same(request: PageRequest, response: ApiResponse, index: int) -> tuple[Page, Extracted]:
    """Return a page of which only is known that it is the same as it was."""
    page = Page(request, response.url, response.status, response.headers, body=None, items=[], index=index)
    return page, Extracted([])


def _refuse_repetition(request: ApiRequest, asked: set[int]) -> None:
    key = fingerprint(request)
    if key in asked:
        message = f"the next page would be {mask_url(request.url)} again: the source leads in a circle"
        raise ReadError(message, reason=StopReason.REPEATED_REQUEST)
    asked.add(key)
