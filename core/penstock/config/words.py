"""The types of settings in words: for ``penstock plugins show`` and for the reference page."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from penstock.config.models import SearchQuery
from penstock.config.pem import Pem
from penstock.secret_files import SecretFile
from penstock.strategies import NestedAuth

_WORDS: Final[dict[object, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    object: "anything",
    Any: "anything",
    SecretStr: "secret",
    Path: "path",
    timedelta: "interval",
    SecretFile: "path",
    Pem: "PEM text or path",
    SearchQuery: "search query",
    NestedAuth: "auth",
}


def type_in_words(annotation: object, *, choice: Callable[[str], str] = str) -> str:
    """Return ``text``, ``list of integer``, ``query or header``; that it may be left out is not said.

    Args:
        annotation: The type.
        choice: How to write one of several fixed values.
    """
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(choice(str(argument)) for argument in arguments)
    if origin in {Union, types.UnionType, Annotated}:
        members = arguments[:1] if origin is Annotated else arguments
        words = (type_in_words(member, choice=choice) for member in members if member is not type(None))
        return " or ".join(dict.fromkeys(words))
    return _class_in_words(origin or annotation, arguments, choice)


def _class_in_words(kind: object, arguments: Sequence[object], choice: Callable[[str], str]) -> str:
    if not isinstance(kind, type):
        return "anything"
    if issubclass(kind, Enum):
        return " or ".join(choice(str(member.value)) for member in kind)
    if issubclass(kind, BaseModel):
        return "mapping"
    if issubclass(kind, Mapping):
        return f"object of {type_in_words(arguments[1], choice=choice)}" if arguments else "object"
    if issubclass(kind, Sequence | frozenset | set):
        return f"list of {type_in_words(arguments[0], choice=choice)}" if arguments else "list"
    return kind.__name__
