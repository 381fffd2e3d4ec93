"""The commands, put together: only the one that is asked for is imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from penstock.cli.groups import Group
from penstock.cli.plugged import plugin_options, wanting

EPILOG: Final = """\b
First steps:
  penstock demo              see a whole sync, offline, in a folder of its own
  penstock init              write a penstock.yml to start from
  penstock import ocean      or make one of what Port's Ocean was told
  penstock check             one request per kind: does the connection work?
  penstock plan              what would a sync change? nothing is written
  penstock sync              read everything, and keep the catalog in step
  penstock holds list        deletions that wait for a decision
  penstock explain user 7    where an entity came from, or why it is not there

\b
Exit codes:
  0 complete    1 incomplete    2 usage or configuration error    3 deletions are held
  4 the plan no longer fits    5 explain: the catalog has no such entity
  75 another run of this source is on its way    130, 143 interrupted
"""


def _version(context: click.Context, _option: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - as click calls it
    if asked:
        from penstock.cli.version import version

        context.invoke(version)
        context.exit()


_COMMANDS: Final = (
    "sync",
    "plan",
    "apply",
    "serve",
    "check",
    "preview",
    "entities",
    "explain",
    "schema",
    "init",
    "demo",
    "version",
    "holds",
    "runs",
    "auth",
    "import",
    "plugins",
)
"""Each is the command of its name in the module of its name."""
_MODULES: Final = {"import": "importing"}
"""But for names that are words of Python: module and function have this one."""


def application(arguments: Sequence[str] = ()) -> click.Group:
    """Put the commands together; where the arguments begin with one of them, that one alone: each has its imports."""

    @click.group(
        cls=Group,
        epilog=EPILOG,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 110,
            "show_default": True,
        },
    )
    @click.option(
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_version,
        help="Print the version and exit.",
    )
    @plugin_options
    @click.pass_context
    def penstock(context: click.Context, *, no_plugins: bool, strict_plugins: bool) -> None:
        """Point it at any HTTP API: its records arrive, mapped and kept in step, in a catalog."""
        context.with_resource(wanting(no_plugins=no_plugins, strict_plugins=strict_plugins))

    asked = [name for name in arguments[:1] if name in _COMMANDS]
    for name in asked or _COMMANDS:
        module = _MODULES.get(name, name)
        penstock.add_command(getattr(import_module(f"penstock.cli.{module}"), module))
    return penstock
