"""``penstock preview``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from penstock.cli.console import put, put_json, table, to_json
from penstock.cli.failures import explained
from penstock.cli.options import config_file, examples, mapping_file, verbosely
from penstock.cli.plugged import pluggable

if TYPE_CHECKING:
    from penstock.sync.preview import Preview
    from penstock.sync.report import Message

EPILOG: Final = examples(
    "penstock preview /api/v1/users",
    "penstock preview '/teams/{team}/members' --items 1",
    "penstock preview /api/v1/users --format json | jq '.[0].entities'",
)


@click.command(epilog=EPILOG)
@click.argument("kind", metavar="KIND", help="A kind of the mapping.")
@click.option("--items", metavar="N", type=click.IntRange(min=1), default=3, help="Items to show and map.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@config_file
@mapping_file
@verbosely
@pluggable
def preview(
    *, kind: str, items: int, output: Literal["text", "json"], config: Path | None, mapping: Path | None, verbose: bool
) -> None:
    """Show the first page of one kind, and what it would become.

    Nothing is written. Shows the request, the answer's status, headers, time and size, the first items as they came,
    the entities they map to, and what is wrong with single fields.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.mapped import settings_to_look
        from penstock.cli.running import require_kinds, warn_of
        from penstock.cli.settings import inputs

        settings = settings_to_look(context, inputs(config, mapping)).settings
        require_kinds("KIND", [kind], settings)
        warn_of(settings)

        from penstock.sync.preview import preview as preview_kind

        found = asyncio.run(preview_kind(settings, context.secrets, kind, items=items))
        if output == "json":
            put_json([_to_json(one) for one in found])
        else:
            for one in found:
                _show(one)


def _to_json(found: Preview) -> dict[str, Any]:
    from penstock.cli.catalog import entity_to_json

    return {
        "kind": found.kind,
        "request": {"method": found.method, "url": found.url, "path_values": dict(found.path_values)},
        "response": {
            "status": found.status,
            "headers": dict(found.headers),
            "seconds": round(found.seconds, 3),
            "bytes": found.size,
        },
        "items": list(found.items),
        "entities": [entity_to_json(entity, whole=False) for entity in found.mapped.entities],
        "errors": [_message(message) for message in found.mapped.errors],
        "warnings": [_message(message) for message in _warnings(found)],
    }


def _show(found: Preview) -> None:
    from penstock.cli.catalog import entity_to_json

    put(f"{found.method} {found.url}")
    put(f"{found.status}, {found.seconds:.2f} s, {found.size:,} bytes")
    if found.headers:
        put(_indented(table(["header", "value"], list(found.headers.items()))))
    _section("the first items, as they came", found.items)
    _section("what they become", [entity_to_json(entity, whole=False) for entity in found.mapped.entities])
    put("")
    mapped = found.mapped
    counts = f"{mapped.selected} selected, {mapped.filtered} filtered out, {len(mapped.entities)} entities"
    put(f"of {mapped.fetched} items: {counts}")
    for word, messages in (("error", mapped.errors), ("warning", _warnings(found))):
        for message in messages:
            put(f"{word}: {message.where}: {message.message}")


def _warnings(found: Preview) -> Sequence[Message]:
    from penstock.sync.report import Message

    own = [Message(found.kind, found.warning)] if found.warning else []
    return [*own, *found.mapped.warnings]


def _section(title: str, values: Sequence[object]) -> None:
    put("")
    put(f"{title}:")
    for value in values:
        put(_indented(to_json(value).decode()))
    if not values:
        put("  none")


def _message(message: Message) -> dict[str, str]:
    return {"where": message.where, "message": message.message}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
