"""An auth finds its own grants in the token store, those of the auths it is built of, and no others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from penstock import AuthStrategy, NestedAuth, PluginConfig
from penstock.errors import AuthError
from penstock.plugins import PluginManager, config_of
from penstock.tokens import FileTokens, OwnTokens
from penstock.values import Token


class WithAnother(PluginConfig):
    """Settings of an auth that is built of another."""

    inner: NestedAuth


def _store(folder: Path, *, inner: str) -> OwnTokens:
    plugins = PluginManager(disabled=())
    strategy: AuthStrategy[Any] = plugins.auth(inner)
    settings = config_of(strategy).model_validate({"username": "u", "password": "p"})
    nested = NestedAuth(strategy, settings)
    return OwnTokens(FileTokens(folder), plugins.auth("none"), WithAnother(inner=nested))


def _keep(store: OwnTokens, label: str) -> None:
    async def keep() -> None:
        async with store.locked(label) as slot:
            slot.write(Token(access_token="t"))

    asyncio.run(keep())


@pytest.mark.parametrize("label", ["none", "none of my own", "digest https://id.test"])
def test_its_own_grants_and_those_of_an_auth_within_are_there(tmp_path: Path, label: str) -> None:
    _keep(_store(tmp_path, inner="digest"), label)

    assert [kept.label for kept in FileTokens(tmp_path).stored()] == [label]


@pytest.mark.parametrize("label", ["oauth2 client_credentials https://id.test", "nonesuch", "", "NONE"])
def test_those_of_others_are_out_of_reach(tmp_path: Path, label: str) -> None:
    with pytest.raises(AuthError, match="begins with the name of its auth, digest or none, and this one is"):
        _keep(_store(tmp_path, inner="digest"), label)

    assert list(tmp_path.iterdir()) == []
