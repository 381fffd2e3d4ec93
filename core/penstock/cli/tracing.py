"""Traces of a run, where the environment names a collector: whatever is the matter with them, the run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from penstock.cli.console import say
from penstock.cli.failures import code_of
from penstock.config.models import Settings

if TYPE_CHECKING:
    from penstock.tracing.export import Export
    from penstock.tracing.trace import RunTrace


@contextmanager
def traced(command: str, settings: Settings, redact: Callable[[str], str]) -> Generator[RunTrace | None]:
    """Trace what a block runs, and send the rest of the trace at its end; None where that cannot be.

    Args:
        command: What is run.
        settings: With what.
        redact: Takes out of a text the secrets known by then.
    """
    export = _export(redact)
    if export is None:
        yield None
        return
    from penstock.tracing.spans import Spans
    from penstock.tracing.trace import RunTrace
    from penstock.tracing.words import Words

    run = RunTrace(Spans(export.tracer, Words(redact)), command, settings.source, settings.sink.strategy.name)
    with export.quietly():
        try:
            with run as trace, _told_to(trace):
                yield trace
        finally:
            if lost := export.close():
                say(redact(f"warning: {lost}"))


@contextmanager
def _told_to(trace: RunTrace) -> Generator[None]:
    try:
        yield
    except Exception as error:
        trace.failed(error, code_of(error))
        raise


def _export(redact: Callable[[str], str]) -> Export | None:
    """Return where spans go; None, with a warning, where they can go nowhere."""
    protocol = _protocol()
    if protocol != "http/protobuf":
        say(f"warning: no traces: they are sent by http/protobuf only, and OpenTelemetry's variables say {protocol}")
        return None
    try:
        from penstock.tracing.export import Export
    except ImportError as error:
        say(f"warning: no traces: OpenTelemetry is not installed ({error}); pip install 'penstock[otel]'")
        return None
    try:
        return Export()
    except Exception as error:  # noqa: BLE001 - a library that reads variables, and no reason to do without a sync
        say(redact(f"warning: no traces: OpenTelemetry cannot use its variables: {error}"))
        return None


def header_values() -> Iterator[str]:
    """Iterate over what the environment tells to send along, as ``name=value,name=value``: keys, mostly."""
    for name in ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"):
        for pair in os.environ.get(name, "").split(","):
            value = pair.partition("=")[2].strip()
            yield from (pair, value, unquote(value))


def _protocol() -> str:
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    return next((value for name in names if (value := os.environ.get(name, "").strip())), "http/protobuf")
