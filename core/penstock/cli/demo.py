"""``penstock demo``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import replace

from penstock.cli.console import put, say, table
from penstock.cli.failures import explained, misuse
from penstock.cli.options import PATH, examples, quietly, verbosely

if TYPE_CHECKING:
    from penstock.cli.failures import Context
    from penstock.cli.running import Manner
    from penstock.config.models import Chosen
    from penstock.demo.api import DemoApi
    from penstock.redaction import Secrets
    from penstock.strategies import SinkStrategy

EPILOG: Final = examples(
    "penstock demo",
    "penstock demo --dir /tmp/tour",
    "penstock demo check",
    "penstock demo preview /services --items 1",
    "penstock demo sync --only /users --report -",
    "penstock demo --port",
    "penstock demo --serve 127.0.0.1:8080",
)
DEFAULT_FOLDER: Final = Path("penstock-demo")
TOKEN_VARIABLE: Final = "PENSTOCK_DEMO_TOKEN"  # noqa: S105 - its name
_PORTS: Final = 65535
_MARK: Final = "# The demo of penstock"
_WITH_SETTINGS: Final = ("sync", "plan", "check", "preview", "entities")
_WITH_CATALOG: Final = ("sync", "plan", "entities")


@click.command(epilog=EPILOG, context_settings={"allow_interspersed_args": False})
@click.argument(
    "command",
    metavar="[COMMAND]...",
    nargs=-1,
    help=f"Run this command against the demo's API instead: {', '.join(_WITH_SETTINGS)}, with its options.",
)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=PATH,
    default=DEFAULT_FOLDER,
    help="The folder to use; nothing else is touched.",
)
@click.option(
    "--serve",
    metavar="HOST:PORT",
    help="Only run the API there, until interrupted; its token is the one in PENSTOCK_DEMO_TOKEN, or made up.",
)
@click.option(
    "--port",
    "into_port",
    is_flag=True,
    help="Sync into a stand-in for Port on this machine, in place of catalog.db; it ends with the command.",
)
@verbosely
@quietly
def demo(
    *, command: tuple[str, ...], folder: Path, serve: str | None, into_port: bool, verbose: bool, quiet: bool
) -> None:
    """See a whole sync, offline: from a bundled API into a catalog.

    Starts an API on a port of this machine only, with made-up records: it wants a bearer token, pages its lists in
    three ways, nests one endpoint in another and once asks to be left alone for a second. Writes penstock.yml and
    catalog.db into the folder, and shows what arrived. The API ends with the command.
    """
    with explained(verbose=verbose) as context:
        from penstock.cli.running import Manner
        from penstock.demo.api import demo_api

        if serve is not None:
            if command:
                raise misuse("--serve", f"the API alone runs no {command[0]}; run that in another terminal")
            raise SystemExit(_serve(serve, quiet=quiet))
        if command and command[0] not in _WITH_SETTINGS:
            known = ", ".join(_WITH_SETTINGS)
            raise misuse("COMMAND", f"{command[0]} has nothing to do with the demo; one of {known} has")
        if into_port and command:
            raise misuse("--port", f"it syncs, and runs no {command[0]}")
        config = _prepare(folder)
        if into_port:
            raise SystemExit(_into_port(context, config, Manner(verbose=verbose, quiet=quiet)))
        with demo_api() as api:
            _announce(api)
            if command:
                _run_command(command, config, folder)

            from penstock.cli.running import run
            from penstock.cli.settings import read_settings

            if not quiet:
                say(f"an API with made-up records listens on {api.url}; {config} says how to read it")
                say("once it asks for a second's pause (429, Retry-After), and is given it")
            settings = context.settings = read_settings(config, None, catalog=folder / "catalog.db")
            code = run(settings, context.secrets, Manner(verbose=verbose, quiet=quiet))
        if code == 0:
            _show(settings.sink, context.secrets, folder, quiet=quiet)
    raise SystemExit(code)


def _serve(address: str, *, quiet: bool) -> int:
    """Run the API alone until a signal comes, and return the exit code for it.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """
    import signal

    from penstock.demo.api import demo_api

    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > _PORTS:
        raise misuse("--serve", f"{address} is not HOST:PORT, such as 127.0.0.1:8080")
    ends = {signal.SIGINT, signal.SIGTERM}
    # before the first thread, which inherits it: the signals are for this one, which waits for them
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    given = os.environ.get(TOKEN_VARIABLE, "")
    try:
        with demo_api(host, int(port), token=given) as api:
            if not quiet:
                token = f"the token in {TOKEN_VARIABLE}" if given else f'the token "{api.token}"'
                say(f"an API with made-up records listens on {api.url}, and wants {token}")
            return 128 + signal.sigwait(ends)
    except OSError as error:
        raise misuse("--serve", f"cannot listen on {address}: {error.strerror or error}") from error


def _prepare(folder: Path) -> Path:
    """Make the folder and its penstock.yml, unless an earlier demo did; return the file.

    Raises:
        ConfigurationError: The folder holds something else, or cannot be written.
    """
    try:
        return _prepared(folder)
    except OSError as error:
        raise misuse("--dir", f"{folder} cannot be written: {error.strerror or error}; name another folder") from error


def _prepared(folder: Path) -> Path:
    from importlib.resources import files

    config = folder / "penstock.yml"
    if config.is_file() and config.read_text("utf-8").startswith(_MARK):
        return config  # perhaps changed by its reader
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise misuse("--dir", f"{folder} is there already and is not of an earlier demo; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    config.write_bytes((files("penstock.demo") / "penstock.yml").read_bytes())
    return config


def _into_port(context: Context, config: Path, manner: Manner) -> int:
    """Sync the API into a stand-in for Port, show what arrived there, and return the exit code."""
    import tempfile

    from penstock.cli.running import run
    from penstock.cli.settings import read_settings
    from penstock.demo.api import demo_api
    from penstock.demo.port_catalog import demo_port

    # the stand-in is empty each time: what a journal remembers of another one would be wrong
    with demo_api() as api, demo_port() as port, tempfile.TemporaryDirectory(prefix="penstock-demo-") as state:
        _announce(api)
        sink = {"BASE_URL": port.url, "CLIENT_ID": port.client_id, "CLIENT_SECRET": port.client_secret}
        os.environ.update({f"PENSTOCK__SINK__{name}": value for name, value in sink.items()})
        settings = context.settings = replace(read_settings(config, None, sink="port"), state_dir=Path(state))
        if not manner.quiet:
            say(f"an API with made-up records listens on {api.url}; {config} says how to read it")
            say(f"a stand-in for Port listens on {port.url}, and is as strict about its blueprints")
        code = run(settings, context.secrets, manner)
        if code == 0:
            _put_arrived(settings.sink, context.secrets, quiet=manner.quiet)
    return code


def _announce(api: DemoApi) -> None:
    """Set the variables that the demo's penstock.yml refers to, and drop those that would change it."""
    for name in [name for name in os.environ if name.upper().startswith(("PENSTOCK__", "OCEAN__"))]:
        del os.environ[name]
    os.environ["PENSTOCK_DEMO_URL"] = api.url
    os.environ[TOKEN_VARIABLE] = api.token
    # a proxy could not reach this machine's own port
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def _run_command(command: Sequence[str], config: Path, folder: Path) -> None:
    """Run another command against the API; ends the process with its exit code."""
    from penstock.cli.application import application

    name = command[0]
    catalog = ["--catalog", str(folder / "catalog.db")] if name in _WITH_CATALOG else []
    arguments = [name, "--config", str(config), *catalog, *command[1:]]
    application(arguments)(arguments, prog_name="penstock")


