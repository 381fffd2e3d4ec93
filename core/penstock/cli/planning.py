"""A plan as the command line makes it: settings in; progress, plan, files and exit code out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from penstock.cli.console import put, put_parts, say
from penstock.cli.files import discard_former, require_folder, write_whole
from penstock.cli.progress import PLANNED, progress
from penstock.cli.running import Manner, observed, require_kinds, require_sink, warn_of, write_report
from penstock.cli.signals import interruptible
from penstock.cli.summary import place_of, tell_messages
from penstock.cli.traces import Traces
from penstock.config.models import Settings
from penstock.plan.document import document_parts
from penstock.plan.file import basis_of, plan_lines
from penstock.plan.markdown import markdown_text
from penstock.plan.plan import Plan
from penstock.plan.rehearse import rehearsal
from penstock.plan.text import text_lines
from penstock.redaction import Secrets
from penstock.sync.report import RunReport

if TYPE_CHECKING:
    from penstock.tracing.trace import RunTrace


class Wanted(Struct, frozen=True):
    """What is to be planned, and where the plan goes."""

    output: Literal["text", "json", "markdown"]
    only: Collection[str]
    out: str | None
    """The file for ``penstock apply``."""
    report: str | None


def make_plan(settings: Settings, secrets: Secrets, manner: Manner, wanted: Wanted, traces: Traces) -> int:
    """Plan, print the plan to stdout and write what is wanted; return the exit code.

    Args:
        settings: What to plan.
        secrets: What no message may show; learns what is obtained on the way.
        manner: How to speak.
        wanted: What becomes of the plan.
        traces: Where the trace of the command begins.

    Raises:
        ConfigurationError: A kind of ``only`` is not in the mapping, a file cannot be written, or the sink's settings
            cannot work.
        PenstockError: The plan cannot be made.
    """
    require_kinds("--only", wanted.only, settings)
    for option, file in (("--report", wanted.report), ("--out", wanted.out)):
        require_folder(option, file)
        discard_former(file)
    require_sink(settings)
    warn_of(settings)
    return asyncio.run(_make(settings, secrets, manner, wanted, traces.of(settings, secrets)))


async def _make(settings: Settings, secrets: Secrets, manner: Manner, wanted: Wanted, trace: RunTrace | None) -> int:
    stop, place = asyncio.Event(), place_of(settings.sink)
    basis = basis_of(settings, place, secrets)
    async with AsyncExitStack() as stack:
        interruption = stack.enter_context(interruptible(stop))
        with progress(quiet=manner.quiet, words=PLANNED) as shown:
            observer, instruments = observed(shown, trace)
            planning = rehearsal(
                settings, secrets, only=wanted.only, observer=observer, stop=stop, instruments=instruments
            )
            found = await stack.enter_async_context(planning)
        code = interruption.exit_code if found.report.interrupted else None
        code = code or found.report.exit_code
        if trace is not None:
            trace.ended(found.report, code)
        if wanted.report is not None:
            write_report(found.report, wanted.report)
        if found.report.interrupted:
            say("interrupted: there is no plan, and nothing was changed")
            return code
        plan = Plan(settings, place, found, secrets)
        if wanted.out is not None:
            write_whole(wanted.out, plan_lines(plan, basis, wanted.only))
        _print(plan, found.report, manner, wanted)
        return code


def _print(plan: Plan, report: RunReport, manner: Manner, wanted: Wanted) -> None:
    if wanted.output == "text":
        for line in text_lines(plan):
            put(line)
        return
    tell_messages(report, verbose=manner.verbose, quiet=manner.quiet)
    if wanted.output == "markdown":
        put(markdown_text(plan))
    else:
        put_parts(document_parts(plan, wanted.only))
