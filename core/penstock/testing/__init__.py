"""What authors of plugins test with: a conformance kit for each family, a scripted API, and a recorder.

A kit is a class to inherit from; what it tests is in the names of its tests::

    class TestSignature(AuthConformance):
        strategy = Signature
        config = {"signingSecret": "0123456789-0123456789"}

The names are imported on first use: the kits need pytest, which penstock itself does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.testing.auth import AuthConformance as AuthConformance
    from penstock.testing.catalogs import Catalog as Catalog
    from penstock.testing.clock import FakeClock as FakeClock
    from penstock.testing.pagination import PaginationConformance as PaginationConformance
    from penstock.testing.paging import Answer as Answer
    from penstock.testing.paging import Reading as Reading
    from penstock.testing.paging import read as read
    from penstock.testing.paging import script as script
    from penstock.testing.recorder import Recorder as Recorder
    from penstock.testing.recorder import Recording as Recording
    from penstock.testing.server import ApiServer as ApiServer
    from penstock.testing.server import Handler as Handler
    from penstock.testing.server import Received as Received
    from penstock.testing.server import Reply as Reply
    from penstock.testing.server import routes as routes
    from penstock.testing.server import serve as serve
    from penstock.testing.sink import SinkConformance as SinkConformance

_HOME = {
    "AuthConformance": "auth",
    "PaginationConformance": "pagination",
    "SinkConformance": "sink",
    "Catalog": "catalogs",
    "FakeClock": "clock",
    "Answer": "paging",
    "Reading": "paging",
    "read": "paging",
    "script": "paging",
    "Recorder": "recorder",
    "Recording": "recorder",
    "ApiServer": "server",
    "Handler": "server",
    "Received": "server",
    "Reply": "server",
    "routes": "server",
    "serve": "server",
}


def __getattr__(name: str) -> object:
    """Import a public name from where it lives (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"penstock.testing.{_HOME[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
