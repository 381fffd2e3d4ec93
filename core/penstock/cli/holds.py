"""``penstock holds``: deletions that wait for a decision."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from penstock.cli.console import put, put_bytes, put_json, say, table, to_json
from penstock.cli.failures import explained, misuse
from penstock.cli.groups import Group
from penstock.cli.journals import existing_journal, journal_to_change
from penstock.cli.options import config_file, examples, mapping_file, table_or_json, verbosely

if TYPE_CHECKING:
    from penstock.journal import Decision, Hold, Holds
    from penstock.values import JSON

EPILOG: Final = examples("penstock holds list", "penstock holds show", "penstock holds approve --all")
LIST_EPILOG: Final = examples("penstock holds list", "penstock holds list --format json --config hr.yml")
SHOW_EPILOG: Final = examples("penstock holds show", "penstock holds show /api/v1/users --format json")
APPROVE_EPILOG: Final = examples("penstock holds approve /api/v1/users", "penstock holds approve --all")
REJECT_EPILOG: Final = examples("penstock holds reject /api/v1/users", "penstock holds reject --all")
_COLUMNS: Final = ("kind", "state", "reason", "entities", "of", "since")
_CHUNK: Final = 1000


@click.group(cls=Group, epilog=EPILOG)
def holds() -> None:
    """Look after deletions that wait for a decision.

    A run holds deletions that look like an accident: too many at once, a kind that came back empty, or what an edited
    mapping no longer shows. They stay in the catalog until they are approved or rejected, or seen again.
    """


@holds.command("list", epilog=LIST_EPILOG)
@table_or_json
@config_file
@mapping_file
@verbosely
def list_holds(*, output: Literal["table", "json"], config: Path | None, mapping: Path | None, verbose: bool) -> None:
    """List what is held, and what was decided.

    The state is open, approved (the next run deletes it) or rejected (it is kept). The reason is emptied, share or
    count (that much has gone at once), changed (the mapping names entities in another way), removed (it is no longer
    in the mapping) or refused (the sink has refused what they may have become).
    """
    with explained(verbose=verbose):
        found = [_to_json(hold) for hold in _all(config, mapping)]
        if output == "json":
            put_json(found)
        else:
            put(table(_COLUMNS, [list(hold.values()) for hold in found], numbers=("entities", "of")))


@holds.command(epilog=SHOW_EPILOG)
@click.argument("kind", metavar="[KIND]", required=False, help="As `penstock holds list` prints it.")
@table_or_json
@config_file
@mapping_file
@verbosely
def show(
    *, kind: str | None, output: Literal["table", "json"], config: Path | None, mapping: Path | None, verbose: bool
) -> None:
    """Show every entity that is held, or was decided about."""
    with explained(verbose=verbose), existing_journal(config, mapping) as file:
        from penstock.journal import Holds

        holds = None if file is None else Holds(file)
        found = _of(kind, holds.all()) if holds else []
        if output == "json":
            _print_json(holds, found)
        else:
            _print_lines(holds, found)


@holds.command(epilog=APPROVE_EPILOG)
@click.argument("kind", metavar="[KIND]", required=False, help="As `penstock holds list` prints it.")
@click.option("--all", "every", is_flag=True, help="Everything about which nobody has decided yet.")
@config_file
@mapping_file
@verbosely
def approve(*, kind: str | None, every: bool, config: Path | None, mapping: Path | None, verbose: bool) -> None:
    """Let the next run delete what is held.

    It deletes exactly these entities, and of them only what is still missing then; whatever else has gone by then is
    judged anew. A run that is under way may be the one. A kind without an open hold: takes back its rejection.
    """
    with explained(verbose=verbose):
        for hold in _decide(kind, every, "approved", config, mapping):
            say(f"approved: the next run deletes {hold.entities:,} entities of kind {hold.kind} that are still missing")


@holds.command(epilog=REJECT_EPILOG)
@click.argument("kind", metavar="[KIND]", required=False, help="As `penstock holds list` prints it.")
@click.option("--all", "every", is_flag=True, help="Everything about which nobody has decided yet.")
@config_file
@mapping_file
@verbosely
def reject(*, kind: str | None, every: bool, config: Path | None, mapping: Path | None, verbose: bool) -> None:
    """Keep what is held in the catalog.

    These entities are neither deleted nor held again for as long as they are missing, and no longer make a run exit
    with 3. Once one is seen at the source again it is an entity like any other. A kind without an open hold: takes back
    its approval.
    """
    with explained(verbose=verbose):
        for hold in _decide(kind, every, "rejected", config, mapping):
            say(f"rejected: {hold.entities:,} entities of kind {hold.kind} stay, for as long as they are missing")


def _all(config: Path | None, mapping: Path | None) -> list[Hold]:
    from penstock.journal import Holds

    with existing_journal(config, mapping) as file:
        return [] if file is None else Holds(file).all()


def _of(kind: str | None, found: list[Hold]) -> list[Hold]:
    """Return the holds of a kind.

    Raises:
        ConfigurationError: There are none, though a kind was named.
    """
    chosen = [hold for hold in found if kind in {None, hold.kind}]
    if kind is not None and not chosen:
        kinds = ", ".join(sorted({hold.kind for hold in found})) or "none"
        raise misuse("KIND", f'nothing is held of kind "{kind}" (held: {kinds})')
    return chosen


def _decide(
    kind: str | None,
    every: bool,  # noqa: FBT001 - as it was given
    decision: Decision,
    config: Path | None,
    mapping: Path | None,
) -> list[Hold]:
    from penstock.journal import Holds

    if every == (kind is not None):
        raise misuse("KIND", "name a kind, or give --all")
    with journal_to_change(config, mapping) as file:
        if file is None:
            return []
        holds = Holds(file)
        _of(kind, holds.all())
        decided = holds.decide(kind, decision)
    if not decided:
        say("nothing is held" if kind is None else f"what is held of kind {kind} was {decision} already")
    return decided


def _to_json(hold: Hold) -> dict[str, JSON]:
    return {
        "kind": hold.kind,
        "state": hold.state,
        "reason": hold.reason.value,
        "entities": hold.entities,
        "of": hold.owned,
        "since": hold.since.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _print_lines(holds: Holds | None, found: list[Hold]) -> None:
    for hold in found:
        put(f"{hold.kind}: {hold.entities:,} of {hold.owned:,} entities, {hold.state}, {hold.reason.value}")
        for key in holds.keys(hold) if holds else ():
            put(f"  {key.blueprint}  {key.identifier}")
    if not found:
        say("nothing is held")
    elif any(hold.state == "open" for hold in found):
        kind = next(hold.kind for hold in found if hold.state == "open")
        say(f"`penstock holds approve {shlex.quote(kind)}` has the next run delete them, `reject` keeps them")


def _print_json(holds: Holds | None, found: list[Hold]) -> None:
    """Print a list of holds with their entities, which may be too many to be held in memory."""
    before = b"[\n"
    for hold in found:
        put_bytes(before + to_json(_to_json(hold), indent=False)[:-1] + b',"keys":[')
        comma = b""
        for key in holds.keys(hold) if holds else ():
            pair: JSON = {"blueprint": key.blueprint, "identifier": key.identifier}
            put_bytes(comma + to_json(pair, indent=False))
            comma = b","
        put_bytes(b"]}")
        before = b",\n"
    put_bytes(b"[]\n" if before == b"[\n" else b"\n]\n")
