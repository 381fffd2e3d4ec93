"""A mapping that the catalog keeps: asked for anew at the start of each run, when none is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock.errors import SinkError
from penstock.sync.run import lend
from penstock.sync.sinks import make_sink_ready, mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.config.models import Settings
    from penstock.redaction import Secrets
    from penstock.sync.observer import MakeWire
    from penstock.values import JSON


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
        SinkError: It keeps none, or cannot be asked.
    """
    name = settings.sink.strategy.name
    content = await mapping_of(settings.sink, lend(settings, secrets, "", wire), settings.plugins)
    if not content or not content.get("resources"):
        message = (
            f"the sink {name} keeps no resources for this source, and none are written here: nothing is fetched, and "
            "nothing is deleted; write the mapping there, or give one with --mapping"
        )
        raise SinkError(message)
    return Document(content, f"the mapping kept by the sink {name}")
