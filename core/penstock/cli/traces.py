"""The trace of one command, where the environment asks for one; otherwise nothing of it is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from penstock.config.models import Settings
    from penstock.redaction import Secrets
    from penstock.tracing.trace import RunTrace

_COLLECTORS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Traces:
    """Begins the trace of a command when it is known whose run it is, and sends it when the block ends.

    Args:
        command: What the topmost span is called.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._open = ExitStack()
        self._trace: RunTrace | None = None
        self._secrets: Secrets | None = None
        """Of the settings as they are known by now."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the trace, with the error if there is one."""
        self._open.__exit__(kind, error, trace)

    def of(self, settings: Settings, secrets: Secrets) -> RunTrace | None:
        """Return the trace, which is begun now if it has not been; None where nobody wants it or it cannot be.

        Asked again when the settings are known better, so that what is secret in them is known as well.
        """
        if not traces_wanted(os.environ):
            return None
        from penstock.cli.tracing import header_values, traced

        begins, self._secrets = self._secrets is None, secrets
        secrets.learn(*header_values())
        if begins:
            self._trace = self._open.enter_context(traced(self._command, settings, self._redact))
        return self._trace

    def _redact(self, text: str) -> str:
        assert self._secrets is not None  # noqa: S101 - there are some before the trace begins
        return self._secrets(text)


def traces_wanted(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables name a collector for traces; an empty variable is as good as none."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if "otlp" not in (name.strip().lower() for name in exporters.split(",")):
        return False
    return any(environ.get(name) for name in _COLLECTORS)
