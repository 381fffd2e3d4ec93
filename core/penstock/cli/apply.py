"""``penstock apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from penstock.cli.console import say
from penstock.cli.failures import MOVED, explained
from penstock.cli.options import (
    PATH,
    catalog_path,
    config_file,
    examples,
    mapping_file,
    quietly,
    report_file,
    sink_name,
    verbosely,
)
from penstock.cli.plugged import pluggable

EPILOG: Final = examples(
    "penstock plan --out plan.jsonl && penstock apply plan.jsonl",
    "penstock apply plan.jsonl --config hr.yml --report report.json",
)


@click.command(epilog=EPILOG)
@click.argument("plan", metavar="PLAN", type=PATH, help="A file that `penstock plan --out` wrote.")
@report_file
@sink_name
@catalog_path
@config_file
@mapping_file
@verbosely
@quietly
@pluggable
def apply(
    *,
    plan: Path,
    report: str | None,
    sink: str | None,
    catalog: Path | None,
    config: Path | None,
    mapping: Path | None,
    verbose: bool,
    quiet: bool,
) -> None:
    """Do exactly what a plan says, or nothing.

    Reads the source and plans again. Where that gives the same plan, it is done; where the source or the catalog has
    changed since, nothing is, and the exit code is 4. A plan that was made with other settings, another mapping or for
    another catalog is refused with 2. Otherwise it exits as `penstock sync` does.
    """
    with explained(verbose=verbose) as context:
        from penstock.cli.applying import run_plan
        from penstock.cli.mapped import settings_to_look
        from penstock.cli.running import Manner
        from penstock.cli.settings import inputs
        from penstock.plan.file import read_plan
        from penstock.plan.moved import PlanMovedError

        planned = read_plan(plan)
        settings = settings_to_look(context, inputs(config, mapping, sink=sink, catalog=catalog)).settings
        try:
            code = run_plan(planned, settings, context.secrets, Manner(verbose=verbose, quiet=quiet), report)
        except PlanMovedError as error:
            say(context.redact(f"error: {error}"))
            code = MOVED
    raise SystemExit(code)
