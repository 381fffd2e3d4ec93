"""The runs of a source: when, how they ended, and what they reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, cast

import orjson
from msgspec import Struct

from penstock.journal.file import JournalFile
from penstock.values import JSON

_KEPT: Final = 200
_COLUMNS: Final = "id, run, started_at, finished_at, status, task, report"


class Run(Struct, frozen=True):
    """One run as the journal has it."""

    number: int
    """Larger than that of every run before."""
    run: str
    """The id that its report bears."""
    started_at: datetime
    finished_at: datetime | None
    """None where it was killed, or is under way."""
    status: str | None
    task: str
    """A digest of what it was told to read; only a run with the same task can go on where this one ended."""
    report: JSON
    """As ``--report`` writes it; None where the run wrote none."""

    @property
    def resume_at(self) -> datetime | None:
        """Before this moment the source wanted no requests; None where it did not say so."""
        moment = self.report.get("resume_at") if isinstance(self.report, dict) else None
        return datetime.fromisoformat(moment) if isinstance(moment, str) else None


class Runs:
    """The runs in a journal, oldest first; each method raises JournalError."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def start(self, run: str, started_at: datetime, task: str = "") -> int:
        """Record that a run begins, and return its number; drops what is known of runs long ago."""
        self._file.execute("DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", (_KEPT,))
        # the sightings' run numbers must never come again, so the number outlives pruned rows
        row = self._file.row(
            "SELECT 1 + max(coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(run) FROM seen), 0))"
        )
        number = int(row[0]) if row else 1
        for table in ("progress", "stretches"):
            self._file.execute(f"DELETE FROM {table} WHERE run < ?", (number,))  # noqa: S608 - our own names
        values = (number, run, _text(started_at), task)
        self._file.execute("INSERT INTO runs(id, run, started_at, task) VALUES (?, ?, ?, ?)", values)
        return number

    def reopen(self, number: int) -> None:
        """Record that a run which was broken off goes on."""
        self._file.execute("UPDATE runs SET finished_at = NULL, status = NULL WHERE id = ?", (number,))

    def finish(self, number: int, finished_at: datetime, status: str, report: JSON = None) -> None:
        """Record how a run ended."""
        text = None if report is None else orjson.dumps(report).decode()
        values = (_text(finished_at), status, text, number)
        self._file.execute("UPDATE runs SET finished_at = ?, status = ?, report = ? WHERE id = ?", values)

    def last(self) -> Run | None:
        """Return the newest run."""
        row = self._file.row(f"SELECT {_COLUMNS} FROM runs ORDER BY id DESC LIMIT 1")  # noqa: S608 - our own names
        return _run(row) if row else None

    def all(self) -> Iterator[Run]:
        """Iterate over all that are kept."""
        yield from map(_run, self._file.rows(f"SELECT {_COLUMNS} FROM runs ORDER BY id"))  # noqa: S608 - as above


def _run(row: tuple[object, ...]) -> Run:
    number, run, started, finished, status, task, report = cast(
        "tuple[int, str, str, str | None, str | None, str, str | None]", row
    )
    return Run(
        number=number,
        run=run,
        started_at=datetime.fromisoformat(started),
        finished_at=None if finished is None else datetime.fromisoformat(finished),
        status=status,
        task=task,
        report=None if report is None else orjson.loads(report),
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
