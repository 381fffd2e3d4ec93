"""Secrets that a setting names by the path of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_LARGEST: Final = 1024 * 1024
"""Bytes: a bundle of every authority there is takes a quarter of it."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A setting that is a file's path, with what the file holds: read when the settings are, so that it is missed then.

    To be used as the type of a field of a ``Config``; the text is known to redaction like any secret.
    """

    path: Path
    text: SecretStr

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the file that is named; written again, it is its path."""
        del source, handler
        written = core_schema.plain_serializer_function_ser_schema(cls._written)
        return core_schema.no_info_plain_validator_function(cls._read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show a path."""
        del schema, handler
        return {"type": "string", "format": "path"}

    @classmethod
    def _read(cls, value: object) -> SecretFile:
        if isinstance(value, SecretFile):
            return value
        if not isinstance(value, str | Path):
            message = "expected a path"
            raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
        return cls(Path(value), SecretStr(read_text(Path(value))))

    def _written(self) -> str:
        return str(self.path)


def read_text(path: Path) -> str:
    """Return what a small text file holds.

    Raises:
        ValueError: It cannot be read, is large, or is no text; does not name the file, which the setting does.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode()
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        raise ValueError(message) from None
    except UnicodeDecodeError:
        message = "the file is binary; expected text"
        raise ValueError(message) from None
    if len(content) > _LARGEST:
        message = f"the file is larger than {_LARGEST} bytes"
        raise ValueError(message)
    return text
