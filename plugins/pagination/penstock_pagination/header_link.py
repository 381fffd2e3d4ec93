"""``paginationType: header_link``: follow the ``Link`` header (RFC 8288)."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field

from penstock import Page, PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl
from penstock.errors import ReadError
from penstock_pagination.links import follow

_VALUE: Final = r"""(?:"(?:[^"\\]|\\.)*"|'[^'"<>]*'(?=\s*(?:[;,]|$))|[^\s";,]*)"""
"""Single quotes are not of the standard, which takes them for letters of the value; nobody means them so."""
_PARAMETER: Final = re.compile(rf"\s*;\s*([^\s=;,\"<>]+)\s*(?:=\s*({_VALUE}))?")
_LINK: Final = re.compile(r"<([^<>]*)>")
_BETWEEN: Final = re.compile(r"[\s;]*(?:,[\s;,]*|$)")
_USER_INFO: Final = re.compile(r"//[^/?#\s<>]*@")
_CARRIED: Final = re.compile(r"[?#][^\s<>\"',;]*")
_LONGEST: Final = 300
"""Characters of a header that a message shows."""


class HeaderLinkConfig(PluginConfig):
    """Settings of ``paginationType: header_link``."""

    header_link_rel: str = Field(default="next", min_length=1, description="relation of the link to the next page")


class HeaderLink(PaginationStrategy[HeaderLinkConfig]):
    """``Link: <https://api.test/users?page=2>; rel="next"``, as GitHub and GitLab send it."""

    name = "header_link"
    Config = HeaderLinkConfig

    def first(self, config: HeaderLinkConfig) -> PageRequest:
        """Return the resource's request unchanged."""
        del config
        return PageRequest()

    def next(self, config: HeaderLinkConfig, page: Page) -> PageRequest | Stop:
        """Follow the link of the relation.

        Raises:
            ReadError: The header cannot be read.
        """
        return follow(page, find_link(page.headers.get("link", ""), config.header_link_rel), "headerLinkRel")


def find_link(header: str, relation: str) -> str | None:
    """Return the target of the first link of that relation in a ``Link`` header's value, or None.

    Relations compare without regard to case and may be several in one ``rel`` (RFC 8288 section 3.3).

    Raises:
        ReadError: There is none in what can be read of it, and more that cannot be.
    """
    position = 0
    whole = True
    while found := _LINK.search(header, position):
        whole = whole and not header[position : found.start()].strip(" \t,;")
        position = found.end()
        relations: list[str] | None = None
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            if parameter[1].lower() == "rel" and relations is None:  # only the first one counts
                relations = (parameter[2] or "").strip("\"'").lower().split()
        if relation.lower() in (relations or ()):
            return found[1].strip()
        between = _BETWEEN.match(header, position)
        whole = whole and between is not None
        position = between.end() if between else position
    if whole and not header[position:].strip(" \t,;"):
        return None
    message = f"the Link header cannot be read, so that nobody knows whether more follows: {_shown(header)}"
    raise ReadError(message, reason=StopReason.UNREADABLE_ANSWER)


def _shown(header: str) -> str:
    """Return a header without what its links carry, which may be secrets."""
    shown = _CARRIED.sub(lambda match: f"{match[0][0]}***", _USER_INFO.sub("//***@", header))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


@hookimpl
def penstock_pagination() -> HeaderLink:
    """Offer links in the headers."""
    return HeaderLink()
