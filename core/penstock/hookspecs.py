"""The hooks a plugin may implement: one for each family.

The plugin manager imports a plugin's module when a configuration names it, or when all are listed.
"""

from __future__ import annotations

from typing import Any

import pluggy

from penstock.strategies import AuthStrategy, PaginationStrategy, SinkStrategy

hookspec = pluggy.HookspecMarker("penstock")
hookimpl = pluggy.HookimplMarker("penstock")


@hookspec
def penstock_auth() -> AuthStrategy[Any]:
    """Offer one way of proving who we are.

    Called once, right after the plugin's module was imported and before any setting is read: it must not touch the
    network, the disk or the environment.

    Returns:
        The strategy. Core validates the connection's settings with its ``Config`` and passes them to ``build``, once
        per connection. Its ``name`` must be the name of the entry point (group ``penstock.auth``).
    """
    raise NotImplementedError


@hookspec
def penstock_pagination() -> PaginationStrategy[Any]:
    """Offer one way of asking for the next page.

    Called like ``penstock_auth``; entry points in the group ``penstock.pagination``.

    Returns:
        The strategy. Core calls ``first`` once per partition and ``next`` once per page.
    """
    raise NotImplementedError


@hookspec
def penstock_sink() -> SinkStrategy[Any]:
    """Offer one kind of place where entities go.

    Called like ``penstock_auth``; entry points in the group ``penstock.sink``.

    Returns:
        The strategy. Core calls ``open`` once per run.
    """
    raise NotImplementedError
