"""What a run tells while it runs: for progress bars and log lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from penstock.sync.report import KindReport

if TYPE_CHECKING:
    from penstock.config.models import HttpSettings
    from penstock.http.wire import Wire
    from penstock.strategies import Sink


class Observer:
    """Hears what happens; every method may be overridden, none may wait or raise."""

    def kind_started(self, kind: KindReport) -> None:
        """Reading of a kind begins."""

    def page_read(self, kind: KindReport) -> None:
        """One more page has become entities; the counters of ``kind`` are up to date but for the sink's."""

    def batch_written(self, kind: KindReport) -> None:
        """One more batch is in the sink."""

    def kind_finished(self, kind: KindReport) -> None:
        """The kind has been read and reconciled."""


MakeWire: TypeAlias = "Callable[[HttpSettings], Wire]"
"""Gives what sends the requests of one client."""


class Instruments(Struct, frozen=True):
    """What is built into a run to measure it, chosen once before it begins; where there is none, nothing is paid."""

    sink: Callable[[Sink], Sink] | None = None
    """Gives what stands before the sink."""
    wire: MakeWire | None = None
    """Gives what sends the requests to the source, and those of the sink; None for a plain ``Wire``."""


NO_INSTRUMENTS: Final = Instruments()
