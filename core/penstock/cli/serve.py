"""``penstock serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from penstock.cli.ending import ending_at_once
from penstock.cli.failures import explained, misuse
from penstock.cli.options import PATH, config_file, examples, mapping_file
from penstock.cli.plugged import pluggable

if TYPE_CHECKING:
    from penstock.config.load import Inputs
    from penstock.service import Options

EPILOG: Final = examples(
    "penstock serve",
    "penstock serve --config hr.yml --port 9000",
    "penstock serve --sources /etc/penstock/sources --log-format json",
    "penstock serve --once",
)


@click.command(epilog=EPILOG)
@click.option("--sources", metavar="FOLDER", type=PATH, help="Every *.yml in it is a source, in place of --config.")
@click.option("--once", "-O", is_flag=True, help="Sync once and end, with the exit code that sync would have.")
@click.option("--port", "-p", metavar="PORT", type=int, help="Listen here, in place of service.port.")
@click.option("--log-format", metavar="text|json", default="text", help="How to write the log, on stderr.")
@config_file
@mapping_file
@pluggable
def serve(
    *, sources: Path | None, once: bool, port: int | None, log_format: str, config: Path | None, mapping: Path | None
) -> None:
    """Sync on a schedule and when asked, until stopped.

    Serves /health/live, /health/ready, /metrics for Prometheus, /sources, and POST /sync. Changed files take effect
    with the next sync, if they are sound. A first interrupt ends the service cleanly, a second one at once.
    """
    with ending_at_once(), explained(verbose=False) as context:
        import asyncio

        if sources is not None and (config or mapping or once):
            raise misuse("--sources", "its files have settings of their own: leave out --config, --mapping and --once")
        given = _inputs(sources, config, mapping)
        if sources is None and (once or _is_once(given)):
            from penstock.cli.mapped import settings_to_sync
            from penstock.cli.running import Manner, run
            from penstock.cli.traces import Traces

            with Traces("sync") as traces:
                settings = settings_to_sync(context, given, traces).settings
                code = run(settings, context.secrets, Manner(), traces=traces)
        else:
            from penstock.service import serve as serve_until_stopped

            if sources is None and not _can_change(given):
                from penstock.cli.settings import load

                context.settings = load(given)  # what is wrong there stays so for ever
            options = _options(given, sources, port)
            _write_logs_as(log_format, options.service.log_level)
            code = asyncio.run(serve_until_stopped(options))
    raise SystemExit(code)


def _inputs(sources: Path | None, config: Path | None, mapping: Path | None) -> Inputs:
    """Return where the settings of the service itself are: not in a file where there may be many."""
    from msgspec.structs import replace

    from penstock.cli.settings import inputs

    given = inputs(config, mapping)
    return given if sources is None else replace(given, config_file=None, ocean_config=None)


def _is_once(given: Inputs) -> bool:
    from penstock.config.load import asks_for_one_sync

    return asks_for_one_sync(given)


def _can_change(given: Inputs) -> bool:
    """Whether there is a file that the service looks at: the environment of a process stays as it is."""
    named = given.config_file is not None or given.mapping_file is not None
    return named or any(file is not None and file.is_file() for file in (given.dotenv, given.ocean_config))


def _options(given: Inputs, folder: Path | None, port: int | None) -> Options:
    from penstock.config.load import load_service
    from penstock.service import Files, Folder, OneSource, Options

    service = load_service(given)
    if port is not None:
        service = service.model_copy(update={"port": port})
    files = Files(given.config_file, given.mapping_file, given.dotenv, given.ocean_config)
    return Options(service, OneSource(files) if folder is None else Folder(folder, given.dotenv))


def _write_logs_as(log_format: str, level: str) -> None:
    import logging

    from penstock.service.logs import FORMATTERS, LOGGER

    if log_format not in FORMATTERS:
        raise misuse("--log-format", f"expected one of {', '.join(FORMATTERS)}")
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATTERS[log_format]())
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
