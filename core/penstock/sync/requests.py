"""From a mapping's request, path values and a page to the request that is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson
from msgspec import Struct

from penstock.config.models import HttpSettings, RequestSpec
from penstock.http.client import ApiRequest
from penstock.http.urls import (
    ForeignUrlError,
    build_url,
    encode_segment,
    fill_path,
    is_allowed,
    resolve_link,
    with_params,
)
from penstock.values import PageRequest


class Endpoint(Struct, frozen=True):
    """A request with its path values put in: what all pages of one read have in common."""

    settings: HttpSettings
    spec: RequestSpec
    url: str
    """Absolute, with the base URL's, the endpoint's and the mapping's query."""

    @classmethod
    def of(cls, settings: HttpSettings, spec: RequestSpec, values: Mapping[str, str]) -> Endpoint:
        """Put the path values in, each percent-encoded as one segment.

        Raises:
            UrlError: A value cannot be a path segment.
        """
        path = fill_path(spec.endpoint, {name: encode_segment(value) for name, value in values.items()})
        url = build_url(settings.base_url, path, spec.query_params, allowed_origins=settings.allowed_origins)
        return cls(settings, spec, url)

    def request(self, page: PageRequest, current_url: str) -> ApiRequest:
        """Return the request for one page; ``current_url`` is the page that named it, for relative links.

        Raises:
            ForeignUrlError: The page's link leads to an origin that is not allowed.
        """
        url = self.url if page.url is None else self._followed(page.url, current_url)
        return ApiRequest(
            method=self.spec.method,
            url=with_params(url, page.params) if page.params else url,
            headers={**self.spec.headers, **page.headers},
            body={**self.spec.body, **page.body} or None,
        )

    def _followed(self, link: str, current_url: str) -> str:
        url = resolve_link(current_url, link)
        if not is_allowed(url, self.settings.base_url, self.settings.allowed_origins):
            raise ForeignUrlError(url, base_url=self.settings.base_url)
        return url


def fingerprint(request: ApiRequest) -> int:
    """Return a number that is equal for requests that ask for the same thing."""
    if request.body is None and not request.headers:
        return hash((request.method, request.url))
    return hash((request.method, request.url, canonical(request.body), canonical(dict(request.headers))))


def canonical(value: object) -> bytes:
    """Return a JSON text that is equal for equal values, whatever the order of their members."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(value, sort_keys=True).encode()
