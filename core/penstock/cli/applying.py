"""A plan as the command line applies it: settings in; progress, report, summary and exit code out."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from penstock.cli.console import say
from penstock.cli.files import discard_former, require_folder
from penstock.cli.progress import PLANNED, progress
from penstock.cli.running import Manner, warn_of, write_report
from penstock.cli.signals import interruptible
from penstock.cli.summary import place_of, summarise
from penstock.config.models import Settings
from penstock.plan.apply import apply_plan
from penstock.plan.file import PlanFile, basis_of
from penstock.redaction import Secrets


def run_plan(planned: PlanFile, settings: Settings, secrets: Secrets, manner: Manner, report: str | None) -> int:
    """Apply a plan, tell about it on stderr, write the report where it is wanted, and return the exit code.

    Raises:
        ConfigurationError: The plan was made for something else, or ``report`` cannot be a file.
        PlanMovedError: The source or the catalog has changed since; nothing was done.
        PenstockError: It cannot be done.
    """
    settings = replace(settings, anew=planned.header.full)
    planned.require_basis(basis_of(settings, place_of(settings.sink), secrets))
    require_folder("--report", report, ", or - for stdout")
    discard_former(report)
    warn_of(settings)
    return asyncio.run(_apply(planned, settings, secrets, manner, report))


async def _apply(planned: PlanFile, settings: Settings, secrets: Secrets, manner: Manner, report: str | None) -> int:
    stop, place = asyncio.Event(), place_of(settings.sink)
    with interruptible(stop) as interruption, progress(quiet=manner.quiet, words=PLANNED) as observer:
        applied = await apply_plan(planned, settings, secrets, place=place, observer=observer, stop=stop)
    result = applied.report
    if result.interrupted:
        done = "some of the plan was done, and `penstock sync` does the rest" if applied.begun else "nothing was done"
        say(f"interrupted: {done}")
        return interruption.exit_code or result.exit_code
    if report is not None:
        write_report(result, report)
    summarise(result, settings.sink, verbose=manner.verbose, quiet=manner.quiet)
    return result.exit_code
