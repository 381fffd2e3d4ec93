"""The scripted API of ``penstock.testing``, under the name by which the tests know it."""

from __future__ import annotations

from penstock.testing.server import ApiServer, Handler, Received, Reply, routes, serve

__all__ = ["ApiServer", "Handler", "Received", "Reply", "routes", "serve"]
