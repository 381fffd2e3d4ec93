"""``penstock init``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from penstock.cli.console import say
from penstock.cli.failures import explained
from penstock.cli.options import PATH, examples, verbosely

EPILOG: Final = examples("penstock init", "penstock init --config hr/penstock.yml")


@click.command(epilog=EPILOG)
@click.option("--config", "-c", metavar="FILE", type=PATH, default=Path("penstock.yml"), help="The file to write.")
@verbosely
def init(*, config: Path, verbose: bool) -> None:
    """Write a commented penstock.yml to start from.

    A file that is there already is left as it is.
    """
    with explained(verbose=verbose):
        from importlib.resources import files

        from penstock.cli.failures import misuse

        content = (files("penstock.cli") / "penstock.template.yml").read_bytes()
        try:
            with config.open("xb") as file:
                file.write(content)
        except FileExistsError as error:
            raise misuse("--config", f"{config} is there already; it was left as it is") from error
        except OSError as error:
            raise misuse("--config", f"{config} cannot be written: {error.strerror}") from error
        say(f"wrote {config}; fill in baseUrl, the credentials and the resources, then run: penstock check")
