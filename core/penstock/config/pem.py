"""Settings that are PEM text, or the path of a file that holds it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import SecretStr
from pydantic.json_schema import JsonSchemaValue

from penstock.read_with_settings import ReadWithSettings, path_of, read_text
from penstock.veiled import Veiled

_BLOCK: Final = r"(?s:-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----)"


class Pem(Veiled, ReadWithSettings, frozen=True):
    """What PEM text holds: certificates, which anybody may see, and a private key."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"certificates"})

    _SHOWN: ClassVar[JsonSchemaValue] = {"type": "string"}

    certificates: str
    key: SecretStr | None
    path: Path | None = None
    """None where the setting is the text itself."""

    @classmethod
    def _read(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and "-----BEGIN" in value:
            return cls(*_parsed(value))
        path = path_of(value, "PEM text, or the path of a file with it")
        return cls(*_parsed(read_text(path)), path)

    def _written(self) -> str:
        return str(self.path) if self.path else "**********"


class Identity(Veiled, frozen=True):
    """A certificate, those that vouch for it, and its key."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"certificates"})

    certificates: str
    key: SecretStr
    password: SecretStr | None = None


def _parsed(text: str) -> tuple[str, SecretStr | None]:
    """Return the certificates and the key."""
    if "\n" not in text.strip():  # as JSON and .env files carry it
        text = text.replace("\\r", "").replace("\\n", "\n")
    blocks = [(block[1], block[0]) for block in re.finditer(_BLOCK, text)]
    keys = [block for label, block in blocks if label.endswith("PRIVATE KEY")]
    certificates = [block for label, block in blocks if label in {"CERTIFICATE", "X509 CERTIFICATE"}]
    if not keys and not certificates:
        message = "no certificate and no private key is in it: expected PEM text, -----BEGIN ... to -----END ..."
        raise ValueError(message)
    if len(keys) > 1:
        message = "more than one private key is in it"
        raise ValueError(message)
    return "\n".join(certificates), SecretStr(keys[0]) if keys else None
