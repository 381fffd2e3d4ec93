"""From the options of a command to what a run is told."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.cli.plugged import plugin_manager

if TYPE_CHECKING:
    from penstock.config.load import Inputs
    from penstock.config.models import Access, Settings, TokenStorage

DEFAULT_FILE: Final = Path("penstock.yml")
OCEAN_FILE: Final = Path("config.yaml")
"""Read where there is no file of ours: it may be anybody's, and what was imported from it is not to be stronger."""


def inputs(config: Path | None, mapping: Path | None, sink: str | None = None, catalog: Path | None = None) -> Inputs:
    """Return where settings come from, strongest first: options, environment, ``.env``, files.

    Without a file of ours, those of Ocean's are the ``config.yaml`` that is beside ``.env``.
    """
    from penstock.config.load import Inputs

    if config is None and DEFAULT_FILE.exists():
        config = DEFAULT_FILE
    return Inputs(
        config_file=config,
        mapping_file=mapping,
        environ=os.environ,
        sink=sink,
        catalog=catalog,
        dotenv=Path(".env"),
        ocean_config=OCEAN_FILE if config is None else None,
    )


def read_settings(
    config: Path | None, mapping: Path | None, *, sink: str | None = None, catalog: Path | None = None
) -> Settings:
    """Return the validated settings.

    Raises:
        ConfigurationError: All that is wrong with them.
    """
    return load(inputs(config, mapping, sink=sink, catalog=catalog))


def load(where: Inputs) -> Settings:
    """Return the validated settings; raises as ``read_settings`` does."""
    from penstock.config.load import load_settings

    plugins = plugin_manager()
    with _hinted(where):
        return load_settings(where, plugins)


def read_access(config: Path | None) -> Access:
    """Return how the source is reached and where grants are kept.

    Raises:
        ConfigurationError: All that is wrong with it.
    """
    from penstock.config.load import load_access

    where, plugins = inputs(config, None), plugin_manager()
    with _hinted(where):
        return load_access(where, plugins)


def read_token_storage(config: Path | None) -> TokenStorage:
    """Return where grants are kept; the default place where there is no file.

    Raises:
        ConfigurationError: All that is wrong with it.
    """
    from penstock.config.load import load_tokens

    return load_tokens(inputs(config, None))


@contextmanager
def _hinted(where: Inputs) -> Generator[None]:
    """Say what to do where there is no file at all."""
    from penstock.errors import ConfigurationError, Problem

    try:
        yield
    except ConfigurationError as error:
        if where.config_file is not None or (where.ocean_config is not None and where.ocean_config.is_file()):
            raise
        hint = f"there is no {DEFAULT_FILE} in this folder; name a file with --config, or run `penstock init`"
        raise ConfigurationError([*error.problems, Problem("", hint)], error.warnings) from error
