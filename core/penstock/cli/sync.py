"""``penstock sync``."""

from __future__ import annotations

from typing import Final

import click
from msgspec.structs import replace

from penstock.cli.ending import ending_at_once
from penstock.cli.failures import explained
from penstock.cli.options import (
    Given,
    examples,
    full_read,
    only_kinds,
    quietly,
    report_file,
    settings_and_catalog,
    verbosely,
    waiting,
)
from penstock.cli.plugged import pluggable
from penstock.cli.traces import Traces

EPILOG: Final = examples(
    "penstock sync",
    "penstock sync --only /api/v1/users --only /api/v1/teams",
    "penstock sync --config hr.yml --mapping port-app-config.yml --catalog hr.db --report report.json",
    "penstock sync --quiet --report - | jq .status",
)


@click.command(epilog=EPILOG)
@only_kinds
@full_read
@report_file
@settings_and_catalog
@waiting
@verbosely
@quietly
@pluggable
def sync(
    *,
    only: tuple[str, ...],
    full: bool,
    report: str | None,
    given: Given,
    wait: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Read every kind of the mapping, and bring the catalog in step.

    New records are created, changed ones updated; what a completely read source no longer has is deleted. Exits with 0
    when all went well, 1 when something is incomplete, 2 when a setting is wrong and nothing was fetched, 3 when
    deletions wait for approval (`penstock holds`), 75 when another run of this source is under way.
    """
    with ending_at_once(), explained(verbose=verbose) as context, Traces("sync") as traces:
        from penstock.cli.mapped import settings_to_sync
        from penstock.cli.running import Manner, run
        from penstock.cli.settings import inputs

        settings = replace(settings_to_sync(context, inputs(*given), traces).settings, anew=full)
        context.settings = settings
        manner = Manner(verbose=verbose, quiet=quiet, wait=wait)
        code = run(settings, context.secrets, manner, only=only, report=report, traces=traces)
    raise SystemExit(code)
