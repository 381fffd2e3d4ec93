"""Records as they came, for Port's page on which mappings are tried (sync.md section 8.3, port_api.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock import JSON
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, RefusalError

MOST: Final = 5
"""Records of one resource."""


async def send_examples(api: Api, kind: str, items: Sequence[JSON]) -> None:
    """Send records.

    Raises:
        SinkError: Port refuses them.
    """
    path = ("integration", api.owner.identifier, "kinds", kind, "examples")
    try:
        await api.call("POST", *path, body={"examples": list(items)})
    except RefusalError as error:
        raise SinkError(f"{error.message} ({error.status} {error.code})") from error
