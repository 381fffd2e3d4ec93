"""Whether a property's value fits what its blueprint says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.demo.port.errors import invalid

TYPES: Final = frozenset({"string", "number", "boolean", "object", "array"})
FORMATS: Final = frozenset(
    {
        *("date-time", "timer", "url", "labeled-url", "email", "idn-email", "ipv4", "ipv6", "markdown", "yaml"),
        *("user", "team", "blueprints", "proto"),
    }
)
SPECS: Final = frozenset({"open-api", "async-api", "embedded-url"})
COLOURS: Final = frozenset(
    {
        *("blue", "turquoise", "orange", "purple", "pink", "yellow", "green", "red", "gold", "silver", "paleBlue"),
        *("darkGray", "lightGray", "bronze", "lime", "olive", "brown"),
    }
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def check_value(where: str, value: Any, schema: Mapping[str, Any]) -> None:  # noqa: ANN401 - JSON
    """Raise unless the value fits; null always does."""
    if value is None:
        return
    wanted = schema.get("type", "string")
    if not isinstance(value, _PYTHON[wanted]) or (wanted == "number" and isinstance(value, bool)):
        raise invalid(f"{where} must be {wanted}")
    if "enum" in schema and value not in schema["enum"]:
        raise invalid(f"{where} must be equal to one of the allowed values: {', '.join(map(str, schema['enum']))}")
    if isinstance(value, str):
        _check_text(where, value, schema)
    if isinstance(value, list) and "items" in schema:
        for item in value:  # pyright: ignore[reportUnknownVariableType] - JSON
            check_value(f"{where}[]", item, schema["items"])


def _check_text(where: str, value: str, schema: Mapping[str, Any]) -> None:
    fits = _FORMATS.get(schema.get("format", ""))
    if fits is not None and not fits(value):
        raise invalid(f'{where} must match format "{schema["format"]}"')
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise invalid(f'{where} must match pattern "{schema["pattern"]}"')


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_address(kind: type[IPv4Address | IPv6Address]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            kind(text)
        except AddressValueError:
            return False
        return True

    return fits


_FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "date-time": _is_moment,
    "url": lambda text: bool(urlsplit(text).scheme),
    "email": lambda text: _EMAIL.fullmatch(text) is not None and text.isascii(),
    "idn-email": lambda text: _EMAIL.fullmatch(text) is not None,
    "ipv4": _is_address(IPv4Address),
    "ipv6": _is_address(IPv6Address),
}
