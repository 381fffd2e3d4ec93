"""Every error penstock raises on purpose.

* ``PenstockError``

  * ``ConfigurationError``: exit 2, nothing was fetched; carries every ``Problem`` at once
  * ``PluginError``: a plugin is missing, broken or claimed twice
  * ``ExpressionError``: a jq expression

    * ``ExpressionSyntaxError``: does not compile; found before any request
    * ``ExpressionRuntimeError``: failed on one value
    * ``ExpressionTimeoutError``: did not end in time, on one value

  * ``AlreadyRunningError``: another run of the source is under way

    * ``LeaseLostError``: and has taken over from this one

  * ``AuthError``: an auth cannot obtain its credentials

    * ``CredentialsRefusedError``: they are wrong, so asking again is of no use

  * ``ReadError``: ends one partition's read, which is then incomplete for its ``reason``
  * ``OutputError``: what a command says or hands over cannot be written
  * ``SinkError``: the sink as a whole cannot go on (one bad entity is an outcome, not an error)

    * ``NoMappingError``: it is to have the mapping, and keeps none
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

from penstock.values import StopReason

_LONGEST_NAME: Final = 20
_SHORTEST_BEGINNING: Final = 4


class PenstockError(Exception):
    """The root of all errors raised on purpose; its text is fit for a user and free of secrets."""


class Problem(Struct, frozen=True):
    """One thing wrong with what the user wrote."""

    where: str
    """The setting's path, ``connection.authType`` or ``resources[2].selector.query``."""
    message: str
    """What is wrong and what was expected; no secret values."""
    source: str = ""
    """Where it was written: ``penstock.yml:4``, ``environment PENSTOCK__SOURCE``; empty when unknown."""

    def __str__(self) -> str:
        """Return ``source: where: message``, leaving out what is unknown."""
        return ": ".join(part for part in (self.source, self.where, self.message) if part)


class ConfigurationError(PenstockError):
    """What the user wrote cannot be run; ``problems`` lists everything found, not only the first."""

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        """What was ignored: perhaps the misspelt name of what is missing."""


class PluginError(PenstockError):
    """A plugin cannot be used."""


class UnknownPluginError(PluginError):
    """A configuration names a plugin that is not installed."""

    def __init__(self, name: str, *, family: str, known: Collection[str]) -> None:
        self.name = name
        listed = f"installed: {', '.join(sorted(known))}" if known else "none is installed; run `pip install -e .`"
        self.nearest = nearest_name(name, known)
        """What it was probably meant to be; empty when nothing is near."""
        # what is long and like no name may be a secret in the wrong place
        called = f'"{name}"' if self.nearest or len(name) <= _LONGEST_NAME else "so"
        super().__init__(f"no {family} plugin is called {called}{did_you_mean(name, known)} ({listed})")


class BrokenPluginError(PluginError):
    """A configuration names a plugin that is installed and does not work."""

    def __init__(self, name: str, *, family: str, distribution: str, reason: str) -> None:
        self.name = name
        super().__init__(f'the {family} plugin "{name}" of {distribution} cannot be used: {reason}')


class ExpressionError(PenstockError):
    """A jq expression cannot be used or has failed."""

    def __init__(self, message: str, *, expression: str) -> None:
        super().__init__(message)
        self.expression = expression


class ExpressionSyntaxError(ExpressionError):
    """The expression does not compile."""


class ExpressionRuntimeError(ExpressionError):
    """The expression failed on a value; the message is jq's own."""


class ExpressionTimeoutError(ExpressionRuntimeError):
    """The expression did not end in time, or broke its memory limit, on a value."""


class AlreadyRunningError(PenstockError):
    """Another process is syncing the same source."""


class LeaseLostError(AlreadyRunningError):
    """Another run has taken over, because this one had not been heard of for too long: it must not write any more."""


class AuthError(PenstockError):
    """An auth cannot obtain its credentials, or its settings cannot work; says which endpoint, and what came back."""


class CredentialsRefusedError(AuthError):
    """The server says that the credentials are wrong: no request is to try them again."""


class ReadError(PenstockError):
    """The read of one partition ends here, incomplete; other partitions go on."""

    def __init__(self, message: str, *, reason: StopReason) -> None:
        super().__init__(message)
        self.reason = reason


class OutputError(PenstockError):
    """What a command says or hands over cannot be written: disk full, read-only."""


class SinkError(PenstockError):
    """The sink cannot take or delete anything now: disk full, file locked, not a catalog."""


class NoMappingError(SinkError):
    """The sink is to have the mapping, and keeps none for the source."""


def _near_beginning(name: str, known: Collection[str]) -> list[str]:
    """Return the known name of which this may be the beginning, misspelt: ``baerer`` of ``bearer_token``."""
    if len(name) < _SHORTEST_BEGINNING:
        return []
    from difflib import get_close_matches  # noqa: PLC0415 - most runs have nothing to ask

    beginnings = {full[: len(name)]: full for full in known}
    return [beginnings[near] for near in get_close_matches(name, beginnings, n=1, cutoff=0.75)]


def nearest_name(name: str, known: Collection[str]) -> str:
    """Return the nearest known name, or nothing when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - as above

    near = get_close_matches(name, known, n=1) or _near_beginning(name, known)
    return near[0] if near else ""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return ``; did you mean "x"?`` for the nearest known name, or nothing when none is near."""
    near = nearest_name(name, known)
    return f'; did you mean "{near}"?' if near else ""
