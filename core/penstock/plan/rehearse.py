"""Run a sync whose ends are copies, and tell what it did."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.config.models import Settings
from penstock.journal import Journal, copy_of, path_of
from penstock.plan.calls import Calls
from penstock.plan.changes import Changes
from penstock.plan.compare import Comparing
from penstock.redaction import Secrets
from penstock.strategies import Sink
from penstock.sync.observer import NO_INSTRUMENTS, Instruments, Observer
from penstock.sync.report import RunReport
from penstock.sync.run import Ends, lend, run_between
from penstock.sync.sinks import rehearse_sink

_PREFIX: Final = "penstock-plan-"


class Rehearsal(Struct, frozen=True):
    """A sync that went into copies; what it refers to is there for the length of the ``with`` block."""

    report: RunReport
    """As the sync's would be."""
    changes: Changes
    calls: Calls
    """What it told the sink to do."""
    journal: Path
    """What the journal would be."""


@asynccontextmanager
async def rehearsal(
    settings: Settings,
    secrets: Secrets,
    *,
    only: Collection[str],
    observer: Observer,
    stop: asyncio.Event,
    instruments: Instruments = NO_INSTRUMENTS,
) -> AsyncGenerator[Rehearsal]:
    """Do what ``run_sync`` does, from the same source into copies of catalog and journal, which stay as they are.

    A run that was broken off is not taken up: everything is read. Nobody else is kept out meanwhile.

    Args:
        settings: What to do.
        secrets: What no message may show; learns what is obtained on the way.
        only: Kinds to read; all when empty.
        observer: Hears what happens.
        stop: When set, it ends soon, and its report says so.
        instruments: What measures it from within.

    Raises:
        PluginError: The sink cannot be rehearsed; nothing was fetched.
        PenstockError: As of ``run_sync``; or the copies cannot be made or kept.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for place in ("journal", "catalog"):
            (folder / place).mkdir()
        # the journal first: should somebody be syncing, it is then behind the catalog, as it is allowed to be
        copy_of(path_of(settings.state_dir, settings.source), folder / "journal")
        calls = Calls(folder / "calls")

        def stand_in(run: str) -> Sink:
            context = lend(settings, secrets, run, instruments.wire)
            rehearsed = rehearse_sink(settings.sink, context, folder / "catalog", settings.plugins)
            sink = Comparing(rehearsed, changes, calls)
            return sink if instruments.sink is None else instruments.sink(sink)

        with Changes(folder / "changes.db") as changes:
            with Journal(folder / "journal", settings.source) as journal:
                ends = Ends(stand_in, journal, resume_within=None, wire=instruments.wire)
                report = await run_between(settings, secrets, ends, only=only, observer=observer, stop=stop)
            yield Rehearsal(report, changes, calls, journal.path)
