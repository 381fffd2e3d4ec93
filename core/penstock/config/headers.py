"""What can be sent as a header, found out before anything is requested; no message repeats a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_headers(headers: Mapping[str, str]) -> None:
    """Check names and values as RFC 9110 sections 5.1 and 5.5 have them.

    Raises:
        ValueError: One cannot be sent, or would be read differently by different servers.
    """
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            message = "the name of a header is letters, digits and hyphens"  # what was written may hold its value
            raise ValueError(message)
        if _CONTROL.search(value):
            message = f"the header {name} must not contain a line break or another control character"
            raise ValueError(message)
        if not value.isascii():
            message = f"the header {name} must contain ASCII characters only"
            raise ValueError(message)
