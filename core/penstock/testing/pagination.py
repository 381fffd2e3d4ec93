"""The conformance kit for paginations: pure decisions, against a model of the API and against what APIs do wrong."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar, Final, cast

import pytest
from pydantic.alias_generators import to_camel

from penstock.strategies import PaginationStrategy
from penstock.testing.conformance import PluginConformance, require
from penstock.testing.paging import Answer, Reading, page_of, read_in_any_case, same_request
from penstock.testing.watching import outside_touched
from penstock.values import JSON, PageRequest, StopReason

Source = Callable[[PageRequest], Answer]

COUNTS: Final = (0, 1, 2, 3, 4, 5, 7, 12, 13)
"""How many records the model holds: none, one, full last pages and short ones."""
CAP: Final = 4
"""How many records the model gives a page, unless fewer are asked for."""
STEPS: Final = (1, 2, 3, 7)
_MOST: Final = 60
"""Requests that no read of so few records needs."""
_AFTER_A_REPEAT: Final = 3
_WRONG: Final[tuple[JSON, ...]] = (
    None, True, False, 0, -1, 1, 10**9, 1e300, "", "x", "-1", "/", "https://elsewhere.test/x", "?", [], [None], {},
    {"x": 1},
)  # fmt: skip
"""What may stand where an answer says what follows."""


class PaginationConformance(PluginConformance):
    """What a pagination must do. Inherit from it, and say what to test and how the API pages.

    ::

        class TestKeyset(PaginationConformance):
            strategy = Keyset

            def answer(self, asked, records, cap):
                after = asked.params.get("after", 0)
                return Answer({"items": [record for record in records if record["id"] > after][:cap]})
    """

    family = "pagination"
    strategy: ClassVar[type[PaginationStrategy[Any]] | PaginationStrategy[Any]]
    page_size_setting: ClassVar[str] = ""
    """The setting that says how many records to ask for; empty where there is none."""
    only_one_page: ClassVar[bool] = False
    """Whether it never asks for a second page."""

    @abstractmethod
    def answer(self, asked: PageRequest, records: Sequence[dict[str, JSON]], cap: int) -> Answer:
        """Answer as an API does that behaves: a model of it.

        Args:
            asked: How the request differs from the resource's own.
            records: All there are, as ``records`` made them.
            cap: How many to give at most, whatever was asked for.

        Returns:
            The document, its items in the member ``items`` or as the whole of it.
        """
        raise NotImplementedError

    def records(self, count: int) -> Sequence[dict[str, JSON]]:
        """Return so many records, as the API orders them; by default with ``id`` from 1 and ``name``."""
        return [{"id": number, "name": f"record {number}"} for number in range(1, count + 1)]

    def read(self, source: Source, **settings: object) -> Reading:
        """Read to the end from a source, with the settings of ``config`` and these."""
        named = {to_camel(name): value for name, value in self.config.items()}
        named |= {to_camel(name): value for name, value in settings.items()}
        return read_in_any_case(self._offered(), self.validated(named), source, most=_MOST)

    def model(self, count: int, cap: int = CAP) -> Source:
        """Return an API with so many records that behaves."""
        records = self.records(count)

        def source(asked: PageRequest) -> Answer:
            return self.answer(asked, records, cap)

        return source

    @pytest.mark.parametrize("cap", [CAP, 1])
    @pytest.mark.parametrize("count", COUNTS)
    def test_an_api_that_behaves_is_read_whole(self, count: int, cap: int) -> None:
        """Every record comes once, in order, and the end is a proof: full last page, short one, none at all."""
        if self.only_one_page:
            cap = max(count, 1)
        reading = self.read(self.model(count, cap))
        require(reading.items == list(self.records(count)), f"{count} records came as {reading.items}")
        require(reading.reason.complete, f"the read ended with {reading.stop}, which is no proof that it was whole")
        require(not reading.stop or not reading.stop.warning, f"a warning where nothing is wrong: {reading.stop}")

    @pytest.mark.parametrize("count", [5, 13])
    def test_the_same_page_leads_to_the_same_decision(self, count: int) -> None:
        """Asked again, in another order, of another instance: nothing is remembered, no clock is looked at."""
        reading = self.read(self.model(count))
        decisions = [*reading.requests[1:], reading.stop]
        fresh, config = self._offered(), self.validated(self.config)
        for page, decision in reversed(list(zip(reading.pages, decisions, strict=True))):
            again = fresh.next(config, page)
            require(again == decision, f"page {page.index} led to {decision}, and later to {again}")
        require(fresh.first(config) == reading.requests[0], "first() gives another request each time")
        require(not vars(fresh), f"the strategy keeps {vars(fresh)}; put it into PageRequest.state")

    def test_a_page_is_left_as_it_is(self) -> None:
        """Core goes on to use it."""
        requests = self.read(self.model(13)).requests
        source, config = self.model(13), self.validated(self.config)
        for index, request in enumerate(requests):
            page = page_of(request, source(request), index=index)
            kept = deepcopy(page)
            self._offered().next(config, page)
            self._offered().ahead(config, page, 1)
            require(kept == page, "next() or ahead() changed the page it was given")

    def test_nothing_outside_is_touched(self) -> None:
        """No file, no socket, no process: what a decision needs is in the page."""
        reading = self.read(self.model(5))
        strategy, config = self._offered(), self.validated(self.config)
        with outside_touched() as touched:
            strategy.first(config)
            for page in reading.pages:
                strategy.next(config, page)
                strategy.ahead(config, page, 1)
        require(not touched, f"a decision touched the world outside: {touched}")

    def test_a_read_can_be_resumed_at_any_page(self) -> None:
        """From a request that was kept as JSON, another process goes on as the first would have."""
        whole = self.read(self.model(13))
        source, config = self.model(13), self.validated(self.config)
        for index, request in enumerate(whole.requests):
            page = replace(whole.pages[index], request=request, body=source(request).body)
            decision = self._offered().next(config, page)
            expected = whole.requests[index + 1] if index + 1 < len(whole.requests) else whole.stop
            require(decision == expected, f"resumed at page {index} the read goes on with {decision}, not {expected}")

    @pytest.mark.parametrize("count", COUNTS)
    def test_what_is_asked_for_ahead_is_what_next_asks_for(self, count: int) -> None:
        """A guess is right, or there is none."""
        reading = self.read(self.model(count, max(count, 1) if self.only_one_page else CAP))
        config = self.validated(self.config)
        for page in reading.pages:
            for steps in STEPS:
                guess = self._offered().ahead(config, page, steps)
                if guess is None or page.index + steps >= len(reading.requests):
                    continue
                actual = reading.requests[page.index + steps]
                require(
                    same_request(guess, actual), f"ahead({steps}) of page {page.index}: {guess}, and next: {actual}"
                )

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_the_page_size_is_asked_for(self, size: int) -> None:
        """What the setting says is what comes."""
        if not self.page_size_setting:
            pytest.skip("it has no setting for the page size; name it in page_size_setting if it has")
        reading = self.read(self.model(7, cap=50), **{self.page_size_setting: size})
        largest = max(len(page.items or ()) for page in reading.pages)
        require(largest == size, f"with {self.page_size_setting}: {size} the largest page has {largest} records")
        require(reading.items == list(self.records(7)), f"7 records came as {reading.items}")

    @pytest.mark.parametrize("page", [0, 1, 2])
    def test_an_api_that_repeats_itself_is_noticed(self, page: int) -> None:
        """From some page on the same answer comes for ever: the read ends soon, and proves nothing."""
        reading = self.read(_stuck(self.model(13), page))
        most = page + _AFTER_A_REPEAT
        require(len(reading.requests) <= most, f"a repeated page was asked for {len(reading.requests) - page} times")
        if page + 1 < len(reading.requests):
            reason = reading.reason
            require(not reason.complete, f"a repeated page ended the read with {reason}, as if that were the end")
            require(
                reason is StopReason.REPEATED_REQUEST or (reading.stop and reading.stop.detail), "no detail was given"
            )

    @pytest.mark.parametrize("name", ["empty pages", "an empty page in the middle", "one record a page for ever"])
    def test_odd_pages_come_to_an_end(self, name: str) -> None:
        """Whatever a page holds, the read ends, and what came is kept."""
        for source in _odd(name, self):
            reading = self.read(source)
            require(reading.stop is not None, "the read has not ended")

    def test_whatever_an_answer_is_the_read_comes_to_an_end(self) -> None:
        """Nothing, scalars, records, lists, errors: no exception but ReadError, and an end."""
        documents: list[JSON] = [
            None,
            True,
            7,
            "text",
            {},
            [],
            [None],
            [1],
            {"id": 1},
            {"error": "down"},
            {"items": None},
        ]
        for body in documents:
            for good in (0, 1):
                self._ends(_turning(self.model(13), good, Answer(body)), f"the document {body!r}")

    def test_whatever_an_answer_says_of_the_next_page_the_read_comes_to_an_end(self) -> None:
        """Each member beside the items, at any depth, and each header: missing, of another type, out of range."""
        for good in (0, 1):
            sample = self.read(self.model(13)).pages[min(good, len(self.read(self.model(13)).pages) - 1)]
            for where, answer in _spoilt(Answer(sample.body, sample.headers)):
                self._ends(_turning(self.model(13), good, answer), where)

    def test_a_total_that_lies_loses_nothing_that_comes(self) -> None:
        """Numbers beside the items that are too small, too large or negative: an end, however."""
        for factor in (-1, 0, 1, 3, 10**6):
            reading = self._ends(_lying(self.model(13), factor), f"numbers that became {factor}")
            require(reading.items or self.only_one_page, "the first page was lost")

    def _ends(self, source: Source, where: str) -> Reading:
        try:
            return self.read(source)
        except AssertionError:
            raise
        except Exception as error:
            message = f"{where}: {type(error).__name__}: {error}; return a Stop, or raise ReadError with a reason"
            raise AssertionError(message) from error

    def _offered(self) -> PaginationStrategy[Any]:
        return cast("PaginationStrategy[Any]", self.offered())


def _stuck(source: Source, page: int) -> Source:
    """Answer as the source does, and from this page on always with the same."""
    answers: list[Answer] = []

    def stuck(asked: PageRequest) -> Answer:
        if len(answers) <= page:
            answers.append(source(asked))
        return answers[-1]

    return stuck


def _turning(source: Source, good: int, answer: Answer) -> Source:
    """Answer as the source does so many times, and then always with the same."""
    left = iter(range(good))

    def turning(asked: PageRequest) -> Answer:
        return answer if next(left, None) is None else source(asked)

    return turning


def _odd(name: str, kit: PaginationConformance) -> Iterator[Source]:
    model = kit.model(13)
    if name == "one record a page for ever":
        yield kit.model(_MOST // 2, 1) if not kit.only_one_page else kit.model(1)
        return
    emptied = [range(1000)] if name == "empty pages" else [[0], [1], [2]]
    for places in emptied:
        yield _with_items(model, places)


def _with_items(source: Source, places: Sequence[int]) -> Source:
    """Answer as the source does, but without items on these pages."""
    asked_so_far: list[PageRequest] = []

    def emptied(asked: PageRequest) -> Answer:
        answer = source(asked)
        asked_so_far.append(asked)
        if len(asked_so_far) - 1 not in places:
            return answer
        return replace(answer, body={**answer.body, "items": []} if isinstance(answer.body, dict) else [])

    return emptied


def _spoilt(answer: Answer) -> Iterator[tuple[str, Answer]]:
    """Iterate over answers of which one member or header is missing or wrong."""
    for name in answer.headers:
        yield f"without the header {name}", replace(answer, headers={**answer.headers, name: ""})
        for text in ("x", "<", '</x>; rel="next"', "<https://elsewhere.test/x>; rel=next", "-1", ","):
            yield f"the header {name}: {text}", replace(answer, headers={**answer.headers, name: text})
    if isinstance(answer.body, dict):
        for where, body in _changes(answer.body):
            yield where, replace(answer, body=body)


def _changes(document: Mapping[str, JSON], path: str = "") -> Iterator[tuple[str, dict[str, JSON]]]:
    for name, value in document.items():
        if not path and name == "items":
            continue
        where = f"{path}{name}"
        yield f"without {where}", {other: document[other] for other in document if other != name}
        for wrong in _WRONG:
            yield f"{where} is {wrong!r}", {**document, name: wrong}
        if isinstance(value, dict):
            for inner, changed in _changes(value, f"{where}."):
                whole: dict[str, JSON] = {**document, name: changed}
                yield inner, whole


def _lying(source: Source, factor: int) -> Source:
    def scaled(value: JSON) -> JSON:
        if isinstance(value, dict):
            return {name: inner if name == "items" else scaled(inner) for name, inner in value.items()}
        return value * factor if isinstance(value, int) and not isinstance(value, bool) else value

    def lying(asked: PageRequest) -> Answer:
        answer = source(asked)
        return replace(answer, body=scaled(answer.body))

    return lying
