"""``penstock plan``."""

from __future__ import annotations

from typing import Final, Literal

import click
from msgspec.structs import replace

from penstock.cli.failures import explained, misuse
from penstock.cli.options import Given, examples, full_read, only_kinds, quietly, settings_and_catalog, verbosely
from penstock.cli.plugged import pluggable
from penstock.cli.traces import Traces

EPILOG: Final = examples(
    "penstock plan",
    "penstock plan --format markdown > comment.md",
    "penstock plan --format json | jq '.changes[] | select(.action == \"delete\")'",
    "penstock plan --out plan.jsonl && penstock apply plan.jsonl",
)


@click.command(epilog=EPILOG)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="For a terminal, for programs (complete), or for a comment in a pull request.",
)
@click.option("--out", metavar="FILE", help="Also write the plan for `penstock apply` to do.")
@only_kinds
@full_read
@click.option("--report", metavar="FILE", help="Write the report a sync would write, as JSON.")
@settings_and_catalog
@verbosely
@quietly
@pluggable
def plan(
    *,
    output: Literal["text", "json", "markdown"],
    out: str | None,
    only: tuple[str, ...],
    full: bool,
    report: str | None,
    given: Given,
    verbose: bool,
    quiet: bool,
) -> None:
    """Show what a sync would change, and change nothing.

    Reads all that a sync reads and does all that a sync does, to copies of the catalog and of the run journal. Prints
    what would be created, updated (field by field) and deleted, and which deletions would be held. Exits as the sync
    would: 0 when the plan is complete, with or without changes, 1 when something is incomplete, 2 when a setting is
    wrong and nothing was fetched, 3 when deletions would wait for approval.
    """
    with explained(verbose=verbose) as context, Traces("plan") as traces:
        from penstock.cli.mapped import settings_to_look
        from penstock.cli.planning import Wanted, make_plan
        from penstock.cli.running import Manner
        from penstock.cli.settings import inputs

        for option, target in (("--report", report), ("--out", out)):
            if target == "-":
                raise misuse(option, "name a file: stdout has the plan")
        settings = replace(settings_to_look(context, inputs(*given), traces).settings, anew=full)
        context.settings = settings
        wanted = Wanted(output, only, out, report)
        code = make_plan(settings, context.secrets, Manner(verbose=verbose, quiet=quiet), wanted, traces)
    raise SystemExit(code)
