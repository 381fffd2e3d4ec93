from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import Field, SecretStr, create_model

from penstock.cli.describe import describe
from penstock.strategies import PluginConfig


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Nested(PluginConfig):
    depth: int = 1


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "text"),
        (int, "integer"),
        (float, "number"),
        (bool, "boolean"),
        (Path, "path"),
        (SecretStr, "secret"),
        (SecretStr | None, "secret"),
        (Optional[int], "integer"),  # noqa: UP045 - strangers write it so
        (Annotated[int, Field(ge=1)], "integer"),
        (int | str, "integer or text"),
        (Literal["a", "b"], "a or b"),
        (Colour, "red or blue"),
        (list[str], "list of text"),
        (tuple[int, ...], "list of integer"),
        (frozenset[str], "list of text"),
        (dict[str, SecretStr], "object of secret"),
        (dict[str, list[int]], "object of list of integer"),
        (dict, "object"),
        (list, "list"),
        (Any, "anything"),
        (Nested, "mapping"),
    ],
    ids=str,
)
def test_types_are_put_in_words(annotation: Any, words: str) -> None:  # noqa: ANN401
    model = create_model("Config", __base__=PluginConfig, setting=(annotation, ...))

    assert [setting.type for setting in describe(model, "auth")] == [words]


@pytest.mark.parametrize(
    ("default", "shown", "text"),
    [
        (None, None, "optional"),
        ("", "", "default empty"),
        (5, 5, "default 5"),
        (False, False, "default false"),
        (Path("catalog.db"), "catalog.db", "default catalog.db"),
        (Colour.RED, "red", "default red"),
        (("a", "b"), ["a", "b"], 'default ["a","b"]'),
        ({"a": Path("x")}, {"a": "x"}, 'default {"a":"x"}'),
        (SecretStr("s3cret"), None, "optional"),
        (Nested(depth=2), {"depth": 2}, 'default {"depth":2}'),
    ],
    ids=str,
)
def test_defaults_are_json_and_never_a_secret(default: Any, shown: object, text: str) -> None:  # noqa: ANN401
    model = create_model("Config", __base__=PluginConfig, setting=(Any, default))

    [setting] = describe(model, "sink")
    assert (setting.default, setting.default_text, setting.required) == (shown, text, False)


def test_a_setting_has_its_written_name_variable_and_description() -> None:
    model = create_model(
        "Config", __base__=PluginConfig, page_size=(int, Field(description="items a page")), token=(str, "x")
    )

    size, token = describe(model, "pagination")
    assert (size.name, size.environment) == ("pageSize", "PENSTOCK__CONNECTION__PAGE_SIZE")
    assert (size.description, size.required, size.default_text) == ("items a page", True, "required")
    assert (token.name, token.description) == ("token", "")
