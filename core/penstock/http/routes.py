"""The way to each origin: TLS, proxy, and the pool of connections."""

from __future__ import annotations

import logging
import os
import ssl
from base64 import b64encode
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from yarl import URL

from penstock.config.models import HttpSettings
from penstock.http.pool import Pool
from penstock.http.transport import aiohttp
from penstock.http.urls import UrlError, is_allowed
from penstock.veiled import Veiled

_LOG: Final = logging.getLogger(__name__)
_CA_VARIABLE: Final = "PENSTOCK_CA_DIR"
_CERTIFICATES: Final = frozenset({".crt", ".pem"})
_MAX_HEADER_BYTES: Final = 64 * 1024
"""Of one response header: ``Link`` headers with long cursors pass aiohttp's 8 KiB."""


class Proxy(Veiled, frozen=True):
    """Where requests go instead of straight to the server."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"authorization"})

    url: str
    """Without user-info."""
    authorization: str
    """The ``Proxy-Authorization`` header; empty for none."""


class Route(Veiled, frozen=True):
    """How requests to one origin are sent."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"headers"})

    pool: Pool
    headers: dict[str, str]
    """To be added to each request: what a plain-HTTP proxy reads."""
    is_own: bool
    """Whether it leads to an origin of the connection, whose rate limits hold for all of it."""


class Routes:
    """Makes each route once; all of one connection share their cookies and, by TLS and proxy, their pools.

    To be used within a running event loop, and closed.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._routes: dict[tuple[str, bytes], Route] = {}
        self._pools: dict[tuple[str, Proxy | None], Pool] = {}
        self._cookies: aiohttp.CookieJar | None = None
        self._tls: dict[str, ssl.SSLContext] = {}

    def to(self, url: httpx.URL) -> Route:
        """Return the route to the origin of this URL."""
        key = (url.scheme, url.netloc)
        if key not in self._routes:
            self._routes[key] = self._make_route(url)
        return self._routes[key]

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()
        self._routes.clear()

    def _make_route(self, url: httpx.URL) -> Route:
        proxy = find_proxy(self._settings, url)
        plain = url.scheme == "http"
        if (url.scheme, proxy) not in self._pools:
            self._pools[url.scheme, proxy] = self._make_pool(url.scheme, proxy)
        headers = {"Proxy-Authorization": proxy.authorization} if plain and proxy and proxy.authorization else {}
        return Route(self._pools[url.scheme, proxy], headers, self._is_own(url))

    def _is_own(self, url: httpx.URL) -> bool:
        try:
            return is_allowed(str(url), self._settings.base_url, self._settings.allowed_origins)
        except UrlError:  # that it cannot be sent is the pool's to say
            return False

    def _make_pool(self, scheme: str, proxy: Proxy | None) -> Pool:
        secure = scheme == "https" or (proxy is not None and proxy.url.startswith("https:"))
        context = self._tls_context(scheme) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if proxy is None:
            return Pool(self._make_session(context))
        headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
        return Pool(self._make_session(context), proxy.url, headers)

    def _make_session(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        self._cookies = self._cookies or aiohttp.CookieJar()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._settings.max_concurrent_requests, ssl=context),
            cookie_jar=self._cookies,
            auto_decompress=False,
            trust_env=False,  # it would read ~/.netrc too; find_proxy reads the proxies
            max_field_size=_MAX_HEADER_BYTES,
        )
        # It would repeat, uncounted, what ends in a disconnect; there is no public switch.
        session._retry_connection = False  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        # It would write %2F as a slash, and what was signed would not be what is sent; there is no public switch.
        vars(session)["_build_url"] = _as_it_is
        return session

    def _tls_context(self, scheme: str) -> ssl.SSLContext:
        if scheme not in self._tls:
            context = make_tls_context(self._settings)
            if scheme == "https":  # a proxy on the way to plain HTTP has no business with our certificate
                _show_identity(context, self._settings)
            self._tls[scheme] = context
        return self._tls[scheme]


def _as_it_is(url: str | URL) -> URL:
    return url if isinstance(url, URL) else URL(url, encoded=True)


def make_tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return what certificates are checked with; costs some 40 ms of CPU, so one serves a whole connection.

    ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` say whom to trust; otherwise the system does, and certifi. ``caBundle`` and
    the files in ``PENSTOCK_CA_DIR`` add to them.
    """
    folder = os.environ.get(_CA_VARIABLE)
    # a file of that folder adds to the usual authorities, also where it is named as their place
    named = not folder or Path(os.environ.get("SSL_CERT_FILE", "")).parent != Path(folder)
    context = httpx.create_ssl_context(verify=settings.verify_ssl, trust_env=named)
    if not settings.verify_ssl:
        _LOG.warning("verifySsl is off: whoever answers is believed to be the server")
        return context
    if settings.ca_bundle is not None:
        context.load_verify_locations(cadata=settings.ca_bundle.certificates)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is named is trusted, though another signed it
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_default_certs()
    if folder:
        _trust_those_in(Path(folder), context)
    # Python 3.13 checks strictly by default, older ones do not: here, the setting decides.
    if settings.strict_x509:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _trust_those_in(folder: Path, context: ssl.SSLContext) -> None:
    """Trust the authorities whose certificates are in a folder, as Ocean's image does, beside all others."""
    for file in sorted(one for one in folder.glob("*") if one.suffix in _CERTIFICATES):
        try:
            context.load_verify_locations(file)
        except OSError as error:  # ssl.SSLError is one
            _LOG.warning("%s: no certificates can be read from it: %s", file, error)
        else:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _show_identity(context: ssl.SSLContext, settings: HttpSettings) -> None:
    if settings.identity is not None:
        from penstock.config.identity import load_identity  # noqa: PLC0415 - it imports cryptography

        load_identity(context, settings.identity)


def find_proxy(settings: HttpSettings, url: httpx.URL) -> Proxy | None:
    """Return the proxy to use for this URL: the settings' own, or what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say."""
    if settings.proxy is not None:
        return _parse_proxy(settings.proxy.get_secret_value())
    if proxy_bypass(f"{url.host}:{url.port}" if url.port else url.host):
        return None
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    return _parse_proxy(found) if found else None


def _parse_proxy(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    place = parts.netloc.rpartition("@")[2]
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(f"{parts.scheme}://{place}", authorization)
