"""Processes that open one new file at the same moment, round after round; run as a program, for it forks.

python -m support.racing catalog|journal FOLDER
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from penstock.journal.file import JournalFile
from penstock_sinks._database import Database

ROUNDS = 40
AT_ONCE = 6
_HEAD_START = 0.01
"""Seconds in which all of them are forked."""


def failures(what: str, folder: Path) -> list[str]:
    """Return what went wrong in a process of its own, a line for each that could not open the file."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "support.racing", what, str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return ran.stdout.splitlines()


def _open(what: str, path: Path) -> None:
    if what == "journal":
        with JournalFile(path):
            return
    database = Database(path)
    database.open()
    database.close()


def _try(what: str, path: Path, start: float) -> None:
    """Open the file in a process of its own, when the others do."""
    if os.fork():
        return
    while time.monotonic() < start:
        pass
    try:
        _open(what, path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        sys.stdout.write(f"{type(error).__name__}: {error}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    for number in range(ROUNDS):
        start = time.monotonic() + _HEAD_START
        for _ in range(AT_ONCE):
            _try(sys.argv[1], Path(sys.argv[2]) / f"{number}.db", start)
        for _ in range(AT_ONCE):
            os.wait()
