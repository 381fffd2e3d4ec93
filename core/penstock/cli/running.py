"""One run as the command line makes it: settings in; progress, report, summary and exit code out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.cli.console import say, to_json
from penstock.cli.files import discard_former, require_folder, write_whole
from penstock.cli.progress import progress
from penstock.cli.signals import interruptible
from penstock.cli.summary import summarise
from penstock.cli.traces import Traces
from penstock.config.models import Settings
from penstock.errors import AlreadyRunningError, did_you_mean
from penstock.redaction import Secrets
from penstock.sync.observer import NO_INSTRUMENTS, Instruments, Observer
from penstock.sync.report import RunReport

if TYPE_CHECKING:
    from penstock.tracing.trace import RunTrace

_POLL = 1.0
"""Seconds between two looks whether another run has ended."""


class Manner(Struct, frozen=True):
    """How a run speaks."""

    verbose: bool = False
    quiet: bool = False
    wait: bool = False
    """Whether to wait for another run of the source to end."""


def run(
    settings: Settings,
    secrets: Secrets,
    manner: Manner,
    *,
    only: Collection[str] = (),
    report: str | None = None,
    traces: Traces | None = None,
) -> int:
    """Run a sync, tell about it on stderr, write the report where it is wanted, and return the exit code.

    Its trace is that of ``traces``, where the command has one that began before.

    Raises:
        ConfigurationError: A kind of ``only`` is not in the mapping, ``report`` cannot be a file, or the sink
            cannot work as it is set.
        PenstockError: The run could not begin or go on.
    """
    require_kinds("--only", only, settings)
    require_folder("--report", report, ", or - for stdout")
    require_sink(settings)
    discard_former(report)
    warn_of(settings)
    with Traces("sync") if traces is None else nullcontext(traces) as tracing:
        trace = tracing.of(settings, secrets)
        result, code = asyncio.run(_run(settings, secrets, manner, only, trace))
        if report is not None:
            write_report(result, report)
        summarise(result, settings.sink, verbose=manner.verbose, quiet=manner.quiet)
        if trace is not None:
            trace.ended(result, code)
    return code


async def _run(
    settings: Settings, secrets: Secrets, manner: Manner, only: Collection[str], trace: RunTrace | None
) -> tuple[RunReport, int]:
    from penstock.sync.run import run_sync

    stop = asyncio.Event()
    with progress(quiet=manner.quiet) as shown, interruptible(stop) as interruption:
        observer, instruments = observed(shown, trace)
        while True:
            try:
                result = await run_sync(
                    settings, secrets, only=only, observer=observer, stop=stop, instruments=instruments
                )
            except AlreadyRunningError:
                if not manner.wait or stop.is_set():
                    raise
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _POLL)
            else:
                if result.interrupted and interruption.exit_code is not None:
                    return result, interruption.exit_code
                return result, result.exit_code


def observed(shown: Observer, trace: RunTrace | None) -> tuple[Observer, Instruments]:
    """Return what hears of a run, and what measures it from within: the trace, if there is one, and what is shown."""
    return (shown, NO_INSTRUMENTS) if trace is None else (trace.beside(shown), trace.instruments)


def warn_of(settings: Settings) -> None:
    """Write what was accepted and deserves a word to stderr."""
    for warning in settings.warnings:
        say(f"warning: {warning}")


def require_kinds(option: str, kinds: Collection[str], settings: Settings) -> None:
    """Check that the mapping has these kinds.

    Raises:
        ConfigurationError: It has not; names all that are unknown, and those there are.
    """
    from penstock.errors import ConfigurationError, Problem

    known = list(dict.fromkeys(resource.kind for resource in settings.resources))
    listed = ", ".join(known) or "none"
    problems = [
        Problem(option, f'the mapping has no kind "{kind}"{did_you_mean(kind, known)} (kinds: {listed})')
        for kind in kinds
        if kind not in known
    ]
    if problems:
        raise ConfigurationError(problems)


def require_sink(settings: Settings) -> None:
    """Find out before anything is fetched that the settings of the sink cannot work here.

    Raises:
        ConfigurationError: So it is; names the settings and their places.
    """
    from penstock.errors import ConfigurationError
    from penstock.sync.sinks import sink_problems

    if problems := sink_problems(settings.sink, settings.sink_places):
        raise ConfigurationError(problems)


def write_report(report: RunReport, target: str) -> None:
    """Write the report to stdout (``-``) or to a file, which is whole at any time."""
    write_whole(target, [to_json(report.to_json()) + b"\n"])
