"""aiohttp, imported without the certificates that it would load and penstock would not use.

While it is imported it makes the two TLS contexts of those who pass none, and loads the default certificates into both:
40 ms of CPU, a tenth of a short run. ``routes`` always passes a context of its own. So here they are loaded when such a
context is first used, and whoever else uses aiohttp in this process finds the TLS that it promises.
"""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["aiohttp", "certificates_on_first_use"]


class _Unloaded(ssl.SSLContext):
    """A context that was told to load the default certificates, and does so before its first connection."""

    _loaded = False

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 - passed on
        self._load()
        return super().wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:  # noqa: ANN401 - passed on
        self._load()
        return super().wrap_socket(*args, **options)

    def _load(self) -> None:
        if not self._loaded:
            _load_now(self)
            self._loaded = True  # only now: a second thread loads once more rather than too late


_load_now = ssl.SSLContext.set_default_verify_paths


@contextmanager
def certificates_on_first_use() -> Generator[None]:
    """Let the contexts that are made within a ``with`` block load the default certificates only when they are used."""
    if "set_default_verify_paths" in vars(ssl.SSLContext):  # somebody, truststore for one, has their own way
        yield
        return
    ssl.SSLContext.set_default_verify_paths = _put_off  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths


def _put_off(context: ssl.SSLContext) -> None:
    if type(context) is ssl.SSLContext:
        context.__class__ = _Unloaded
    else:
        _load_now(context)


with certificates_on_first_use():
    import aiohttp
