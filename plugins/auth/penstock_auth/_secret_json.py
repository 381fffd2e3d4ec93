"""JSON in settings any text of which may be a secret."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import SecretStr
from typing_extensions import TypeAliasType

from penstock import JSON

Constant: TypeAlias = int | float | bool | None

SecretJson = TypeAliasType("SecretJson", "SecretStr | list[SecretJson] | dict[str, SecretJson] | Constant")
"""Any JSON; its texts are ``SecretStr``, so that nothing shows them and core finds them."""


def reveal(tree: SecretJson) -> JSON:
    """Return the JSON itself, to be sent."""
    if isinstance(tree, SecretStr):
        return tree.get_secret_value()
    if isinstance(tree, list):
        return [reveal(element) for element in tree]
    if isinstance(tree, dict):
        return {name: reveal(member) for name, member in tree.items()}
    return tree
