"""Ask once more for the page that showed an entity, and follow its record through the mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.config.models import Resource, Settings
from penstock.errors import PenstockError
from penstock.explain.facts import path_values
from penstock.journal import Asked, Seen
from penstock.redaction import Redactor, Secrets, mask_url
from penstock.sync.preview import redacted_entity
from penstock.sync.read import ReadPage
from penstock.sync.refusals import AnswerCheck
from penstock.sync.report import Message
from penstock.sync.source import Source, open_source
from penstock.sync.transform import Extracted, extract_items
from penstock.sync.transform.trace import Step, Trace, Tracer
from penstock.values import JSON, EntityKey

_FIRST: Final = Asked("", None)


class Answer(Struct, frozen=True):
    """The page as it is now; without secrets."""

    method: str
    url: str
    body: JSON
    """What was sent; None where nothing was."""
    status: int
    records: int
    """Raw items of the page."""
    found: Trace | None
    """The record; of several the one that counts: the last that is selected, else the last."""
    others: int
    """Further records of the page with this name."""


class Reread(Struct, frozen=True):
    """What came of asking."""

    answer: Answer | None = None
    why_not: str = ""
    """Why there is no answer."""


def request_of(seen: Seen, pages: Mapping[Seen, Asked]) -> Asked | None:
    """Return how to ask for the page that showed an entity; None where that is not known."""
    asked = pages.get(seen)
    if asked is None:
        return _FIRST if seen.page == 0 else None  # the first request is the mapping's own
    return asked if asked.known else None


async def reread(
    settings: Settings, secrets: Secrets, resource: Resource, seen: Seen, asked: Asked, key: EntityKey
) -> Reread:
    """Send one request, and whatever the auth needs for it.

    Args:
        settings: How to reach the source.
        secrets: What must not be shown; learns what is obtained on the way.
        resource: What showed the entity.
        seen: Where.
        asked: How to ask for the page.
        key: The entity.
    """
    alone = settings.connection.http.model_copy(update={"prefetch_pages": 1})
    settings = replace(settings, connection=replace(settings.connection, http=alone))
    async with open_source(settings, secrets) as source:
        try:
            return Reread(await _answer(source, resource, seen, asked, key))
        except PenstockError as error:
            return Reread(why_not=source.client.redactor()(str(error)))


async def _answer(source: Source, resource: Resource, seen: Seen, asked: Asked, key: EntityKey) -> Answer | None:
    data_path = None if resource.data_path is None else source.evaluator.compile(resource.data_path)
    values = path_values(seen)

    def extract(document: JSON) -> Extracted:
        return extract_items(data_path, document)

    async with aclosing(source.open_read(resource.request, values, extract).pages(asked.checkpoint)) as pages:
        async for page in pages:
            await AnswerCheck(resource.request, resource.data_path, source).check(page)
            traces = await Tracer(resource, source.evaluator).find(page.extracted.items, values, key)
            return _shown(page, resource, traces, source.client.redactor())
    return None


def _shown(page: ReadPage, resource: Resource, traces: Sequence[Trace], redact: Redactor) -> Answer:
    chosen = [trace for trace in traces if trace.selected] or traces
    body: JSON = {**resource.request.body, **page.page.request.body} or None
    return Answer(
        method=resource.request.method,
        url=redact(mask_url(page.response.url)),
        body=redact.json(body),
        status=page.response.status,
        records=len(page.extracted.items),
        found=_redacted(chosen[-1], redact) if chosen else None,
        others=max(len(traces) - 1, 0),
    )


def _redacted(trace: Trace, redact: Redactor) -> Trace:
    def step(one: Step) -> Step:
        return replace(one, text=redact(one.text), value=redact.json(one.value), error=redact(one.error))

    return Trace(
        item=trace.item,
        record=redact.json(trace.record),
        selector=step(trace.selector),
        steps=[step(one) for one in trace.steps],
        entity=None if trace.entity is None else redacted_entity(trace.entity, redact),
        notes=[Message(redact(note.where), redact(note.message)) for note in trace.notes],
    )
