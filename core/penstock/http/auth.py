"""From the auth plugin that a connection names to what signs its requests."""

from __future__ import annotations

from typing import Any, cast

import httpx

from penstock.config.models import Chosen, PluginLimits
from penstock.errors import PenstockError, PluginError
from penstock.plugin_calls import blocking
from penstock.strategies import AuthContext, AuthStrategy


def build_auth(
    chosen: Chosen[AuthStrategy[Any]], context: AuthContext, limits: PluginLimits | None = None
) -> httpx.Auth:
    """Return what signs the requests of one connection.

    Raises:
        PluginError: The plugin raises, does not return, or gives something else.
    """
    name = chosen.strategy.name
    try:
        with blocking((limits or PluginLimits()).blocking_timeout):
            built = cast("object", chosen.strategy.build(chosen.config, context))  # a plugin may return anything
    except PenstockError:
        raise
    except Exception as error:
        message = f'the auth plugin "{name}" failed: {type(error).__name__}: {error}'
        raise PluginError(message) from error
    if not isinstance(built, httpx.Auth):
        message = f'the auth plugin "{name}" failed: build() returned {type(built).__name__}, not an httpx.Auth'
        raise PluginError(message)
    return built
