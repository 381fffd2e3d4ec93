"""``{{ .path }}`` in settings: jq expressions that are evaluated on the answer of a token endpoint.

Compiled when the settings are read, so that one that cannot work is told with its place before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Discriminator, GetCoreSchemaHandler, SecretStr, Tag
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from penstock import JSON
from penstock.errors import ExpressionError, ExpressionTimeoutError
from penstock.expressions import Expression, check_expression, compile_expression
from penstock_auth._secret_json import Constant


class UnfilledError(Exception):
    """A template cannot be filled from an answer; says which one and never shows a value."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with any number of ``{{ .path }}`` in it. What stands around them may be a secret, too."""

    source: SecretStr
    pieces: tuple[str | Expression, ...] = field(compare=False)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    @property
    def literals(self) -> list[str]:
        """What stands around the expressions."""
        return [piece for piece in self.pieces if isinstance(piece, str)]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read it from text, and write it as secrets are written."""
        del source, handler
        hidden = core_schema.plain_serializer_function_ser_schema(lambda template: str(template.source))
        return core_schema.no_info_after_validator_function(cls._parse, core_schema.str_schema(), serialization=hidden)

    @classmethod
    def _parse(cls, text: str) -> Template:
        return cls(SecretStr(text), tuple(_pieces(text)))


def _pieces(text: str) -> Iterator[str | Expression]:
    done = 0
    while (start := text.find("{{", done)) >= 0:
        if start > done:
            yield text[done:start]
        end = _end(text, start + 2)
        yield _compiled(text[start + 2 : end].strip())
        done = end + 2
    if done < len(text):
        yield text[done:]


def _end(text: str, start: int) -> int:
    """Return where the ``}}`` is that closes an expression, which may have braces itself."""
    end = text.find("}}", start)
    while end >= 0 and text.count("{", start, end) != text.count("}", start, end):
        end = text.find("}}", end + 1)
    if end < 0:
        message = "{{ is not closed by }}"
        raise ValueError(message)
    return end


def _compiled(expression: str) -> Expression:
    if not expression.startswith("."):
        message = "expected jq that begins with a dot between {{ and }}, such as {{ .access_token }}"
        raise ValueError(message)
    try:
        check_expression(expression)
    except ExpressionError as error:
        message = f"jq does not compile: {error}"
        raise ValueError(message) from error
    return compile_expression(expression)


def _shape(value: object) -> str:
    """Return which alternative of a tree a value is; in brackets, so that it is no name of a member."""
    if isinstance(value, dict):
        return "[object]"
    if isinstance(value, list):
        return "[list]"
    return "[text]" if isinstance(value, str | Template) else "[constant]"


if TYPE_CHECKING:
    TemplateJson = TypeAliasType("TemplateJson", "Template | list[TemplateJson] | dict[str, TemplateJson] | Constant")
    """Any JSON; its texts are templates."""
else:  # told apart by their shape, so that a mistake in a text is one error, not one for each alternative
    TemplateJson = TypeAliasType(
        "TemplateJson",
        Annotated[
            Annotated[Template, Tag("[text]")]
            | Annotated[list["TemplateJson"], Tag("[list]")]
            | Annotated[dict[str, "TemplateJson"], Tag("[object]")]
            | Annotated[Constant, Tag("[constant]")],
            Discriminator(_shape),
        ],
    )


class Filling:
    """Fills templates from one answer. May wait for libjq, so it belongs in a thread."""

    def __init__(self, answer: JSON) -> None:
        self._answer = answer
        self.obtained: list[str] = []
        """What the expressions gave so far."""

    def text(self, template: Template, place: str) -> str:
        """Return the text of a template.

        Raises:
            UnfilledError: An expression fails, or gives null.
        """
        return "".join(piece if isinstance(piece, str) else self._value(piece, place) for piece in template.pieces)

    def tree(self, tree: TemplateJson, place: str) -> JSON:
        """Return JSON whose texts are filled, however deep; everything else stays.

        Raises:
            UnfilledError: An expression fails, or gives null.
        """
        if isinstance(tree, Template):
            return self.text(tree, place)
        if isinstance(tree, list):
            return [self.tree(element, f"{place}[{index}]") for index, element in enumerate(tree)]
        if isinstance(tree, dict):
            return {name: self.tree(member, f"{place}.{name}") for name, member in tree.items()}
        return tree

    def _value(self, expression: Expression, place: str) -> str:
        where = f"{place}: `{expression.text}`"
        try:
            value = expression.first(self._answer)
        except ExpressionTimeoutError as error:
            message = f"{where}: {error}"
            raise UnfilledError(message) from None
        except ExpressionError:  # jq's own words repeat the value
            message = f"{where} fails on the answer"
            raise UnfilledError(message) from None
        if value is None:
            message = f"{where} gives null"
            raise UnfilledError(message)
        text = as_text(value)
        self.obtained.append(text)
        return text


def as_text(value: JSON) -> str:
    """Return text as it is, anything else in JSON's form (connection.md 5.3)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
