"""Settings that are PEM text, or the path of a file that holds it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_BLOCK: Final = r"(?s:-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----)"


@dataclass(frozen=True, slots=True)
class Pem:
    """What PEM text holds: certificates, which anybody may see, and a private key."""

    certificates: str = field(repr=False)
    key: SecretStr | None
    path: Path | None = None
    """None where the setting is the text itself."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the text, or the file that is named; only a path is ever written again."""
        del source, handler
        written = core_schema.plain_serializer_function_ser_schema(cls._written)
        return core_schema.no_info_plain_validator_function(cls._read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show text."""
        del schema, handler
        return {"type": "string"}

    @classmethod
    def _read(cls, value: object) -> Pem:
        if isinstance(value, Pem):
            return value
        if not isinstance(value, str | Path):
            message = "expected PEM text, or the path of a file with it"
            raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
        if "-----BEGIN" in str(value):
            return _parse(str(value), None)
        from penstock.secret_files import read_text  # noqa: PLC0415 - most connections have no certificate

        return _parse(read_text(Path(value)), Path(value))

    def _written(self) -> str:
        return str(self.path) if self.path else "**********"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, those that vouch for it, and its key."""

    certificates: str = field(repr=False)
    key: SecretStr
    password: SecretStr | None = None


def _parse(text: str, path: Path | None) -> Pem:
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
    return Pem("\n".join(certificates), SecretStr(keys[0]) if keys else None, path)
