"""``penstock plugins`` and ``penstock plugins show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

import click

from penstock.cli import authoring
from penstock.cli.console import put, put_json, table
from penstock.cli.failures import FAILED, explained, misuse
from penstock.cli.groups import Group
from penstock.cli.options import PATH, examples, table_or_json, verbosely
from penstock.cli.plugged import listed_plugins, pluggable, refuse_gated

if TYPE_CHECKING:
    from penstock.plugins import Family, PluginInfo, PluginManager

EPILOG: Final = examples(
    "penstock plugins",
    "penstock plugins --format json",
    "penstock plugins show bearer_token",
    "penstock plugins show none --family pagination",
    "PENSTOCK_DISABLE_PLUGINS=jsonl,auth:basic penstock plugins",
    "PENSTOCK_PLUGINS_DIR=./plugins penstock plugins --strict-plugins",
)
LOCK_EPILOG: Final = examples("penstock plugins lock ./plugins", "penstock plugins lock ./plugins --out plugins.lock")
SHOW_EPILOG: Final = examples("penstock plugins show cursor", "penstock plugins show sqlite --format json")
_WIDEST: Final = 110
_COLUMNS: Final = ("family", "name", "distribution", "version", "state")
_OF_MOUNTED: Final = ("code", "path")


@click.group(cls=Group, invoke_without_command=True, epilog=EPILOG)
@click.pass_context
@table_or_json
@verbosely
@pluggable
def plugins(context: click.Context, *, output: Literal["table", "json"], verbose: bool) -> None:
    """List the plugins, show the settings of one, or lock mounted ones.

    There are three families: auth (ways to prove who we are), pagination (ways to ask for the next page) and sink
    (places for entities). A plugin that is broken, disabled or claimed by several distributions is listed with the
    reason; only a configuration that names it fails. One that is mounted in PENSTOCK_PLUGINS_DIR and does not pass
    every gate is listed as gated, with the gate's code and what mends it.
    """
    if context.invoked_subcommand is not None:
        return
    with explained(verbose=verbose):
        from msgspec.structs import asdict

        manager = listed_plugins()
        infos = manager.infos()
        if output == "json":
            put_json([asdict(info) for info in infos])
        else:
            columns = [*_COLUMNS, *(_OF_MOUNTED if manager.mounted else ()), "reason"]
            put(table(columns, [[getattr(info, column) for column in columns] for info in infos]))
        refuse_gated(manager)


plugins.add_command(authoring.new)
plugins.add_command(authoring.check)


@plugins.command(epilog=SHOW_EPILOG)
@click.argument("name", metavar="NAME", help="The word a configuration writes.")
@click.option(
    "--family",
    type=click.Choice(["auth", "pagination", "sink"]),
    help="Which plugin is meant when several families have one of that name.",
)
@table_or_json
@verbosely
@pluggable
def show(
    *, name: str, family: Literal["auth", "pagination", "sink"] | None, output: Literal["table", "json"], verbose: bool
) -> None:
    """Show the settings of one plugin, with types and defaults."""
    with explained(verbose=verbose):
        manager = listed_plugins()
        info = _find(manager, name, family)
        if info.state != "ok":
            raise misuse(name, f"the {info.family} plugin of {info.distribution} is {info.state}: {info.reason}")
        _show(manager, info, output)


@plugins.command(epilog=LOCK_EPILOG)
@click.argument("folder", metavar="FOLDER", type=PATH, help="Where plugins are mounted from.")
@click.option("--out", metavar="FILE", type=PATH, show_default="plugins.lock in the folder", help="The lock file.")
@verbosely
def lock(*, folder: Path, out: Path | None, verbose: bool) -> None:
    """Lock a folder of plugins: nothing else in it is used from then on.

    Whatever passes every gate but the import is locked, byte for byte; nothing is run. What does not pass is left out,
    said, and makes the exit code 1. Where the lock file is not in the mounted folder, name it in PENSTOCK_PLUGINS_LOCK.
    """
    with explained(verbose=verbose):
        from penstock.cli.locking import lock_folder

        left_out = lock_folder(folder, out)
    raise SystemExit(FAILED if left_out else 0)


def _find(manager: PluginManager, name: str, family: Family | None) -> PluginInfo:
    infos = [info for info in manager.infos() if family in (None, info.family)]
    found = [info for info in infos if info.name == name]
    if not found:
        from penstock.errors import UnknownPluginError

        raise UnknownPluginError(name, family=family or "auth, pagination or sink", known={info.name for info in infos})
    if len(found) > 1:
        families = " or ".join(f"--family {info.family}" for info in found)
        raise misuse(name, f"several families have a plugin of this name; add {families}")
    return found[0]


def _show(manager: PluginManager, info: PluginInfo, output: str) -> None:
    from penstock.cli.describe import describe

    strategy = getattr(manager, info.family)(info.name)
    settings = describe(strategy.Config, cast("Family", info.family))
    summary = " ".join((type(strategy).__doc__ or "").split())
    if output == "json":
        content = {"family": info.family, "name": info.name, "distribution": info.distribution, "version": info.version}
        put_json({**content, "summary": summary, "settings": [setting.to_json() for setting in settings]})
        return
    put(f"{info.name}: {info.family} plugin of {info.distribution} {info.version}")
    if summary:
        put(_wrapped(summary.replace("``", "`")))
    if not settings:
        put("\nIt has no settings.")
    for setting in settings:
        put(f"\n{setting.name}: {setting.type}, {setting.default_text}")
        if setting.description:
            put(_wrapped(setting.description, indent="  "))
        put(f"  {setting.environment}")


def _wrapped(text: str, *, indent: str = "") -> str:
    import shutil
    import textwrap

    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
