"""Settings whose mapping the catalog keeps: fetched anew, and validated as one that is written in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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


def settings_to_sync(context: Context, where: Inputs, traces: Traces | None = None) -> Mapped:
    """Do the same, and first have the catalog made ready where it keeps the mapping; raises alike."""

    async def fetch(settings: Settings, secrets: Secrets, wire: MakeWire | None) -> Document:
        from penstock.sync.mapping import kept_mapping, make_ready

        await make_ready(settings, secrets, wire)
        return await kept_mapping(settings, secrets, wire)

    return _mapped(context, where, fetch, traces)


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
