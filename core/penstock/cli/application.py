"""The commands, put together: only the one that is asked for is imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from penstock.cli.plugged import NoPlugins, StrictPlugins, pluggable, wanting

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


def _version(asked: bool) -> None:  # noqa: FBT001 - the signature typer calls
    if asked:
        from penstock.cli.version import version

        version()
        raise typer.Exit


def penstock(
    context: typer.Context,
    *,
    no_plugins: NoPlugins = False,
    strict_plugins: StrictPlugins = False,
    version: Annotated[  # noqa: ARG001, RUF100 - its callback acts
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Point it at any HTTP API: its records arrive, mapped and kept in step, in a catalog."""
    context.with_resource(wanting(no_plugins=no_plugins, strict_plugins=strict_plugins))


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
)
"""Each is the function of its name in the module of its name, with an ``EPILOG`` or none."""
_PLUGGABLE: Final = frozenset({"sync", "plan", "apply", "serve", "check", "preview", "entities", "explain", "schema"})
"""The commands that may use plugins of others."""
_OPTIONS: Final[dict[str, dict[str, Any]]] = {"demo": {"context_settings": {"allow_interspersed_args": False}}}
_GROUPS: Final = {"holds": "holds", "runs": "runs", "auth": "auth", "import": "importing", "plugins": "plugins"}
"""Each is the ``app`` of a module."""


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """Put the commands together; where the arguments begin with one of them, that one alone.

    typer looks into every option of every command it is given: with their imports, all of them take 9 ms.
    """
    # without rich's markup, which would triple the time --help takes
    app = typer.Typer(
        name="penstock",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        epilog=EPILOG,
    )
    app.callback()(penstock)
    asked = {name for name in arguments[:1] if name in (*_COMMANDS, *_GROUPS)}
    for name in _COMMANDS:
        if name in asked or not asked:
            module = import_module(f"penstock.cli.{name}")
            command = app.command(name, epilog=getattr(module, "EPILOG", None), **_OPTIONS.get(name, {}))
            function = getattr(module, name)
            command(pluggable(function) if name in _PLUGGABLE else function)
    for name, module_name in _GROUPS.items():
        if name in asked or not asked:
            app.add_typer(import_module(f"penstock.cli.{module_name}").app, name=name)
    return app
