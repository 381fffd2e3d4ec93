"""Open the run journal of a source from the command line; a run may be under way, and nothing is created."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli.console import say
from penstock.cli.settings import inputs

if TYPE_CHECKING:
    from penstock.journal import JournalFile, ReadableJournal


@contextmanager
def existing_journal(config: Path | None, mapping: Path | None) -> Generator[ReadableJournal | None]:
    """Open the journal of the configured source, to read it; None where there is none yet, which is said.

    Raises:
        ConfigurationError: The settings do not say where it is.
        JournalError: It cannot be used.
    """
    from penstock.journal import ReadableJournal

    path = _existing(config, mapping)
    with nullcontext() if path is None else ReadableJournal(path) as file:
        yield file


@contextmanager
def journal_to_change(config: Path | None, mapping: Path | None) -> Generator[JournalFile | None]:
    """Open the journal as ``existing_journal`` does, to write to it."""
    from penstock.journal import JournalFile

    path = _existing(config, mapping)
    with nullcontext() if path is None else JournalFile(path) as file:
        yield file


def _existing(config: Path | None, mapping: Path | None) -> Path | None:
    from penstock.cli.plugged import plugin_manager
    from penstock.config.load import load_place
    from penstock.journal import path_of

    place = load_place(inputs(config, mapping), plugin_manager())
    path = path_of(place.state_dir, place.source)
    if path.is_file():
        return path
    say(f'there is no run of "{place.source}" yet ({path} does not exist); `penstock sync` makes one')
    return None
