"""Records as they came, for Port's page on which mappings are tried (sync.md section 8.3, port_api.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from penstock import JSON
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, RefusalError

MOST: Final = 5
"""Records of one resource."""
_LONGEST: Final = 128 * 1024
"""Bytes of one record as JSON: five are well below what a request may have."""


async def send_examples(api: Api, kind: str, items: Sequence[JSON]) -> None:
    """Send records; those that are too large are left out.

    Raises:
        SinkError: Port refuses them, or each is too large.
    """
    sound = [item for item in items if _fits(item)]
    if not sound:
        message = f"each has more than {_LONGEST:,} bytes as JSON"
        raise SinkError(message)
    path = ("integration", api.owner.identifier, "kinds", kind, "examples")
    try:
        await api.call("POST", *path, body={"examples": sound})
    except RefusalError as error:
        raise SinkError(f"{error.message} ({error.status} {error.code})") from error


def _fits(item: JSON) -> bool:
    try:
        return len(orjson.dumps(item)) <= _LONGEST
    except orjson.JSONEncodeError:  # a number beyond 64 bits, a lone surrogate: an example is not worth more
        return False
