"""Read what is in a catalog, whoever wrote it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.values import JSON, UNSET, Entity

if TYPE_CHECKING:
    from penstock.config.load import Inputs
    from penstock.config.models import Chosen
    from penstock.redaction import Secrets
    from penstock.strategies import SinkStrategy


def existing_sink(where: Inputs) -> Chosen[SinkStrategy[Any]]:
    """Return the configured sink, which has something to read.

    Raises:
        ConfigurationError: The settings of the sink are wrong.
        SinkError: There is no catalog yet; none is created.
    """
    from penstock.cli.plugged import plugin_manager
    from penstock.cli.summary import place_of
    from penstock.config.load import load_sink
    from penstock.errors import SinkError
    from penstock.sync.sinks import sink_exists

    sink = load_sink(where, plugin_manager())
    if not sink_exists(sink):
        message = f"there is no catalog at {place_of(sink)}; run `penstock sync` first, or name another with --catalog"
        raise SinkError(message)
    return sink


async def read_catalog(
    sink: Chosen[SinkStrategy[Any]], secrets: Secrets, blueprint: str | None = None
) -> AsyncGenerator[Sequence[Entity]]:
    """Iterate, in chunks, over the entities of all sources, sorted by blueprint and identifier."""
    from penstock.http.lending import Lent
    from penstock.sync.sinks import open_sink

    async with open_sink(sink, Lent("", secrets)) as opened:
        async for chunk in opened.entities(blueprint):
            yield chunk


def entity_to_json(entity: Entity, *, whole: bool) -> JSON:
    """Return an entity as ``{blueprint, identifier, title, icon, team, properties, relations}``.

    What is not set is null when ``whole``, and left out otherwise.
    """
    content: dict[str, JSON] = {"blueprint": entity.blueprint, "identifier": entity.identifier}
    for name, value in (("title", entity.title), ("icon", entity.icon), ("team", entity.team)):
        if value is not UNSET:
            content[name] = value
        elif whole:
            content[name] = None
    return {**content, "properties": entity.properties, "relations": entity.relations}
