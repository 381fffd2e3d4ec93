"""Proving who we are outside a run: what a connection has been granted, and logging in to it."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from penstock.cli.console import say
from penstock.config.models import Access
from penstock.errors import PenstockError, PluginError
from penstock.http.errands import Errands
from penstock.http.wire import Wire
from penstock.redaction import Secrets
from penstock.strategies import AuthContext, Person
from penstock.tokens import FileTokens, OwnTokens, StoredToken
from penstock.values import JSON

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SHOWN: Final = 2
"""A span is shown in the first unit of which it has two: 90 s, and then 2 min."""


class SeenToken(Struct, frozen=True):
    """A kept token as it is shown: without the token."""

    kept: StoredToken
    now: float

    @property
    def expires_in(self) -> int | None:
        """Seconds until the access token expires; None when nobody said."""
        token = self.kept.token
        return None if token is None or token.expires_at is None else int(token.expires_at - self.now)

    def row(self) -> list[str]:
        """Return it as a line of the table."""
        token = self.kept.token
        name = self.kept.label or self.kept.name
        if token is None:
            return [name, "", "", "", self.kept.problem]
        return [name, token.scope, _span(self.expires_in), "yes" if token.refresh_token else "no", ""]

    def to_json(self) -> JSON:
        """Return it as a program reads it."""
        token = self.kept.token
        expires_at = token.expires_at if token else None
        return {
            "label": self.kept.label,
            "name": self.kept.name,
            "scope": token.scope if token else "",
            "expires_at": None if expires_at is None else datetime.fromtimestamp(expires_at, UTC).isoformat(),
            "expires_in": self.expires_in,
            "refreshable": bool(token and token.refresh_token),
            "problem": self.kept.problem,
        }


class Seen(Struct, frozen=True):
    """What the store holds, and what the connection makes of it."""

    folder: Path
    encrypted: bool
    tokens: list[SeenToken]
    auth_type: str
    base_url: str
    label: str | None
    """Under which the connection's grant is kept; None where it needs none."""

    @property
    def login(self) -> Literal["not needed", "done", "needed"]:
        """Whether a person has to log in."""
        if self.label is None:
            return "not needed"
        found = any(one.kept.label == self.label and one.kept.token is not None for one in self.tokens)
        return "done" if found else "needed"

    @property
    def needs_login(self) -> bool:
        """Whether there is no grant that the connection could use."""
        return self.login == "needed"

    def summary(self) -> str:
        """Return what to say of the connection."""
        what = {
            "not needed": "nobody has to log in",
            "done": "somebody has logged in",
            "needed": "somebody has to log in: run `penstock auth login`",
        }
        return f"{self.base_url} (authType {self.auth_type}): {what[self.login]}"

    def to_json(self) -> JSON:
        """Return it as a program reads it."""
        return {
            "folder": str(self.folder),
            "encrypted": self.encrypted,
            "tokens": [one.to_json() for one in self.tokens],
            "connection": {
                "base_url": self.base_url,
                "auth_type": self.auth_type,
                "label": self.label,
                "login": self.login,
            },
        }


class Terminal(Person):
    """Whoever sits at the terminal; ``open_url`` is tried for every URL, which is shown in any case."""

    def __init__(self, open_url: Callable[[str], object]) -> None:
        self._open = open_url

    def tell(self, text: str) -> None:
        """Show a line."""
        say(text)

    def visit(self, url: str) -> None:
        """Show the URL, and try to open it."""
        say(f"open this URL in a browser:\n\n  {url}\n")
        self._open(url)


def open_in_browser(url: str) -> None:
    """Open the URL in a browser with windows, if there is one: one in the terminal would take it from us."""
    windows = sys.platform in {"darwin", "win32"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))
    if windows and urlsplit(url).scheme in {"http", "https"}:
        # some wait for the browser to end, and the browser waits for us
        Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def show_only(url: str) -> None:
    """Open nothing: the person does."""
    del url


async def look(access: Access, secrets: Secrets) -> Seen:
    """Return what is kept; nothing is requested."""
    chosen = access.connection.auth
    async with _lent(access, secrets) as context:
        with _blamed(chosen.strategy.name):
            label = chosen.strategy.login_label(chosen.config, context)
        return Seen(
            folder=access.tokens.path,
            encrypted=bool(access.tokens.keys),
            tokens=[SeenToken(kept, context.time()) for kept in FileTokens.of(access.tokens).stored()],
            auth_type=chosen.strategy.name,
            base_url=secrets(context.base_url),
            label=label,
        )


async def log_in(access: Access, secrets: Secrets, person: Person) -> None:
    """Let a person log in, and keep what comes of it.

    Raises:
        PluginError: There is nothing to log in to, or the plugin fails.
        AuthError: It was refused, or could not be obtained.
    """
    chosen = access.connection.auth
    async with _lent(access, secrets) as context:
        with _blamed(chosen.strategy.name):
            await chosen.strategy.login(chosen.config, context, person)


@asynccontextmanager
async def _lent(access: Access, secrets: Secrets) -> AsyncGenerator[AuthContext]:
    http, auth = access.connection.http, access.connection.auth
    tokens = OwnTokens(FileTokens.of(access.tokens), auth.strategy, auth.config)
    async with Wire(http) as wire:
        yield Errands(http, wire, tokens, secrets)


@contextmanager
def _blamed(plugin: str) -> Generator[None]:
    try:
        yield
    except PenstockError:
        raise
    except Exception as error:  # a plugin may raise anything
        message = f'the auth plugin "{plugin}" failed: {type(error).__name__}: {error}'
        raise PluginError(message) from error


def _span(seconds: int | None) -> str:
    """Return how long that is: ``in 52 min``, ``3 d ago``."""
    if seconds is None:
        return "not said"
    length = abs(seconds)
    size, unit = next(((size, unit) for size, unit in _UNITS if length >= _SHOWN * size), _UNITS[-1])
    return f"in {length // size} {unit}" if seconds > 0 else f"{length // size} {unit} ago"
