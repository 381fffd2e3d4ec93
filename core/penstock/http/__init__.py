"""How penstock talks to a source; the only package that makes clients.

``ApiClient`` and its values are imported on first use: httpx and aiohttp take longer to load than small runs to do.
``penstock.http.urls`` and ``penstock.http.documents`` need neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.http.client import ApiClient as ApiClient
    from penstock.http.client import ApiRequest as ApiRequest
    from penstock.http.client import ApiResponse as ApiResponse

_NAMES = frozenset({"ApiClient", "ApiRequest", "ApiResponse"})


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    if name in _NAMES:
        return getattr(import_module("penstock.http.client"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
