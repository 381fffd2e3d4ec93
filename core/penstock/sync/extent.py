"""What a run may spare: which resources are asked for changes only, and whether what earlier runs know still holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import EntryPoints, entry_points
from typing import TYPE_CHECKING, Any

from penstock.config.models import Chosen, Resource, Settings
from penstock.journal import Journal
from penstock.strategies import Sink
from penstock.sync.coverage import Coverages
from penstock.sync.requests import canonical
from penstock.sync.resources import overlapping
from penstock.sync.task import resource_of
from penstock.version import VERSION

if TYPE_CHECKING:
    from penstock.config.incremental import Every
    from penstock.journal.extents import Extent


class Whole(StrEnum):
    """Why everything of an incremental resource is read. The list is closed; reports use these words."""

    ASKED = "asked"
    """``--full``."""
    FIRST = "first"
    """No complete read of everything is known."""
    CHANGED = "changed"
    """The resource, its mapping, its connection, its sink or a plugin is not what it was."""
    CATALOG = "catalog"
    """The catalog has less than earlier runs have left in it."""
    DUE = "due"
    """``fullEvery``."""
    TOGETHER = "together"
    """Everything is read of a resource that may show the same blueprints."""


async def settle_extents(
    sink: Sink,
    journal: Journal,
    settings: Settings,
    mapping: Mapping[str, Resource],
    chosen: Collection[str],
    at: datetime,
) -> dict[str, Whole]:
    """Forget what does not hold any more, and return why resources are read whole; the others need not be.

    Resources that may show the same blueprints are read whole in the same run: only then is it known what is gone.

    Args:
        sink: The catalog, as it is before the run.
        journal: What earlier runs know.
        settings: What to do.
        mapping: All resources, by name.
        chosen: The names of those that are read.
        at: When the run began.

    Raises:
        SinkError: The sink cannot say what it holds.
        JournalError: The journal cannot go on.
    """
    lost = journal.extents.spares_work() and await _has_lost(sink, journal.extents.catalog())
    with journal.transaction():
        if lost:
            journal.extents.forget_all()
        known = journal.extents.adopt(digests_of(settings, mapping))
        if settings.anew:
            for name in chosen:
                journal.extents.restart(name)
    resources = {name: mapping[name] for name in chosen}
    incremental = {name: resource.incremental for name, resource in resources.items() if resource.incremental}
    found = {
        name: reason
        for name, one in incremental.items()
        if (reason := _why_whole(known[name], one.every, at, anew=settings.anew, lost=lost))
    }
    for name in _overlapping(resources, found):
        if name in incremental:
            found.setdefault(name, Whole.TOGETHER)
    return found


async def keep_extents(
    sink: Sink, journal: Journal, settings: Settings, covered: Coverages, run: int, at: datetime
) -> None:
    """Record what was read whole, and what the catalog has after the run.

    Args:
        sink: The catalog.
        journal: Where that is recorded.
        settings: What was done.
        covered: What was read.
        run: The number of the run.
        at: When it began.

    Raises:
        SinkError: The sink cannot say what it holds.
        JournalError: The journal cannot go on.
    """
    extents, digests = journal.extents, digests_of(settings, covered.resources)
    known, owned, sure = journal.partitions(), await sink.count(), covered.sure
    with journal.transaction():
        extents.note(digests)
        extents.keep_catalog(owned)
        journal.validators.drop_unread(run, [one for coverage in covered.reads.values() for one in coverage.proven])
        for name, coverage in covered.reads.items():
            if coverage.partly:
                extents.read_partly(name)
            elif coverage.complete and name in sure:
                extents.read_whole(name, at)
            if coverage.all_found:
                extents.leave([one for one, of in known.items() if of == name and one not in coverage.met])


def digests_of(settings: Settings, resources: Mapping[str, Resource]) -> dict[str, str]:
    """Return a digest, for each resource, of all that decides what a page becomes, and where that goes."""
    connection, sink, installed = settings.connection, settings.sink, entry_points()
    common = [
        VERSION,
        connection.http.base_url,
        {name: str(value) for name, value in connection.http.custom_headers.items()},  # masked: secrets may change
        _plugin(installed, "auth", connection.auth),
        _plugin(installed, "sink", sink),
        settings.flags.enable_merge_entity,
    ]
    return {
        name: sha256(
            canonical([common, resource_of(resource), _plugin(installed, "pagination", resource.request.pagination)])
        ).hexdigest()
        for name, resource in resources.items()
    }


def _plugin(installed: EntryPoints, family: str, chosen: Chosen[Any]) -> list[object]:
    points = installed.select(group=f"penstock.{family}", name=chosen.strategy.name)
    versions = sorted(point.dist.version for point in points if point.dist is not None)
    return [chosen.strategy.name, versions, chosen.config.model_dump(mode="json")]


async def _has_lost(sink: Sink, before: int | None) -> bool:
    """Whether the catalog has less than when the last run ended; where it cannot count, whether it has nothing."""
    count = await sink.count()
    if count is not None:
        return count < before if before is not None else not count
    chunks = sink.owned()
    try:
        async for chunk in chunks:
            if chunk:
                return False
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    return True


def _why_whole(known: Extent, every: Every, at: datetime, *, anew: bool, lost: bool) -> Whole | None:
    if anew:
        return Whole.ASKED
    if lost:
        return Whole.CATALOG
    if known.full_at is None:
        return Whole.CHANGED if known.changed else Whole.FIRST
    age = (at - known.full_at).total_seconds()
    if every.seconds is not None and not 0 <= age < every.seconds:  # a clock that was put back has it due, too
        return Whole.DUE
    if every.runs is not None and known.partial_runs + 1 >= every.runs:
        return Whole.DUE
    return None


def _overlapping(resources: Mapping[str, Resource], names: Iterable[str]) -> set[str]:
    """Return all that may show what one of these may show, and what those may show, and so on."""
    found = set(names)
    while (more := overlapping(resources, found)) != found:
        found = more
    return found
