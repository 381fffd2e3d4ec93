"""The process of one sync: ``python -m penstock.service.child sync``.

A snapshot and an order come on its standard input, a line each.

It writes the report to its standard output, and ends with the exit code that ``penstock sync`` would have. With the
argument ``check`` it only says what is wrong with the settings: exit code 2, or 0, and on its standard output what the
service needs to know of the catalog (``Checked``). With ``listen`` it hears who asks for a sync: see ``listen.py``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from msgspec.structs import replace

from penstock.cli.failures import Context, explained
from penstock.cli.mapped import settings_to_sync
from penstock.cli.plugged import plugin_manager
from penstock.cli.running import Manner, run
from penstock.cli.traces import Traces
from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.service.configuration import Snapshot
from penstock.service.order import Order
from penstock.service.runner import AGAIN, Checked


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says: ``check``, ``sync`` or ``listen``."""
    task, *more = arguments
    snapshot = Snapshot.from_json(sys.stdin.buffer.readline())
    with explained(verbose=False) as context:
        where = snapshot.inputs(os.environ)
        if task == "check":
            context.settings = settings = load_settings(where, plugin_manager())
            sys.stdout.write("\n" + _checked(settings).to_json().decode())
            return 0
        if task == "listen":
            return _listen(context, where, again=more == [AGAIN])
        order = Order.from_json(sys.stdin.buffer.readline())
        with Traces("sync") as traces:
            settings = settings_to_sync(context, where, traces, order.timetable).settings
            return run(settings, context.secrets, Manner(quiet=True), only=order.only, report="-", traces=traces)


def _checked(settings: Settings) -> Checked:
    from penstock.sync.sinks import ownership_of  # noqa: PLC0415 - a sync and a listener need none of it

    listens = settings.sink.strategy.listens and settings.listening.way != "none"
    return Checked(sound=True, listens=listens, ownership=ownership_of(settings.sink, settings.source))


def _listen(context: Context, where: Inputs, *, again: bool) -> int:
    import asyncio  # noqa: PLC0415 - a check needs none of it

    from penstock.service.listen import listen  # noqa: PLC0415

    context.settings = settings = load_settings(where, plugin_manager())
    if again:  # no sync begins now
        settings = replace(settings, listening=settings.listening._replace(begins_with_sync=False))
    asyncio.run(listen(settings, context.secrets))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
