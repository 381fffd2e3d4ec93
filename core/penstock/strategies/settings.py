"""The settings of a plugin."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class PluginConfig(BaseModel):
    """The settings of one plugin; every field has a type, a default or none, and a description.

    Written in camelCase or snake_case. Secrets are ``pydantic.SecretStr``.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


class OceanVariable(NamedTuple):
    """Metadata of a sink's setting: under which variable people who come from Ocean have it.

    ``client_id: Annotated[SecretStr, OceanVariable("PORT__CLIENT_ID", chooses=True)]`` is set by
    ``OCEAN__PORT__CLIENT_ID`` where nothing stronger sets it.
    """

    name: str
    """Without ``OCEAN__``, or one of ``APPLICATION__...`` whole."""
    chooses: bool = False
    """Whether the variable, where it is set, makes this sink the one that is used if no ``sink.type`` is written."""
    otherwise: str | None = None
    """What Ocean takes when the variable is not set; holds only where Ocean's variables chose the sink."""
    least: int | None = None
    """A smaller number, which Ocean takes, is raised to this, and the person is told."""
    most: int | None = None
    """So is a larger one capped at this."""
