"""Secrets that a setting names by the path of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from pydantic import SecretStr
from pydantic.json_schema import JsonSchemaValue

from penstock.read_with_settings import ReadWithSettings, path_of, read_text


@dataclass(frozen=True, slots=True)
class SecretFile(ReadWithSettings):
    """A setting that is a file's path, with what the file holds: read when the settings are, so that it is missed then.

    To be used as the type of a field of a ``Config``; the text is known to redaction like any secret.
    """

    _SHOWN: ClassVar[JsonSchemaValue] = {"type": "string", "format": "path"}

    path: Path
    text: SecretStr

    @classmethod
    def _read(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        path = path_of(value, "a path")
        return cls(path, SecretStr(read_text(path)))

    def _written(self) -> str:
        return str(self.path)
