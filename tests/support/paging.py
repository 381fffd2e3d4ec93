"""Drives a pagination as core does, against answers given by a function: no network, and no short cuts either."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from penstock import JSON, Page, PageRequest, PaginationStrategy, Stop, StopReason

URL = "https://api.test/items"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source answers; ``items`` are found as ``data_path: .items`` finds them, or in a list that is all."""

    body: JSON
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def items(self) -> Sequence[JSON] | None:
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
        assert self.stop is not None
        return self.stop.reason

    def asked(self, parameter: str) -> list[object]:
        """The values of one parameter, None where it was not sent."""
        return [request.params.get(parameter) for request in self.requests]


def config_of(strategy: PaginationStrategy[Any], **settings: object) -> Any:  # noqa: ANN401 - each has its own
    return strategy.Config.model_validate(settings)


def page_of(
    request: PageRequest, answer: Answer, *, index: int = 0, url: str = URL, previous: Page | None = None
) -> Page:
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
    """
    reading = Reading()
    request = strategy.first(config)
    previous = None
    while len(reading.requests) < most:
        request = replace(request, state=json.loads(json.dumps(request.state)))
        if any(_same(request, earlier) for earlier in reading.requests):
            reading.stop = Stop(StopReason.REPEATED_REQUEST)
            return reading
        page = page_of(request, source(request), index=len(reading.requests), previous=previous)
        reading.requests.append(request)
        reading.pages.append(page)
        decision = strategy.next(config, page)
        assert decision == strategy.next(config, page), "the decision is not pure"
        if not (isinstance(decision, Stop) and decision.reason is StopReason.REPEATED_PAGE):
            reading.items += page.items or []
        if isinstance(decision, Stop):
            reading.stop = decision
            return reading
        request, previous = decision, page
    message = f"no end after {most} requests"
    raise AssertionError(message)


def script(*answers: Answer | JSON) -> Callable[[PageRequest], Answer]:
    """Answer with these, one after the other."""
    left = iter(answers)

    def source(request: PageRequest) -> Answer:
        del request
        answer = next(left)
        return answer if isinstance(answer, Answer) else Answer(answer)

    return source


def _same(one: PageRequest, other: PageRequest) -> bool:
    return (one.params, one.body, one.url) == (other.params, other.body, other.url)