def _show(sink: Chosen[SinkStrategy[Any]], secrets: Secrets, folder: Path, *, quiet: bool) -> None:
    """Print what is in the catalog now, and what to try next."""
    _put_arrived(sink, secrets, quiet=quiet)
    if not quiet:
        say()
        say("try next:")
        for purpose, line in _next_commands(folder):
            say(f"  {purpose}:")
            say(f"    {line}")


def _put_arrived(sink: Chosen[SinkStrategy[Any]], secrets: Secrets, *, quiet: bool) -> None:
    """Print what is in the catalog now."""
    import asyncio

    rows = asyncio.run(_arrived(sink, secrets))
    if not quiet:
        say()
    put(table(["blueprint", "entities", "for example"], rows, numbers=["entities"]))


def _next_commands(folder: Path) -> list[tuple[str, str]]:
    """Return three commands that work as they are in the current folder, each with what it is for."""
    option = [] if folder == DEFAULT_FOLDER else ["--dir", str(folder)]
    catalog = str(folder / "catalog.db")
    return [
        (
            "look into the catalog",
            shlex.join(["penstock", "entities", "--catalog", catalog, "--blueprint", "incident"]),
        ),
        (
            "see one request, its answer, and what it becomes",
            shlex.join(["penstock", "demo", *option, "preview", "/services"]),
        ),
        (
            f"sync again: nothing has changed, unless you change {folder / 'penstock.yml'}",
            shlex.join(["penstock", "demo", *option]),
        ),
    ]


async def _arrived(sink: Chosen[SinkStrategy[Any]], secrets: Secrets) -> list[tuple[str, int, str]]:
    from penstock.cli.catalog import read_catalog

    found: dict[str, tuple[int, str]] = {}
    async for chunk in read_catalog(sink, secrets):
        for entity in chunk:
            count, example = found.get(entity.blueprint, (0, ""))
            title = f" ({entity.title})" if isinstance(entity.title, str) else ""
            found[entity.blueprint] = (count + 1, example or f"{entity.identifier}{title}")
    return [(blueprint, count, example) for blueprint, (count, example) in found.items()]
