"""``penstock plugins lock``: from what a folder holds to its lock file."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.cli.console import say
from penstock.cli.failures import misuse
from penstock.mounting.lock import write_lock
from penstock.mounting.mount import survey
from penstock.mounting.settings import LOCK_NAME, MountSettings
from penstock.plugins import installed_points


def lock_folder(folder: Path, out: Path | None) -> int:
    """Write the lock file of a folder, say what is in it and what is not, and return how many were left out.

    Raises:
        ConfigurationError: There is no such folder, or the file cannot be written.
    """
    if not folder.is_dir():
        raise misuse("FOLDER", f"{folder} is no folder")
    file = out or folder / LOCK_NAME
    found, refused = survey(folder.absolute(), MountSettings.of(os.environ), installed_points())
    for verdict in refused:
        code = verdict.refusal.code.value if verdict.refusal else ""
        say(f"not locked: {verdict.name} {verdict.version} ({verdict.path}): {code}: {verdict.refusal}")
    try:
        write_lock(file, found)
    except OSError as error:
        raise misuse("--out", f"{file} cannot be written: {error.strerror}; name a file with --out") from error
    for one in found:
        say(f"locked {one.name} {one.version} ({one.path.name})")
    say(f"wrote {file}")
    return len(refused)
