"""A setting that is a jq expression."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import Struct
from pydantic import Field, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema


class JqSyntax(Struct, frozen=True):
    """Marks a text setting as jq, for whoever checks settings or shows them; found in a field's ``metadata``."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add ``format: jq``, which editors may know how to highlight."""
        return {**handler(schema), "format": "jq"}


JqText: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), JqSyntax(), Field(description="a jq expression")
]
"""The type of a plugin's setting that holds a jq expression; never empty."""
