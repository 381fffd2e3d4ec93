"""The ``tokens`` block: where grants are kept, and what encrypts them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from penstock.config.documents import TokensDocument
from penstock.config.environment import Environment
from penstock.config.models import TokenStorage
from penstock.config.node import Node
from penstock.config.problems import Findings
from penstock.config.settings import read_block

PATH: Final = "tokens"
_FOLDER: Final = "tokens"


def read_tokens(config: Node, environment: Environment, found: Findings, *, beside: Path) -> TokenStorage | None:
    """Read where tokens are kept, and the key if there is one; None after a problem.

    Args:
        config: Our file.
        environment: The variables.
        found: Takes problems and warnings.
        beside: The folder in which the store is by default.
    """
    document, written = read_block(PATH, TokensDocument, config, environment, found)
    if document is None:
        return None
    path = document.path or beside / _FOLDER
    if document.key is not None and document.key_file is not None:
        found.problem(written.fields["key_file"], "is one key too many: there is tokens.key too")
        return None
    if document.key is not None:
        return _encrypted(path, document.key.get_secret_value(), written.fields["key"], found)
    if document.key_file is not None:
        node = written.fields["key_file"]
        try:
            text = document.key_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            found.problem(node, f"{document.key_file} cannot be read: {reason}")
            return None
        return _encrypted(path, text, node, found)
    return TokenStorage(path)


def _encrypted(path: Path, text: str, node: Node, found: Findings) -> TokenStorage | None:
    from penstock.tokens.keys import parse_keys  # noqa: PLC0415 - most stores are not encrypted

    try:
        return TokenStorage(path, tuple(map(SecretStr, parse_keys(text))))
    except ValueError as error:
        found.problem(node, str(error))
        return None
