"""Open the run journal of a source from the command line; a run may be under way, and nothing is created."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli.console import say
from penstock.cli.settings import inputs

if TYPE_CHECKING:
    from penstock.journal import JournalFile


@contextmanager
def existing_journal(config: Path | None, mapping: Path | None) -> Generator[JournalFile | None]:
    """Open the journal of the configured source; None where there is none yet, which is said.

    Raises:
        ConfigurationError: The settings do not say where it is.
        JournalError: It cannot be used.
    """
    from penstock.cli.plugged import plugin_manager
    from penstock.config.load import load_place
    from penstock.journal import JournalFile, path_of

    place = load_place(inputs(config, mapping), plugin_manager())
    path = path_of(place.state_dir, place.source)
    if not path.is_file():
        say(f'there is no run of "{place.source}" yet ({path} does not exist); `penstock sync` makes one')
        yield None
        return
    with JournalFile(path) as file:
        yield file
