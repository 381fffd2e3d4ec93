"""Whether somebody asks for a sync at the catalog of one source, told by a process that listens."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import SecretStr

from penstock.service.configuration import Snapshot
from penstock.service.logs import Log
from penstock.service.messages import Asked, Message, Opened, Quiet
from penstock.service.runner import Runner
from penstock.service.signatures import Signatures

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds until the process is started again when it has ended."""
_UNREACHED: Final = "the catalog has not been reached yet"


class Hearing:
    """Listens while ``live`` runs.

    Args:
        runner: Starts the process.
        log: Of the source.
        opened: Called when the catalog is reached for the first time: what is asked from then on is heard.
        asked: Called when somebody asks.
    """

    def __init__(self, runner: Runner, log: Log, opened: Callable[[], None], asked: Callable[[], None]) -> None:
        self.missing = _UNREACHED
        """Why nobody is heard; empty while somebody would be."""
        self._runner = runner
        self._log = log
        self._opened = opened
        self._asked = asked
        self._before = False
        """Whether the catalog was reached before."""
        self._signatures: tuple[str, Signatures] | None = None
        self._calls: asyncio.Queue[bytes] = asyncio.Queue()

    async def live(self, snapshot: Snapshot) -> None:
        """Listen until cancelled; the process is started again whenever it ends."""
        pause = _FIRST_PAUSE
        while True:
            self.missing = self.missing or _UNREACHED
            reached = self._before
            await self._runner.listen(snapshot, self._calls, self._take, self._log.relay, again=self._before)
            self.missing = "the catalog is not listened to; the log says why"
            pause = _FIRST_PAUSE if self._before and not reached else pause
            self._log.caution(f"whether somebody asks for a sync at the catalog cannot be told; again in {pause:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def refusal(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        """Return why a call is not the catalog's, None if it is; as ``Signatures.refusal``."""
        if self._signatures is None:
            return "the catalog is not expected to call"
        return self._signatures[1].refusal(headers, body, now)

    def called(self, body: bytes) -> None:
        """Hand on a call of the catalog, which may ask for a sync."""
        self._calls.put_nowait(base64.b64encode(body) + b"\n")

    def _take(self, told: Message) -> None:
        match told:
            case Opened(secret):
                self.missing = ""
                if secret and (self._signatures is None or self._signatures[0] != secret):
                    self._signatures = secret, Signatures(SecretStr(secret), time.time())
                if not self._before:
                    self._before = True
                    self._opened()
            case Asked(why):
                self._log.tell(f"a sync is asked for: {why}")
                self._asked()
            case Quiet(why):
                self.missing = why
                if why:
                    self._log.caution(why)
                else:
                    self._log.tell("whether somebody asks for a sync can be told again")
