"""Do exactly what a plan says, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from penstock.config.models import Settings
from penstock.journal import Journal
from penstock.plan.calls import Otherwise
from penstock.plan.file import PlanFile
from penstock.plan.moved import require_unmoved
from penstock.plan.plan import Plan
from penstock.plan.rehearse import Rehearsal, rehearsal
from penstock.redaction import Secrets
from penstock.strategies import Sink
from penstock.sync.observer import NO_INSTRUMENTS, Instruments, Observer
from penstock.sync.report import RunReport
from penstock.sync.run import open_catalog


class Applied(Struct, frozen=True):
    """What came of a plan."""

    report: RunReport
    """As a sync's."""
    begun: bool
    """False where it was interrupted before anything was done."""


async def apply_plan(
    planned: PlanFile,
    settings: Settings,
    secrets: Secrets,
    *,
    place: str,
    observer: Observer,
    stop: asyncio.Event,
    instruments: Instruments = NO_INSTRUMENTS,
) -> Applied:
    """Plan once more; where that gives the same, tell the sink what the new plan told its stand-in.

    Nothing is read or mapped a second time, so what was compared is what is done. Other runs of the source are kept out
    from before the reading until the end. The journal follows when the sink has all of it: killed before, it knows
    nothing of it, and the next sync puts that right.

    Args:
        planned: The plan.
        settings: With what it was made.
        secrets: What no message may show; learns what is obtained on the way.
        place: What to call the catalog.
        observer: Hears what happens while the source is read.
        stop: When set, it ends soon and cleanly.
        instruments: What measures it from within.

    Raises:
        PlanMovedError: It does not; nothing was changed.
        AlreadyRunningError: Another run of the source is under way.
        PenstockError: As of ``run_sync``.
    """
    chosen = [resource.kind for resource in settings.resources if secrets(resource.kind) in planned.header.only]
    with Journal(settings.state_dir, settings.source) as journal:
        async with (
            journal.lease.renewed(),
            rehearsal(settings, secrets, only=chosen, observer=observer, stop=stop, instruments=instruments) as found,
        ):
            begun = not found.report.interrupted
            if begun:
                require_unmoved(planned, Plan(settings, place, found, secrets))
                catalog = open_catalog(settings, secrets, found.report.run, instruments)
                await _perform(found, journal, catalog, stop)
            return Applied(found.report, begun)


async def _perform(found: Rehearsal, journal: Journal, catalog: Sink, stop: asyncio.Event) -> None:
    async with catalog as sink:
        await sink.claim()
        journal.lease.check()  # whoever takes over claims after us
        with journal.transaction():
            journal.validators.clear()  # what they give is about to change; the copy knows the new ones
        repetition = await found.calls.repeat(sink, stop)
    report = found.report
    _complain(report, repetition.otherwise)
    report.interrupted = not repetition.finished
    if not report.interrupted:
        # the copy believes that the catalog has done all of it
        journal.become(found.journal, also=journal.extents.forget_all if repetition.otherwise else bool)
        last = journal.runs.last()
        if last is not None:
            journal.runs.finish(last.number, datetime.now(UTC), report.status, report.to_json())


def _complain(report: RunReport, otherwise: Sequence[Otherwise]) -> None:
    """Report what the catalog, which another source may have changed in the last moments, did not do as planned."""
    for one in otherwise:
        where = f"{one.key.blueprint}/{one.key.identifier}"
        what = f"it was to be {one.expected} and is {one.outcome.kind}"
        kind = next((kind for kind in report.kinds if kind.kind == one.kind), report.kinds[0])
        kind.error(where, f"the catalog changed meanwhile: {what} {one.outcome.reason}".rstrip())
