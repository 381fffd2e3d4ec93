"""The token store as one auth sees it: its own grants, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from penstock.errors import AuthError
from penstock.strategies import AuthStrategy, NestedAuth, PluginConfig, TokenSlot, TokenStore


class OwnTokens(TokenStore):
    """Hands on what is asked for under a label that begins with the auth's name, or that of an auth it is built of.

    Args:
        tokens: Where grants are kept.
        strategy: The auth.
        config: Its settings, in which other auths may be.
    """

    def __init__(self, tokens: TokenStore, strategy: AuthStrategy[Any], config: PluginConfig) -> None:
        self._tokens = tokens
        self._names = frozenset(_names(strategy, config))

    def locked(self, label: str) -> AbstractAsyncContextManager[TokenSlot]:
        """Hold the label's lock, as ``TokenStore`` says.

        Raises:
            AuthError: The label is not one of this auth's, or as ``TokenStore`` says.
        """
        if label.partition(" ")[0] not in self._names:
            names = " or ".join(sorted(self._names))
            message = f'a label in the token store begins with the name of its auth, {names}, and this one is "{label}"'
            raise AuthError(message)
        return self._tokens.locked(label)


def _names(strategy: AuthStrategy[Any], config: PluginConfig) -> Iterator[str]:
    yield strategy.name
    for name in type(config).model_fields:
        value: object = getattr(config, name)
        if isinstance(value, NestedAuth):
            yield from _names(value.strategy, value.config)
