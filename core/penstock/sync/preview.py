"""Look at kinds without writing anything: one request each, and what its items would become."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import fields
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.config.models import Resource, Settings
from penstock.errors import PenstockError, ReadError
from penstock.redaction import Redactor, Secrets, mask_url
from penstock.sync.discover import Discovery, Partition
from penstock.sync.read import ReadPage
from penstock.sync.refusals import AnswerCheck, refuse_unmapped_record
from penstock.sync.report import Message
from penstock.sync.source import Source, open_source
from penstock.sync.transform import Extracted, MappedItems, Mapper, extract_items
from penstock.values import JSON, UNSET, Entity, StopReason

_SECRET_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authenticate", "www-authenticate"})


class Preview(Struct, frozen=True):
    """The first page of a kind."""

    kind: str
    method: str
    url: str
    """Secrets masked."""
    path_values: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    """Response headers, without those that carry credentials."""
    seconds: float
    size: int
    """Bytes of the answer, decompressed."""
    items: Sequence[JSON]
    """The first raw items."""
    mapped: MappedItems
    """What those items would become."""
    warning: str
    """What is odd about the answer; empty when nothing is."""


class KindCheck(Struct, frozen=True):
    """Whether a kind's first request works."""

    kind: str
    ok: bool
    message: str
    """What came, or what is wrong."""
    seconds: float


async def preview(settings: Settings, secrets: Secrets, kind: str, *, items: int = 3) -> list[Preview]:
    """Read the first page of every resource of this kind, and map its first ``items`` items.

    Raises:
        ReadError: The request failed, or its answer cannot be read.
    """
    async with open_source(settings, secrets) as source:
        try:
            return [await _preview(source, resource, items) for resource in settings.resources if resource.kind == kind]
        except ReadError as error:
            raise ReadError(source.client.redactor()(str(error)), reason=error.reason) from None


async def check(settings: Settings, secrets: Secrets, *, only: Collection[str] = ()) -> list[KindCheck]:
    """Send the first request of every kind (and of its discovery), and say which ones work."""
    async with open_source(settings, secrets) as source:
        chosen = [resource for resource in settings.resources if not only or resource.kind in only]
        return [await _check(source, resource) for resource in chosen]


async def _check(source: Source, resource: Resource) -> KindCheck:
    started = time.monotonic()
    try:
        found = await _preview(source, resource, None)
    except PenstockError as error:
        message = source.client.redactor()(str(error))
        return KindCheck(resource.kind, ok=False, message=message, seconds=time.monotonic() - started)
    mapped = found.mapped
    message = f"{mapped.fetched} items, {mapped.selected} selected, {len(mapped.entities)} entities"
    if mapped.errors:
        message += f"; {mapped.errors[0].where}: {mapped.errors[0].message}"
    elif found.warning:
        message += f"; {found.warning}"
    return KindCheck(resource.kind, ok=not mapped.errors, message=message, seconds=time.monotonic() - started)


async def _preview(source: Source, resource: Resource, items: int | None) -> Preview:
    data_path = None if resource.data_path is None else source.evaluator.compile(resource.data_path)

    def extract(document: JSON) -> Extracted:
        return extract_items(data_path, document)

    partition = await _first_partition(source, resource)
    async with aclosing(source.open_read(resource.request, partition.values, extract).pages()) as pages:
        async for read in pages:
            return await _mapped(source, resource, partition, read, items)
    raise ReadError("no page was read", reason=StopReason.REQUEST_FAILED)


async def _first_partition(source: Source, resource: Resource) -> Partition:
    discovery = Discovery(resource, source)
    async with aclosing(discovery.partitions()) as partitions:
        async for partition in partitions:
            return partition
    if discovery.failures:
        raise discovery.failures[0]
    names = ", ".join(parameter.name for parameter in resource.path_parameters)
    raise ReadError(f"discovery found no value for {names}", reason=StopReason.NO_PARENTS)


async def _mapped(
    source: Source, resource: Resource, partition: Partition, read: ReadPage, items: int | None
) -> Preview:
    await AnswerCheck(resource.request, resource.data_path, source).check(read)
    shown = list(read.extracted.items[:items])
    raw = [dict(item) if isinstance(item, dict) else item for item in shown]  # mapping puts path values into items
    mapped = await Mapper(resource, source.evaluator).map(shown, partition.values)
    refuse_unmapped_record(read.extracted, mapped, resource)
    redact = source.client.redactor()  # some APIs answer with what they were asked
    return Preview(
        kind=resource.kind,
        method=resource.request.method,
        url=redact(mask_url(read.response.url)),
        path_values=partition.values,
        status=read.response.status,
        headers={
            name: redact(value) for name, value in read.response.headers.items() if name.lower() not in _SECRET_HEADERS
        },
        seconds=read.response.seconds,
        size=len(read.response.content),
        items=[redact.json(item) for item in raw],
        mapped=_redacted(mapped, redact),
        warning=redact(read.extracted.warning),
    )


def _redacted(mapped: MappedItems, redact: Redactor) -> MappedItems:
    return replace(
        mapped,
        entities=[redacted_entity(entity, redact) for entity in mapped.entities],
        errors=[Message(redact(message.where), redact(message.message)) for message in mapped.errors],
        warnings=[Message(redact(message.where), redact(message.message)) for message in mapped.warnings],
    )


def redacted_entity(entity: Entity, redact: Redactor) -> Entity:
    """Return an entity without secrets: some APIs answer with what they were asked."""
    values: dict[str, Any] = {field.name: getattr(entity, field.name) for field in fields(entity)}
    shown: dict[str, Any] = {name: v if v is UNSET else redact.json(v) for name, v in values.items()}
    return Entity(**shown)
