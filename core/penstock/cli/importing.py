"""``penstock import``: from what another program was told to a penstock.yml."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from penstock.cli.console import say, to_json
from penstock.cli.failures import explained, misuse
from penstock.cli.options import Quiet, Verbose, examples
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

app: Final = typer.Typer(rich_markup_mode=None, no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="Where .env, config.yaml, values.yaml and port-app-config.yml are.")
]
EnvFiles = Annotated[
    list[Path] | None,
    typer.Option("--env-file", metavar="FILE", help="Variables, as docker takes them; may be given several times."),
]
OceanConfig = Annotated[Path | None, typer.Option("--ocean-config", metavar="FILE", help="A config.yaml of Ocean.")]
HelmValues = Annotated[
    list[Path] | None,
    typer.Option("--helm-values", metavar="FILE", help="Values of Port's chart; of several the later is stronger."),
]
Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping", "-m", metavar="FILE", help="A port-app-config to write down, also where Port keeps the mapping."
    ),
]
WithEnvironment = Annotated[
    bool,
    typer.Option("--environment/--no-environment", help="Whether OCEAN__ variables of this process count, as always."),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Write the file also where there is one already.")]
Report = Annotated[
    str | None, typer.Option("--report", metavar="FILE", help="Write what became of each setting as JSON; - is stdout.")
]


@app.callback(epilog=EPILOG)
def importing() -> None:
    """Write a penstock.yml of what another program was told."""


@app.command("ocean", epilog=OCEAN_EPILOG)
def ocean(
    folder: Folder = Path(),
    *,
    env_file: EnvFiles = None,
    ocean_config: OceanConfig = None,
    helm_values: HelmValues = None,
    mapping: Mapping = None,
    environment: WithEnvironment = True,
    output: Output = "penstock.yml",
    force: Force = False,
    report: Report = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
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
        _require_free(output, force=force)
        for option, target in (("--output", output), ("--report", report)):
            require_folder(option, target, ", or - for stdout")
        if not folder.is_dir():
            raise misuse("FOLDER", f"there is no folder {folder}")
        places = Places(
            folder=folder,
            env_files=tuple(env_file or ()),
            ocean_config=ocean_config,
            helm_values=tuple(helm_values or ()),
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
