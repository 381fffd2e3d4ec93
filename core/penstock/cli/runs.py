"""``penstock runs``: what earlier runs did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import click

from penstock.cli.console import put, put_json, table
from penstock.cli.failures import explained, misuse
from penstock.cli.groups import Group
from penstock.cli.journals import existing_journal
from penstock.cli.options import config_file, examples, mapping_file, table_or_json, verbosely

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.journal import Run
    from penstock.values import JSON

EPILOG: Final = examples("penstock runs list", "penstock runs show last")
LIST_EPILOG: Final = examples("penstock runs list", "penstock runs list --format json | jq '.[0].status'")
SHOW_EPILOG: Final = examples(
    "penstock runs show last", "penstock runs show 5b1d0c", "penstock runs show last --format json"
)
UNFINISHED: Final = "unfinished"
"""Of a run that is under way, or was killed: the journal cannot tell which."""
_COUNTERS: Final = ("fetched", "created", "updated", "unchanged", "deleted", "held")
_COLUMNS: Final = ("run", "started", "seconds", "status", "resumed", *_COUNTERS)
_SHOWN: Final = 8
"""Characters of a run's id in the table; they serve to name it."""


@click.group(cls=Group, epilog=EPILOG)
def runs() -> None:
    """Look at what earlier runs did; works while one is under way."""


@runs.command("list", epilog=LIST_EPILOG)
@table_or_json
@config_file
@mapping_file
@verbosely
def list_runs(*, output: Literal["table", "json"], config: Path | None, mapping: Path | None, verbose: bool) -> None:
    """List the runs of the source, newest first.

    The status is complete, incomplete, held, interrupted, or unfinished: of a run that is under way or was killed.
    """
    with explained(verbose=verbose), existing_journal(config, mapping) as file:
        from penstock.journal import Runs

        found = [] if file is None else [_line(run) for run in reversed(list(Runs(file).all()))]
        if output == "json":
            put_json(found)
        elif file is not None:
            numbers = ("seconds", *_COUNTERS)
            put(table(_COLUMNS, [_cells(line) for line in found], numbers=numbers))


@runs.command(epilog=SHOW_EPILOG)
@click.argument("run", metavar="ID", help="A run's id, the beginning of one, or `last`.")
@table_or_json
@config_file
@mapping_file
@verbosely
def show(
    *, run: str, output: Literal["table", "json"], config: Path | None, mapping: Path | None, verbose: bool
) -> None:
    """Show the report of one run, as `penstock sync --report` writes it."""
    with explained(verbose=verbose), existing_journal(config, mapping) as file:
        from penstock.journal import Runs

        if file is None:
            raise SystemExit(1)
        chosen = _chosen(run, list(Runs(file).all()))
        if output == "json":
            put_json(chosen.report if chosen.report is not None else _line(chosen))
        else:
            _print(chosen)


def _chosen(name: str, found: Sequence[Run]) -> Run:
    """Return the run of an id.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    chosen = list(found[-1:]) if name == "last" else [run for run in found if run.run.startswith(name)]
    if not chosen:
        raise misuse("ID", f'there is no run "{name}"; `penstock runs list` lists those that are known')
    if len(chosen) > 1:
        raise misuse("ID", f'{len(chosen)} runs begin with "{name}": {", ".join(run.run for run in chosen[-3:])}')
    return chosen[0]


def _line(run: Run) -> dict[str, JSON]:
    """Return a run in short; numbers that are not known are null."""
    report = cast("dict[str, Any]", run.report) if isinstance(run.report, dict) else None
    kinds: Sequence[Mapping[str, Any]] = [] if report is None else [*report["kinds"], *report.get("unmapped", ())]
    ended = run.finished_at
    seconds: JSON = None if ended is None else round((ended - run.started_at).total_seconds(), 3)
    return {
        "run": run.run,
        "started_at": run.started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": seconds if report is None else report["seconds"],
        "status": run.status or UNFINISHED,
        "resumed": None if report is None else bool(report.get("resumed")),
        **{name: None if report is None else sum(kind.get(name, 0) for kind in kinds) for name in _COUNTERS},
    }


def _cells(line: Mapping[str, JSON]) -> list[str | int]:
    counters = [line[name] for name in _COUNTERS]
    seconds = line["seconds"]
    return [
        str(line["run"])[:_SHOWN],
        str(line["started_at"]),
        f"{seconds:.1f}" if isinstance(seconds, int | float) else "",
        str(line["status"]),
        "yes" if line["resumed"] else "",
        *(count if isinstance(count, int) else "" for count in counters),
    ]


def _print(run: Run) -> None:
    line = _line(run)
    seconds = line["seconds"]
    took = f", {seconds:.1f} seconds" if isinstance(seconds, int | float) else ""
    resumed = ", resumed" if line["resumed"] else ""
    put(f"run {run.run}: {line['status']}, started {line['started_at']}{took}{resumed}")
    if not isinstance(run.report, dict):
        put("It has left no report: it is under way, was killed, or could not go on.")
        return
    report = cast("dict[str, Any]", run.report)
    rows = [[kind["kind"], kind["status"], *(kind.get(name, 0) for name in _COUNTERS)] for kind in report["kinds"]]
    unmapped = report.get("unmapped", ())
    rows += [[kind["kind"], "not mapped", *(kind.get(name, 0) for name in _COUNTERS)] for kind in unmapped]
    put("")
    put(table(["kind", "status", *_COUNTERS], rows, numbers=_COUNTERS))
    for kind in (*report["kinds"], *unmapped):
        for word in ("error", "warning"):
            for message in kind[f"{word}s"]:
                put(f"{word}: {message['where']}: {message['message']}")
