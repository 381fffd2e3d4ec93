"""``penstock explain``."""

from __future__ import annotations

from typing import Final, Literal

import click

from penstock.cli.console import put, put_json, table
from penstock.cli.failures import ABSENT, explained, misuse
from penstock.cli.options import Given, examples, settings_and_catalog, text_or_json, verbosely
from penstock.cli.plugged import pluggable

EPILOG: Final = examples(
    "penstock explain user 4711",
    "penstock explain user 4711 --offline",
    "penstock explain service checkout --format json | jq -r .state",
)


@click.command(epilog=EPILOG)
@click.argument("blueprint", metavar="BLUEPRINT", help="The blueprint of an entity.")
@click.argument("identifier", metavar="IDENTIFIER", help="Its identifier.")
@click.option("--offline", is_flag=True, help="Send no request: say what journal and catalog know.")
@text_or_json
@settings_and_catalog
@verbosely
@pluggable
def explain(
    *,
    blueprint: str,
    identifier: str,
    offline: bool,
    output: Literal["text", "json"],
    given: Given,
    verbose: bool,
) -> None:
    """Explain where one entity came from, or why it is not there.

    Says what has become of it and why: seen, missing, held, kept, deleted, refused, never seen. Names the run, the
    request and the page that showed it; then asks for that page once more, and shows its record and what each
    expression of the mapping makes of it. Nothing is written. Exits with 0 when the catalog has it, with 5 when it has
    not.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.mapped import settings_to_look
        from penstock.cli.running import warn_of
        from penstock.cli.settings import inputs
        from penstock.cli.summary import place_of
        from penstock.config.places import load_places
        from penstock.explain.document import to_json
        from penstock.explain.explain import explain as explain_entity
        from penstock.explain.text import expression_rows, expression_titles, text_lines
        from penstock.values import EntityKey

        for name, value in (("BLUEPRINT", blueprint), ("IDENTIFIER", identifier)):
            if not value:
                raise misuse(name, "is empty: every entity has one")
        settings, where = settings_to_look(context, inputs(*given))
        warn_of(settings)
        places = load_places(where)
        found = asyncio.run(
            explain_entity(
                settings,
                context.secrets,
                places,
                EntityKey(blueprint, identifier),
                place=place_of(settings.sink),
                offline=offline,
            )
        )
        if output == "json":
            put_json(to_json(found))
        else:
            for line in text_lines(found):
                put(line)
            if found.expressions:
                put("")
                put(table(expression_titles(), expression_rows(found)))
    raise SystemExit(0 if found.in_catalog else ABSENT)
