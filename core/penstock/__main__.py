"""``python -m penstock``, and the command ``penstock``: the command line as a process of its own."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any, cast

from penstock.cli import main


def run() -> None:
    """Run the command line with the process's arguments, and end the process with its exit code."""
    try:
        main()
    except SystemExit as ended:
        _leave(ended.code)
        raise


def _leave(code: object) -> None:
    """End the process as the interpreter would, but let the system have its memory back at once.

    To take modules and objects apart one by one costs 12 ms of CPU, a fortieth of a short run. Returns where something
    is left for the interpreter to do: threads to wait for, a message to write, output that cannot be written.
    """
    if threading.active_count() > 1 or not isinstance(code, int | None):
        return
    cast("Any", atexit)._run_exitfuncs()  # noqa: SLF001 - it has no public name
    try:
        for stream in (sys.stdout, sys.stderr):
            if cast("object", stream) is not None:  # it is None where the process was started without
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(code or 0)


if __name__ == "__main__":
    run()
