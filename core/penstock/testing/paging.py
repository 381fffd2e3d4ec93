"""Reads pages as core does, from answers given by a function: no network, and no short cuts either."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from penstock.errors import ReadError
from penstock.strategies import PaginationStrategy
from penstock.testing.conformance import require
from penstock.values import JSON, Page, PageRequest, Stop, StopReason

URL: Final = "https://api.test/items"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source answers; ``items`` are found as ``data_path: .items`` finds them, or in a list that is all."""

    body: JSON
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""

    @property
    def items(self) -> Sequence[JSON] | None:
        """What the data path gives; None where the document itself is the one record."""
        if isinstance(self.body, list):
            return self.body
        found = self.body.get("items") if isinstance(self.body, dict) else None
        return found if isinstance(found, list) else None


@dataclass(slots=True)
class Reading:
    """One read: what was asked for, what came, and why it ended."""

    requests: list[PageRequest] = field(default_factory=list[PageRequest])
    items: list[JSON] = field(default_factory=list[JSON])
    stop: Stop | None = None
    pages: list[Page] = field(default_factory=list[Page])

    @property
    def reason(self) -> StopReason:
        """Why it ended."""
        if self.stop is None:
            message = "the read has not ended"
            raise AssertionError(message)
        return self.stop.reason

    def asked(self, parameter: str) -> list[object]:
        """Return the values of one parameter, None where it was not sent."""
        return [request.params.get(parameter) for request in self.requests]


def config_of(strategy: PaginationStrategy[Any], **settings: object) -> Any:  # noqa: ANN401 - each has its own
    """Return settings, checked."""
    return strategy.Config.model_validate(settings)


def page_of(
    request: PageRequest, answer: Answer, *, index: int = 0, url: str = URL, previous: Page | None = None
) -> Page:
    """Return the page that an answer makes."""
    repeats = previous is not None and bool(answer.items) and previous.items == answer.items
    return Page(
        request=request,
        url=url,
        status=200,
        headers=answer.headers,
        body=answer.body,
        items=answer.items,
        index=index,
        repeats_previous=repeats,
    )


def read(
    strategy: PaginationStrategy[Any],
    config: Any,  # noqa: ANN401 - each has its own
    source: Callable[[PageRequest], Answer],
    *,
    most: int = 1000,
) -> Reading:
    """Read to the end, passing the state through JSON at every page, as a read that is resumed there would.

    A request that was made before ends the read as it does in core.

    Args:
        strategy: What asks.
        config: Its settings.
        source: What answers.
        most: How many requests it may take.

    Raises:
        AssertionError: There is no end, a decision differs when it is asked for again, or the state is no JSON.
        ReadError: The strategy ended the read with it.
    """
    reading = Reading()
    _read(strategy, config, source, reading, most)
    return reading


def read_in_any_case(
    strategy: PaginationStrategy[Any],
    config: Any,  # noqa: ANN401 - each has its own
    source: Callable[[PageRequest], Answer],
    *,
    most: int = 1000,
) -> Reading:
    """Read as ``read`` does; a ``ReadError`` is the end of the read, as it is in core."""
    reading = Reading()
    try:
        _read(strategy, config, source, reading, most)
    except ReadError as error:
        reading.stop = Stop(error.reason, str(error))
    return reading


def script(*answers: Answer | JSON) -> Callable[[PageRequest], Answer]:
    """Answer with these, one after the other."""
    left = iter(answers)

    def source(request: PageRequest) -> Answer:
        del request
        answer = next(left)
        return answer if isinstance(answer, Answer) else Answer(answer)

    return source


def same_request(one: PageRequest, other: PageRequest) -> bool:
    """Whether two requests ask for the same page."""
    return (one.params, one.body, one.url) == (other.params, other.body, other.url)


def _read(
    strategy: PaginationStrategy[Any],
    config: Any,  # noqa: ANN401 - each has its own
    source: Callable[[PageRequest], Answer],
    reading: Reading,
    most: int,
) -> None:
    request = strategy.first(config)
    previous = None
    while len(reading.requests) < most:
        request = replace(request, state=_through_json(request.state))
        if any(same_request(request, earlier) for earlier in reading.requests):
            reading.stop = Stop(StopReason.REPEATED_REQUEST)
            return
        page = page_of(request, source(request), index=len(reading.requests), previous=previous)
        reading.requests.append(request)
        reading.pages.append(page)
        decision = strategy.next(config, page)
        again = strategy.next(config, page)
        require(decision == again, f"the same page led to {decision} and then to {again}: the decision is not pure")
        if not (isinstance(decision, Stop) and decision.reason is StopReason.REPEATED_PAGE):
            reading.items += page.items or []
        if isinstance(decision, Stop):
            reading.stop = decision
            return
        request, previous = decision, page
    message = f"no end after {most} requests, of which the last were {reading.requests[-3:]}"
    raise AssertionError(message)


def _through_json(state: JSON) -> JSON:
    try:
        came: JSON = json.loads(json.dumps(state))
    except TypeError as error:
        message = f"the state {state!r} is no JSON: {error}"
        raise AssertionError(message) from error
    require(came == state, f"the state {state!r} becomes {came!r} in JSON: use lists, not tuples, and text as names")
    return came
