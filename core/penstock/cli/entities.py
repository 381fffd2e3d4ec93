"""``penstock entities``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import click

from penstock.cli.catalog import entity_to_json, read_catalog
from penstock.cli.console import put, put_bytes, table, to_json
from penstock.cli.failures import explained
from penstock.cli.options import Given, examples, settings_and_catalog, verbosely
from penstock.cli.plugged import pluggable

if TYPE_CHECKING:
    from penstock.config.models import Chosen
    from penstock.redaction import Secrets
    from penstock.strategies import SinkStrategy
    from penstock.values import Entity

EPILOG: Final = examples(
    "penstock entities --blueprint user",
    "penstock entities --format jsonl > entities.jsonl",
    "penstock entities --catalog hr.db --format json | jq length",
)


@click.command(epilog=EPILOG)
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "jsonl", "json"]),
    default="table",
    help="A table, one JSON object per line, or one JSON list.",
)
@click.option("--blueprint", metavar="NAME", help="Only entities of this blueprint.")
@settings_and_catalog
@verbosely
@pluggable
def entities(
    *,
    output: Literal["table", "jsonl", "json"],
    blueprint: str | None,
    given: Given,
    verbose: bool,
) -> None:
    """Print the entities in the catalog.

    They are sorted by blueprint and identifier. Each is {blueprint, identifier, title, icon, team, properties,
    relations}; the table leaves some of it out.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.catalog import existing_sink
        from penstock.cli.settings import inputs

        chosen = context.settings = existing_sink(inputs(*given))
        asyncio.run(_PRINTERS[output](chosen, context.secrets, blueprint))


async def _table(sink: Chosen[SinkStrategy[Any]], secrets: Secrets, blueprint: str | None) -> None:
    rows = [
        [
            entity.blueprint,
            entity.identifier,
            entity.title if isinstance(entity.title, str) else "",
            _properties(entity),
        ]
        async for chunk in read_catalog(sink, secrets, blueprint)
        for entity in chunk
    ]
    put(table(["blueprint", "identifier", "title", "properties"], rows))


async def _lines(sink: Chosen[SinkStrategy[Any]], secrets: Secrets, blueprint: str | None) -> None:
    async for chunk in read_catalog(sink, secrets, blueprint):
        put_bytes(b"".join(_json(entity) + b"\n" for entity in chunk))


async def _list(sink: Chosen[SinkStrategy[Any]], secrets: Secrets, blueprint: str | None) -> None:
    before = b"[\n"
    async for chunk in read_catalog(sink, secrets, blueprint):
        put_bytes(before + b",\n".join(map(_json, chunk)))
        before = b",\n"
    put_bytes(b"[]\n" if before == b"[\n" else b"\n]\n")


_PRINTERS: Final = {"table": _table, "jsonl": _lines, "json": _list}


def _json(entity: Entity) -> bytes:
    return to_json(entity_to_json(entity, whole=True), indent=False)


def _properties(entity: Entity) -> str:
    """Return the properties that have a value, so that a line stays readable."""
    shown = (f"{name}={_short(value)}" for name, value in entity.properties.items() if value is not None)
    return " ".join(shown)


def _short(value: object) -> str:
    return value if isinstance(value, str) else to_json(value, indent=False).decode()
