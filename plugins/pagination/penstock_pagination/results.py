"""From what a jq expression gave to the request it means; nothing of another shape passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock import JSON, PageRequest, QueryValue, StopReason
from penstock.errors import ReadError, did_you_mean

_PARTS: Final = ("params", "body", "headers", "url", "state")


def to_request(result: JSON, setting: str) -> PageRequest:
    """Return the request that an object of ``params``, ``body``, ``headers``, ``url`` and ``state`` describes.

    Raises:
        ReadError: It is anything else; the message names the setting and what came.
    """
    if not isinstance(result, dict):
        raise _unfit(f"{setting} gave {kind_of(result)}; it must give an object with any of {', '.join(_PARTS)}")
    for name in result:
        if name not in _PARTS:
            known = ", ".join(_PARTS)
            raise _unfit(f'{setting} gave a request with "{name}"{did_you_mean(name, _PARTS)} (known: {known})')
    url = result.get("url")
    if not isinstance(url, str | None) or url == "":
        raise _unfit(f"{setting} gave {kind_of(url)} for url; it must be the text of a link, or null")
    return PageRequest(
        params={
            name: _query_value(name, value, setting) for name, value in _members(result, "params", setting).items()
        },
        body=_members(result, "body", setting),
        headers={name: _header(name, value, setting) for name, value in _members(result, "headers", setting).items()},
        url=url,
        state=result.get("state"),
    )


def kind_of(value: JSON) -> str:
    """Return what a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "text" if value else "empty text"
        case list():
            return "a list"
        case dict():
            return "an object"


def _members(result: Mapping[str, JSON], part: str, setting: str) -> dict[str, JSON]:
    members = result.get(part)
    if members is None:
        return {}
    if not isinstance(members, dict):
        raise _unfit(f"{setting} gave {kind_of(members)} for {part}; it must be an object")
    return members


def _query_value(name: str, value: JSON, setting: str) -> QueryValue:
    if isinstance(value, list):
        return [_scalar(name, item, setting) for item in value]
    return _scalar(name, value, setting)


def _scalar(name: str, value: JSON, setting: str) -> bool | int | float | str | None:
    if isinstance(value, dict | list):
        raise _unfit(
            f"{setting} gave {kind_of(value)} for the query parameter {name}; "
            "it must be text, a number, a boolean, null or a list of those"
        )
    return value


def _header(name: str, value: JSON, setting: str) -> str:
    if not isinstance(value, str):
        raise _unfit(f"{setting} gave {kind_of(value)} for the header {name}; it must be text")
    return value


def _unfit(message: str) -> ReadError:
    return ReadError(message, reason=StopReason.EXPRESSION_FAILED)
