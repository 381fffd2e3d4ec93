"""Settings whose mapping the catalog keeps: fetched anew, and validated as one that is written in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from msgspec.structs import replace

from penstock.cli.plugged import listed_plugins
from penstock.cli.settings import load

if TYPE_CHECKING:
    from penstock.cli.failures import Context
    from penstock.cli.traces import Traces
    from penstock.config.load import Inputs
    from penstock.config.models import Settings
    from penstock.redaction import Secrets
    from penstock.sync.mapping import Document
    from penstock.sync.observer import MakeWire
    from penstock.values import Timetable

    Fetch: TypeAlias = Callable[[Settings, Secrets, MakeWire | None], Awaitable[Document]]


class Mapped(NamedTuple):
    """Settings with the mapping they are for, wherever it is kept."""

    settings: Settings
    inputs: Inputs
    """What they were read from, the mapping among it."""


def settings_to_look(context: Context, where: Inputs, traces: Traces | None = None) -> Mapped:
    """Read the settings; nothing is changed in the catalog.

    Args:
        context: Learns of the settings.
        where: Where they are.
        traces: Where the trace of the command begins, if what is asked of the catalog is to be in one.

    Raises:
        ConfigurationError: All that is wrong with them, or with the mapping.
        SinkError: The mapping cannot be had.
    """

    async def fetch(settings: Settings, secrets: Secrets, wire: MakeWire | None) -> Document:
        from penstock.sync.mapping import kept_mapping

        return await kept_mapping(settings, secrets, wire)

    return _mapped(context, where, fetch, traces)


def settings_to_sync(
    context: Context, where: Inputs, traces: Traces | None = None, timetable: Timetable | None = None
) -> Mapped:
    """Do the same for a run, and first have the catalog made ready where it keeps the mapping; raises alike.

    A catalog whose mapping cannot be used is told so.

    Args:
        context: As above.
        where: As above.
        traces: As above.
        timetable: When the next run is due, if there is a schedule.
    """

    async def fetch(settings: Settings, secrets: Secrets, wire: MakeWire | None) -> Document:
        from penstock.sync.mapping import kept_mapping, make_ready

        await make_ready(settings, secrets, wire)
        return await kept_mapping(settings, secrets, wire)

    from penstock.errors import ConfigurationError, NoMappingError

    try:
        mapped = _mapped(context, where, fetch, traces)
    except ConfigurationError as error:
        _tell_that_it_is_unusable(context, [str(problem) for problem in error.problems], timetable)
        raise
    except NoMappingError as error:
        _tell_that_it_is_unusable(context, [str(error)], timetable)
        raise
    context.settings = settings = replace(mapped.settings, timetable=timetable)
    return mapped._replace(settings=settings)


def _tell_that_it_is_unusable(context: Context, why: Sequence[str], timetable: Timetable | None) -> None:
    """Tell the catalog what is wrong with the mapping that it keeps, where the settings are sound so far."""
    from penstock.cli.signals import interruptible
    from penstock.config.models import Settings
    from penstock.sync.mapping import tell_that_it_is_unusable

    settings = context.settings
    if not isinstance(settings, Settings):
        return
    told, shown = replace(settings, timetable=timetable), [context.redact(one) for one in why]

    async def tell() -> None:
        stop = asyncio.Event()
        with interruptible(stop):
            await tell_that_it_is_unusable(told, context.secrets, shown, stop)

    asyncio.run(tell())


def _mapped(context: Context, where: Inputs, fetch: Fetch, traces: Traces | None) -> Mapped:
    context.settings = settings = load(where)
    if not settings.mapping_is_kept:
        return Mapped(settings, where)
    trace = None if traces is None else traces.of(settings, context.secrets)

    async def fetched() -> Document:
        return await fetch(settings, context.secrets, None if trace is None else trace.instruments.wire)

    from penstock.config.load import load_settings

    with nullcontext() if trace is None else trace.mapping():
        document = asyncio.run(fetched())
    whole = replace(where, kept_mapping=document)
    context.settings = settings = load_settings(whole, listed_plugins())
    return Mapped(settings, whole)
