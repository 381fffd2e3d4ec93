"""``penstock apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from penstock.cli.console import say
from penstock.cli.failures import MOVED, explained
from penstock.cli.options import PATH, Given, examples, quietly, report_file, settings_and_catalog, verbosely
from penstock.cli.plugged import pluggable
from penstock.cli.traces import Traces

EPILOG: Final = examples(
    "penstock plan --out plan.jsonl && penstock apply plan.jsonl",
    "penstock apply plan.jsonl --config hr.yml --report report.json",
)


@click.command(epilog=EPILOG)
@click.argument("plan", metavar="PLAN", type=PATH, help="A file that `penstock plan --out` wrote.")
@report_file
@settings_and_catalog
@verbosely
@quietly
@pluggable
def apply(
    *,
    plan: Path,
    report: str | None,
    given: Given,
    verbose: bool,
    quiet: bool,
) -> None:
    """Do exactly what a plan says, or nothing.

    Reads the source and plans again. Where that gives the same plan, it is done; where the source or the catalog has
    changed since, nothing is, and the exit code is 4. A plan that was made with other settings, another mapping or for
    another catalog is refused with 2. Otherwise it exits as `penstock sync` does.
    """
    with explained(verbose=verbose) as context, Traces("apply") as traces:
        from penstock.cli.applying import run_plan
        from penstock.cli.mapped import settings_to_look
        from penstock.cli.running import Manner
        from penstock.cli.settings import inputs
        from penstock.plan.file import read_plan
        from penstock.plan.moved import PlanMovedError

        planned = read_plan(plan)
        settings = settings_to_look(context, inputs(*given), traces).settings
        try:
            code = run_plan(planned, settings, context.secrets, Manner(verbose=verbose, quiet=quiet), report, traces)
        except PlanMovedError as error:
            say(context.redact(f"error: {error}"))
            code = MOVED
    raise SystemExit(code)
