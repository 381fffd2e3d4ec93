"""A plan as the command line applies it: settings in; progress, report, summary and exit code out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from penstock.cli.console import say
from penstock.cli.failures import MOVED
from penstock.cli.files import discard_former, require_folder
from penstock.cli.progress import PLANNED, progress
from penstock.cli.running import Manner, observed, warn_of, write_report
from penstock.cli.signals import interruptible
from penstock.cli.summary import place_of, summarise
from penstock.cli.traces import Traces
from penstock.config.models import Settings
from penstock.plan.apply import Applied, apply_plan
from penstock.plan.file import PlanFile, basis_of
from penstock.plan.moved import PlanMovedError
from penstock.redaction import Secrets

if TYPE_CHECKING:
    from penstock.tracing.trace import RunTrace


def run_plan(
    planned: PlanFile, settings: Settings, secrets: Secrets, manner: Manner, report: str | None, traces: Traces
) -> int:
    """Apply a plan, tell about it on stderr, write the report where it is wanted, and return the exit code.

    Args:
        planned: The plan.
        settings: With what it is to be done.
        secrets: What no message may show; learns what is obtained on the way.
        manner: How to speak.
        report: Where the report goes, if it is wanted.
        traces: Where the trace of the command begins.

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
    trace = traces.of(settings, secrets)
    try:
        applied, code = asyncio.run(_apply(planned, settings, secrets, manner, trace))
    except PlanMovedError as error:
        if trace is not None:
            trace.failed(error, MOVED)
        raise
    result = applied.report
    if trace is not None:
        trace.ended(result, code)
    if result.interrupted:
        done = "some of the plan was done, and `penstock sync` does the rest" if applied.begun else "nothing was done"
        say(f"interrupted: {done}")
        return code
    if report is not None:
        write_report(result, report)
    summarise(result, settings.sink, verbose=manner.verbose, quiet=manner.quiet)
    return code


async def _apply(
    planned: PlanFile, settings: Settings, secrets: Secrets, manner: Manner, trace: RunTrace | None
) -> tuple[Applied, int]:
    stop, place = asyncio.Event(), place_of(settings.sink)
    with interruptible(stop) as interruption, progress(quiet=manner.quiet, words=PLANNED) as shown:
        observer, instruments = observed(shown, trace)
        applied = await apply_plan(
            planned, settings, secrets, place=place, observer=observer, stop=stop, instruments=instruments
        )
    code = interruption.exit_code if applied.report.interrupted else None
    return applied, code or applied.report.exit_code
