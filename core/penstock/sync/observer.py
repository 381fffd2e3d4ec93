"""What a run tells while it runs: for progress bars and log lines."""

from __future__ import annotations

from penstock.sync.report import KindReport


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
