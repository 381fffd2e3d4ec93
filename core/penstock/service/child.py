"""The process of one sync: ``python -m penstock.service.child``, with a snapshot on its standard input.

It writes the report to its standard output, and ends with the exit code that ``penstock sync`` would have. With the
argument ``check`` it only says what is wrong with the settings: exit code 2, or 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from penstock.cli.failures import explained
from penstock.cli.mapped import settings_to_sync
from penstock.cli.plugged import plugin_manager
from penstock.cli.running import Manner, run
from penstock.config.load import load_settings
from penstock.service.configuration import Snapshot


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says: ``check``, or ``sync`` with the kinds that follow, all if there are none."""
    task, *only = arguments
    snapshot = Snapshot.from_json(sys.stdin.buffer.read())
    with explained(verbose=False) as context:
        where = snapshot.inputs(os.environ)
        if task == "check":
            context.settings = load_settings(where, plugin_manager())
            return 0
        settings = settings_to_sync(context, where).settings
        return run(settings, context.secrets, Manner(quiet=True), only=only, report="-")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
