"""The settings of the types that say how many items a page should have, and where they put them in a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from penstock import JSON, PageRequest
from penstock_pagination.hints import HintConfig


class SizedConfig(HintConfig):
    """Settings of a request that names a place and a page size; each type has its own defaults for the two names."""

    page_size: int = Field(default=100, ge=1, description="items to ask for on one page")
    pagination_param: str = Field(min_length=1, description="name of the parameter that says which page")
    size_param: str = Field(default="limit", min_length=1, description="name of the parameter that takes pageSize")
    pagination_in: Literal["query", "body"] = Field(
        default="query", description="where both parameters are sent: in the URL, or as members of the JSON body"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.pagination_param == self.size_param:
            message = f'paginationParam and sizeParam are both "{self.size_param}"'
            raise ValueError(message)
        return self


def placed(config: SizedConfig, values: Mapping[str, str | int], state: JSON) -> PageRequest:
    """Return the request with these parameters where ``paginationIn`` wants them."""
    if config.pagination_in == "body":
        return PageRequest(body=values, state=state)
    return PageRequest(params=values, state=state)
