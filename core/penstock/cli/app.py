"""The commands, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer

from penstock.cli import (
    apply,
    auth,
    check,
    demo,
    entities,
    holds,
    init,
    plan,
    plugins,
    preview,
    runs,
    schema,
    serve,
    sync,
    version,
)

EPILOG: Final = """\b
First steps:
  penstock demo              see a whole sync, offline, in a folder of its own
  penstock init              write a penstock.yml to start from
  penstock check             one request per kind: does the connection work?
  penstock plan              what would a sync change? nothing is written
  penstock sync              read everything, and keep the catalog in step
  penstock holds list        deletions that wait for a decision

\b
Exit codes:
  0 complete    1 incomplete    2 usage or configuration error    3 deletions are held
  4 the plan no longer fits    75 another run of this source is on its way    130, 143 interrupted
"""


def _version(asked: bool) -> None:  # noqa: FBT001 - the signature typer calls
    if asked:
        version.version()
        raise typer.Exit


def penstock(
    *,
    version: Annotated[  # noqa: ARG001, RUF100 - its callback acts
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Point it at any HTTP API: its records arrive, mapped and kept in step, in a catalog."""


_COMMANDS: Final[dict[str, tuple[Callable[..., None], dict[str, Any]]]] = {
    "sync": (sync.sync, {"epilog": sync.EPILOG}),
    "plan": (plan.plan, {"epilog": plan.EPILOG}),
    "apply": (apply.apply, {"epilog": apply.EPILOG}),
    "serve": (serve.serve, {"epilog": serve.EPILOG}),
    "check": (check.check, {"epilog": check.EPILOG}),
    "preview": (preview.preview, {"epilog": preview.EPILOG}),
    "entities": (entities.entities, {"epilog": entities.EPILOG}),
    "schema": (schema.schema, {"epilog": schema.EPILOG}),
    "init": (init.init, {"epilog": init.EPILOG}),
    "demo": (demo.demo, {"epilog": demo.EPILOG, "context_settings": {"allow_interspersed_args": False}}),
    "version": (version.version, {}),
}


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """Put the commands together; where the arguments begin with one of them, that one alone.

    typer looks into every option of every command it is given, which takes 6 ms for all of them.
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
    asked = [name for name in arguments[:1] if name in _COMMANDS]
    for name in asked or _COMMANDS:
        command, options = _COMMANDS[name]
        app.command(name, **options)(command)
    if not asked:
        app.add_typer(holds.app, name="holds")
        app.add_typer(runs.app, name="runs")
        app.add_typer(auth.app, name="auth")
        app.add_typer(plugins.app, name="plugins")
    return app


app: Final = application()
