"""The settings of a plugin as a reader sees them, taken from its ``Config`` model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from penstock.cli.console import to_json
from penstock.config.environment import variable_name
from penstock.config.words import type_in_words
from penstock.values import JSON

if TYPE_CHECKING:
    from penstock.plugins import Family

_SECTIONS: Final[dict[str, str]] = {"auth": "connection", "pagination": "connection", "sink": "sink"}


class Setting(Struct, frozen=True):
    """One setting of a plugin."""

    name: str
    """As ``penstock.yml`` writes it, in camelCase."""
    type: str
    """For a person: ``text``, ``secret``, ``integer``, ``query or header``."""
    required: bool
    default: JSON
    """Null when there is none."""
    environment: str
    """The variable that sets it."""
    description: str

    @property
    def default_text(self) -> str:
        """``required``, ``optional``, or what the default is."""
        if self.required:
            return "required"
        if self.default is None:
            return "optional"
        text = self.default if isinstance(self.default, str) else to_json(self.default, indent=False).decode()
        return f"default {text}" if text else "default empty"

    def to_json(self) -> JSON:
        """Return it as ``penstock plugins show --format json`` prints it."""
        return {
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "default": self.default,
            "environment": self.environment,
            "description": self.description,
        }


def describe(config: type[BaseModel], family: Family) -> list[Setting]:
    """Return the settings of a plugin's ``Config``, in the order in which it declares them."""
    return [_setting(name, field, family) for name, field in config.model_fields.items()]


def _setting(name: str, field: FieldInfo, family: Family) -> Setting:
    return Setting(
        name=field.alias or name,
        type=type_in_words(field.annotation),
        required=field.is_required(),
        default=None
        if field.is_required()
        else _plain(field.get_default(call_default_factory=True, validated_data={})),
        environment=variable_name([_SECTIONS[family], name]),
        description=field.description or "",
    )


def _plain(value: object) -> JSON:
    """Return a default as JSON; of a secret nothing is shown."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, SecretStr):
        return None
    if isinstance(value, bool | int | float | str) or value is None:
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {str(key): _plain(item) for key, item in members.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(item) for item in cast("Iterable[object]", value)]
    return str(value)
