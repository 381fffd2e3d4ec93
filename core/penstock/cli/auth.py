"""``penstock auth status``, ``login`` and ``forget``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from penstock.cli.console import put, put_json, say, table
from penstock.cli.failures import FAILED, explained, misuse
from penstock.cli.groups import Group
from penstock.cli.options import config_file, examples, table_or_json, verbosely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.tokens import StoredToken

EPILOG: Final = examples("penstock auth login", "penstock auth status", "penstock auth forget --all")
STATUS_EPILOG: Final = examples("penstock auth status", "penstock auth status --format json | jq -r '.tokens[].label'")
LOGIN_EPILOG: Final = examples("penstock auth login", "penstock auth login --no-browser --config hr.yml")
FORGET_EPILOG: Final = examples(
    'penstock auth forget "oauth2 https://id.example.com/token acme"', "penstock auth forget --all"
)
INTERRUPTED: Final = 130


@click.group(cls=Group, epilog=EPILOG)
def auth() -> None:
    """Log in to a source, list what it granted, or forget it.

    Some sources need a person once. What they grant is kept: refresh tokens, which let penstock in without anybody from
    then on. They are in a folder of their own, see tokens.path, and encrypted where there is a tokens.key.
    """


@auth.command(epilog=STATUS_EPILOG)
@table_or_json
@config_file
@verbosely
def status(*, output: Literal["table", "json"], config: Path | None, verbose: bool) -> None:
    """List what is kept, and say whether the connection needs a login.

    No token is shown. Exits with 1 when the connection needs a login and there is none that can be used, else with 0.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.access import look
        from penstock.cli.settings import read_access

        access = context.settings = read_access(config)
        seen = asyncio.run(look(access, context.secrets))
        if output == "json":
            put_json(seen.to_json())
        else:
            if seen.tokens:
                put(table(["label", "scope", "expires", "refresh", "problem"], [one.row() for one in seen.tokens]))
            else:
                say(f"nothing is kept in {seen.folder}")
            say(seen.summary())
    raise SystemExit(FAILED if seen.needs_login else 0)


@auth.command(epilog=LOGIN_EPILOG)
@click.option(
    "--browser/--no-browser", default=True, help="Open a browser where there is one; the URL is shown anyway."
)
@config_file
@verbosely
def login(*, browser: bool, config: Path | None, verbose: bool) -> None:
    """Log in to the configured source, and keep what it grants.

    Needed once, where `penstock auth status` says so. Exits with 1 when it was refused, with 2 when there is nothing to
    log in to, with 130 when it was interrupted.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.access import Terminal, log_in, open_in_browser, show_only
        from penstock.cli.settings import read_access

        access = context.settings = read_access(config)
        for warning in access.warnings:
            say(f"warning: {warning}")
        try:
            asyncio.run(log_in(access, context.secrets, Terminal(open_in_browser if browser else show_only)))
        except KeyboardInterrupt:
            say("interrupted; nothing was kept")
            raise SystemExit(INTERRUPTED) from None
        say("logged in; `penstock sync` needs nobody from now on")


@auth.command(epilog=FORGET_EPILOG)
@click.argument("label", metavar="[LABEL]", required=False, help="What to forget, as `penstock auth status` lists it.")
@click.option("--all", "everything", is_flag=True, help="Forget everything that is kept.")
@config_file
@verbosely
def forget(*, label: str | None, everything: bool, config: Path | None, verbose: bool) -> None:
    """Remove what is kept, whether it can be read or not.

    The server is not told: where others may have seen the token, revoke it there too.
    """
    with explained(verbose=verbose) as context:
        import asyncio

        from penstock.cli.settings import read_token_storage
        from penstock.tokens import FileTokens

        storage = context.settings = read_token_storage(config)
        tokens = FileTokens.of(storage)
        for chosen in _chosen(tokens.stored(), label, everything=everything):
            asyncio.run(tokens.forget(chosen.name))
            say(f"forgot {chosen.label or chosen.name}")


def _chosen(kept: Sequence[StoredToken], label: str | None, *, everything: bool) -> Sequence[StoredToken]:
    if everything:
        if label is not None:
            raise misuse("--all", "forgets everything; leave out the label, or the option")
        if not kept:
            say("nothing is kept")
        return kept
    listed = ", ".join(f'"{one.label or one.name}"' for one in kept) or "nothing"
    if label is None:
        raise misuse("LABEL", f"say what to forget, or --all (kept: {listed})")
    found = [one for one in kept if label in {one.label, one.name}]
    if not found:
        raise misuse("LABEL", f"nothing of that name is kept (kept: {listed})")
    return found
