"""A mapping that the catalog keeps: asked for anew at the start of each run, when none is written."""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from penstock.errors import AlreadyRunningError, NoMappingError, PenstockError
from penstock.journal import Journal
from penstock.sync.news import News
from penstock.sync.observer import NO_INSTRUMENTS
from penstock.sync.report import RunReport
from penstock.sync.run import lend, open_catalog
from penstock.sync.sinks import make_sink_ready, mapping_of
from penstock.values import Remark

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

    from penstock.config.models import Settings
    from penstock.redaction import Secrets
    from penstock.sync.observer import MakeWire
    from penstock.values import JSON

_LOG: Final = logging.getLogger(__name__)


class Document(NamedTuple):
    """A mapping document, and whose it is."""

    content: Mapping[str, JSON]
    place: str
    """As messages name it."""


async def make_ready(settings: Settings, secrets: Secrets, wire: MakeWire | None = None) -> None:
    """Have the catalog see to what it needs before a sync; raises SinkError. ``wire`` is as of ``Instruments``."""
    await make_sink_ready(settings.sink, lend(settings, secrets, "", wire), settings.plugins)


async def kept_mapping(settings: Settings, secrets: Secrets, wire: MakeWire | None = None) -> Document:
    """Return the mapping that the catalog keeps; ``wire`` is as of ``Instruments``.

    Raises:
        NoMappingError: It keeps none.
        SinkError: It cannot be asked.
    """
    name = settings.sink.strategy.name
    content = await mapping_of(settings.sink, lend(settings, secrets, "", wire), settings.plugins)
    if not content or not content.get("resources"):
        message = (
            f"the sink {name} keeps no resources for this source, and none are written here: nothing is fetched, and "
            "nothing is deleted; write the mapping there, or give one with --mapping"
        )
        raise NoMappingError(message)
    return Document(content, f"the mapping kept by the sink {name}")


async def tell_that_it_is_unusable(
    settings: Settings, secrets: Secrets, why: Sequence[str], stop: asyncio.Event
) -> None:
    """Tell the catalog of a run that has failed before it could begin, for whoever looks there for what it kept.

    Nothing is told while another run is under way; that nothing could be told is logged.

    Args:
        settings: Of the source.
        secrets: What no message may show.
        why: What is wrong with the mapping, as it may be shown.
        stop: When set, the catalog is not waited for.
    """
    report = RunReport(uuid.uuid4().hex, settings.source, datetime.now(UTC))
    try:
        with suppress(AlreadyRunningError), Journal(settings.state_dir, settings.source) as journal:
            async with (
                open_catalog(settings, secrets, report.run, NO_INSTRUMENTS, stop) as sink,
                journal.lease.renewed(),
            ):
                await sink.claim()
                news = News(sink, report, lambda: secrets, settings.timetable)
                await news.begun((), ())
                for one in why:
                    sink.note(Remark("", 0, "error", one))
                await news.failed()
    except PenstockError as error:
        _LOG.warning("the catalog could not be told that its mapping cannot be used: %s", error)
