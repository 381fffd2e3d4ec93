"""``penstock import``: from what another program was told to a penstock.yml."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from penstock.cli.console import say, to_json
from penstock.cli.failures import explained, misuse
from penstock.cli.groups import Group
from penstock.cli.options import PATH, examples, quietly, verbosely
from penstock.cli.plugged import plugin_manager

if TYPE_CHECKING:
    from penstock.migration.fate import Fate
    from penstock.migration.ocean import Imported

EPILOG: Final = examples("penstock import ocean")
OCEAN_EPILOG: Final = examples(
    "penstock import ocean",
    "penstock import ocean --env-file ocean.env --mapping port-app-config.yml -o hr/penstock.yml",
    "penstock import ocean --helm-values values.yaml --report - > fates.json",
)


@click.group("import", cls=Group, epilog=EPILOG)
def importing() -> None:
    """Write a penstock.yml of what another program was told."""


@importing.command(epilog=OCEAN_EPILOG)
@click.argument(
    "folder",
    metavar="[FOLDER]",
    required=False,
    type=PATH,
    default=Path(),
    help="Where .env, config.yaml, values.yaml and port-app-config.yml are.",
)
@click.option(
    "--env-file",
    metavar="FILE",
    type=PATH,
    multiple=True,
    help="Variables, as docker takes them; may be given several times.",
)
@click.option("--ocean-config", metavar="FILE", type=PATH, help="A config.yaml of Ocean.")
@click.option(
    "--helm-values",
    metavar="FILE",
    type=PATH,
    multiple=True,
    help="Values of Port's chart; of several the later is stronger.",
)
@click.option(
    "-m",
    "--mapping",
    metavar="FILE",
    type=PATH,
    help="A port-app-config to write down, also where Port keeps the mapping.",
)
@click.option(
    "--environment/--no-environment",
    default=True,
    help="Whether OCEAN__ variables of this process count, as with every command.",
)
@click.option("-o", "--output", metavar="FILE", default="penstock.yml", help="The file to write; - is stdout.")
@click.option("--force", is_flag=True, help="Write the file also where there is one already.")
@click.option("--report", metavar="FILE", help="Write what became of each setting as JSON; - is stdout.")
@verbosely
@quietly
def ocean(
    *,
    folder: Path,
    env_file: tuple[Path, ...],
    ocean_config: Path | None,
    helm_values: tuple[Path, ...],
    mapping: Path | None,
    environment: bool,
    output: str,
    force: bool,
    report: str | None,
    verbose: bool,
    quiet: bool,
) -> None:
    """Write what Ocean was told as a penstock.yml.

    It does what the installation of Port's custom integration does. Takes what it finds in the folder by its usual
    names, and the variables of this process. No secret is written: a variable stands for each, and the last lines say
    which must be set. Says of each setting what became of it.
    """
    with explained(verbose=verbose):
        from penstock.cli.files import STDOUT, require_folder, write_whole
        from penstock.migration.ocean import Places, import_ocean

        if output == report == STDOUT:
            raise misuse("--report", "stdout is taken by --output -; name a file")
        if report is not None and os.path.realpath(output) == os.path.realpath(report):
            raise misuse("--report", f"{report} is the file of --output; name another one")
        _require_free(output, force=force)
        for option, target in (("--output", output), ("--report", report)):
            require_folder(option, target, ", or - for stdout")
        if not folder.is_dir():
            raise misuse("FOLDER", f"there is no folder {folder}")
        places = Places(
            folder=folder,
            env_files=env_file,
            ocean_config=ocean_config,
            helm_values=helm_values,
            mapping=mapping,
            environ=os.environ if environment else None,
        )
        imported = import_ocean(places, plugin_manager())
        write_whole(output, [imported.text.encode()])
        if report is not None:
            write_whole(report, [to_json(_report(imported)) + b"\n"])
        if not quiet:
            _tell(imported, output)


def _require_free(output: str, *, force: bool) -> None:
    if output != "-" and not force and Path(output).exists():
        raise misuse("--output", f"{output} is there already; it was left as it is (--force replaces it)")


def _report(imported: Imported) -> dict[str, object]:
    return {
        "settings": [fate.to_json() for fate in imported.fates],
        "needed": [{"variable": name, "value_is": place} for name, place in imported.needed.items()],
        "notes": list(imported.notes),
    }


def _tell(imported: Imported, output: str) -> None:
    for fate in imported.fates:
        say(_sentence(fate))
    for note in imported.notes:
        say(f"note: {note}")
    if imported.needed:
        say("set these variables where penstock runs; no secret was written:")
        for name, place in imported.needed.items():
            say(f"  {name} ({place})")
    if output != "-":
        option = "" if output == "penstock.yml" else f" --config {shlex.quote(output)}"
        say(f"wrote {output}; OCEAN__ variables that stay set are stronger than the file; next: penstock check{option}")


def _sentence(fate: Fate) -> str:
    words = {
        "kept": f"kept as {fate.target}" if fate.target else "kept",
        "renamed": f"renamed to {fate.target}",
        "no effect": "no effect here",
        "overridden": "overridden",
        "unknown": "unknown",
    }
    remark = f": {fate.remark}" if fate.remark else ""
    return f"{fate.where}: {fate.setting}: {words[fate.outcome]}{remark}"
