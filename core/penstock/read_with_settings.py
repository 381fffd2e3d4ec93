"""What types of settings have alike that are read from a file when the settings are."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_LARGEST: Final = 1024 * 1024
"""Bytes: a bundle of every authority there is takes a quarter of it."""


class ReadWithSettings:
    """A type of a field that is read from a word, often a path, when the settings are; written again, it is a word.

    No ``ABC``, whose metaclass a struct could not have beside its own.
    """

    __slots__ = ()
    _SHOWN: ClassVar[JsonSchemaValue]
    """What a JSON schema says of the word."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the word; never write what was read."""
        del source, handler
        written = core_schema.plain_serializer_function_ser_schema(cls._written)
        return core_schema.no_info_plain_validator_function(cls._read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show a word."""
        del schema, handler
        return dict(cls._SHOWN)

    @classmethod
    @abstractmethod
    def _read(cls, value: object) -> Self:
        """Return what a word stands for, or the value itself if it was read before; raises ValueError."""

    @abstractmethod
    def _written(self) -> str: ...


def path_of(value: object, expected: str) -> Path:
    """Return the path that a setting names.

    Raises:
        ValueError: It is no text; says what was expected.
    """
    if not isinstance(value, str | Path):
        message = f"expected {expected}"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
    return Path(value)


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
