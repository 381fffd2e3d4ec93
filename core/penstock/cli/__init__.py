"""The command line: one module per command, each of which imports what it needs only when it runs."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType
from typing import cast


def main() -> None:
    """Run the command line with the process's arguments, and end the process with its exit code."""
    # importing httpx would import its own command line: 0.15 s for click, rich and pygments; this is what a missing one
    # looks like, which httpx expects
    cast("dict[str, ModuleType | None]", sys.modules)["httpx._main"] = None

    # pydantic would look for plugins of its own in everything that is installed, and show them our settings
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

    # looking for cycles after every 2,000 objects, the default, is 5 % of a start, and finds none
    gc.set_threshold(200_000)
    try:
        from penstock.cli.application import application

        application(sys.argv[1:])(prog_name="penstock")
    except OSError as error:  # of the help, which click writes itself
        from penstock.cli.console import give_up_stdout, say
        from penstock.cli.failures import FAILED, refused_by_machine

        if not (refused := refused_by_machine(error)):
            raise
        give_up_stdout()
        say(f"error: stdout cannot be written: {refused}")
        raise SystemExit(FAILED) from error
    finally:
        # what is left goes with the process: looking through it once more would take another 0.08 s
        gc.freeze()
