"""Other spellings of connection settings that published guides use (connection.md 2.4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.config.node import Node

AUTH_TYPES: Final[Mapping[str, str]] = {"bearer": "bearer_token", "basic_auth": "basic"}
PAGINATION_TYPES: Final[Mapping[str, str]] = {"skip_token": "next_link"}


class Alias(Struct, frozen=True):
    """Another spelling of a setting, in snake_case."""

    target: str
    types: frozenset[str] = frozenset()
    """The pagination types it is for; empty when it does not depend on the type."""


SETTINGS: Final[Mapping[str, Alias]] = {
    "token": Alias("api_token"),
    "custom_auth_response": Alias("custom_auth_request_template"),
    "offset_param": Alias("pagination_param", frozenset({"offset"})),
    "page_param": Alias("pagination_param", frozenset({"page"})),
    "cursor_param": Alias("pagination_param", frozenset({"cursor"})),
    "limit_param": Alias("size_param", frozenset({"offset", "cursor"})),
}
IN_PAGINATION_BLOCK: Final[Mapping[str, str]] = {
    "cursor_query_param": "pagination_param",
    "limit_query_param": "size_param",
    "limit": "page_size",
}
"""Spellings inside a nested ``pagination`` block."""

AUTH_VALUE: Final = "auth_value"
_AUTH_VALUES: Final[Mapping[str, str]] = {"bearer_token": "api_token", "api_key": "api_key"}


class AuthValueError(Exception):
    """``authValue`` cannot be taken apart; the text says why and does not repeat it."""


def split_auth_value(node: Node, auth_type: str) -> dict[str, Node]:
    """Return the settings that ``authValue`` stands for, by ``authType``; none when it has no meaning there.

    Raises:
        AuthValueError: It is meant for ``basic`` and is neither ``user:password`` nor the base64 of it.
    """
    if auth_type in _AUTH_VALUES:
        return {_AUTH_VALUES[auth_type]: node}
    if auth_type != "basic":
        return {}
    user, colon, password = (node.as_text() or "").partition(":")
    if not colon:
        user, colon, password = _decoded(node.as_text() or "").partition(":")
    if not colon:
        message = "expected username:password, or the base64 of it"
        raise AuthValueError(message)
    return {"username": replace(node, value=user), "password": replace(node, value=password)}


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
