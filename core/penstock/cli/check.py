"""``penstock check``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from penstock.cli.console import put, table
from penstock.cli.failures import FAILED, explained
from penstock.cli.options import config_file, examples, mapping_file, only_kinds, quietly, verbosely
from penstock.cli.plugged import pluggable

EPILOG: Final = examples("penstock check", "penstock check --only /api/v1/users --verbose")


@click.command(epilog=EPILOG)
@only_kinds
@config_file
@mapping_file
@verbosely
@quietly
@pluggable
def check(*, only: tuple[str, ...], config: Path | None, mapping: Path | None, verbose: bool, quiet: bool) -> None:
    """Check the settings, then send one request per kind.

    Nothing is written. Exits with 0 when every kind answers and its first page can be mapped, 1 when one does not, 2
    when a setting is wrong.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.mapped import settings_to_look
        from penstock.cli.running import require_kinds, require_sink, warn_of
        from penstock.cli.settings import inputs

        settings = settings_to_look(context, inputs(config, mapping)).settings
        require_kinds("--only", only or (), settings)
        require_sink(settings)
        if not quiet:
            warn_of(settings)

        from penstock.sync.preview import check as check_kinds

        found = asyncio.run(check_kinds(settings, context.secrets, only=only))
        shown = [kind for kind in found if not (quiet and kind.ok)]
        if shown:
            rows = [[kind.kind, "ok" if kind.ok else "FAILED", f"{kind.seconds:.2f}", kind.message] for kind in shown]
            put(table(["kind", "check", "seconds", "what came"], rows, numbers=["seconds"]))
    raise SystemExit(0 if all(kind.ok for kind in found) else FAILED)
