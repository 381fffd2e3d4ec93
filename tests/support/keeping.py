"""Putting tokens into a store and taking them out, for tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

from penstock.tokens import FileTokens
from penstock.tokens.keys import Seal
from penstock.values import Token

LABEL = "oauth2 https://id.test/token client-1"
TOKEN = Token("access-1", "refresh-1", 1_900_000_000.0, "read write")


def store(folder: Path, *keys: str) -> FileTokens:
    return FileTokens(folder, Seal(keys) if keys else None, patience=5)


def keep(tokens: FileTokens, token: Token = TOKEN, label: str = LABEL) -> None:
    async def run() -> None:
        async with tokens.locked(label) as slot:
            slot.write(token)

    asyncio.run(run())


def kept(tokens: FileTokens, label: str = LABEL) -> Token | None:
    async def run() -> Token | None:
        async with tokens.locked(label) as slot:
            return slot.read()

    return asyncio.run(run())


def file_of(folder: Path) -> Path:
    """Return the only token's file."""
    [file] = folder.glob("*.json")
    return file
