"""What Prometheus is told: a fixed set of names and labels, for as many sources and kinds as there are."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from penstock.service.runner import Kind, Report

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_OUTCOMES: Final = (
    "fetched",
    "selected",
    "filtered",
    "skipped",
    "failed",
    "duplicates",
    "created",
    "updated",
    "unchanged",
    "deleted",
)


class Metrics:
    """The figures of one service; they begin at 0 with it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._runs = self._counter("runs", "Syncs that have ended, by how.", "source", "status")
        self._skipped = self._counter("runs_skipped", "Syncs left out, for one was under way.", "source")
        self._records = self._counter("records", "Records and entities, by what became of them.", "source", "kind")
        self._requests = self._counter("requests", "Requests sent to the source.", "source", "kind")
        self._running = self._gauge("run_in_progress", "1 while a sync is under way.", "source")
        self._seconds = self._gauge("last_run_seconds", "How long the last sync took.", "source")
        self._ended = self._gauge("last_run_timestamp_seconds", "When the last sync ended.", "source")
        self._complete = self._gauge("last_complete_timestamp_seconds", "When the last complete sync ended.", "source")
        self._held = self._gauge("held_deletions", "Deletions that wait for approval.", "source", "kind")
        self._sound = self._gauge("configuration_sound", "0 while the files on disk cannot be used.", "source")

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        extra = ("outcome",) if name == "records" else ()
        return Counter(f"penstock_{name}", about, [*labels, *extra], registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"penstock_{name}", about, labels, registry=self._registry)

    def configured(self, source: str, *, sound: bool) -> None:
        """Note whether the files of a source can be used as they are now."""
        self._sound.labels(source).set(sound)

    def skipped(self, source: str) -> None:
        """Count a sync that was left out."""
        self._skipped.labels(source).inc()

    def began(self, source: str) -> None:
        """Note that a sync is under way."""
        self._running.labels(source).set(1)

    def ended(self, source: str, status: str, report: Report | None, now: float) -> None:
        """Note how a sync has ended.

        Args:
            source: Whose.
            status: That of the report, or ``failed`` where there is none.
            report: What it did.
            now: Seconds since the epoch.
        """
        self._running.labels(source).set(0)
        self._runs.labels(source, status).inc()
        self._ended.labels(source).set(now)
        if status == "complete":
            self._complete.labels(source).set(now)
        if report is not None:
            self._seconds.labels(source).set(report["seconds"])
            for kind in report["kinds"]:
                self._add(source, kind)

    def _add(self, source: str, kind: Kind) -> None:
        name = kind["kind"]
        self._requests.labels(source, name).inc(kind["requests"])
        self._held.labels(source, name).set(kind["held"])
        for outcome in _OUTCOMES:
            self._records.labels(source, name, outcome).inc(kind[outcome])

    def exposition(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self._registry)
