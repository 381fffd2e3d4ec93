"""The process that listens for one source: what the service is told stands on its standard output, a line each.

On its standard input come the snapshot and then the calls of the catalog, base64, a line each. When that ends, so does
the process.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import TYPE_CHECKING, Final

import orjson

from penstock.service.messages import Asked, Message, Opened, Quiet
from penstock.sync.mapping import make_ready
from penstock.sync.run import lend
from penstock.sync.sinks import listening_to
from penstock.values import Silence

if TYPE_CHECKING:
    from penstock.config.models import Settings
    from penstock.listening import Listener
    from penstock.redaction import Secrets

CALLED: Final = "the catalog calls for it"


async def listen(settings: Settings, secrets: Secrets) -> None:
    """Listen until the input ends; raises SinkError."""
    calls = await _input()
    if settings.mapping_is_kept:
        await make_ready(settings, secrets)
    async with listening_to(settings.sink, lend(settings, secrets, "")) as listener:
        secret = listener.secret
        _tell(Opened("" if secret is None else secret.get_secret_value()))
        hearing = asyncio.create_task(_hear(listener, secrets))
        answering = asyncio.create_task(_answer(listener, calls))
        try:
            done, _ = await asyncio.wait({hearing, answering}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (hearing, answering):
                task.cancel()
            await asyncio.gather(hearing, answering, return_exceptions=True)


async def _hear(listener: Listener, secrets: Secrets) -> None:
    async for one in listener.heard():
        _tell(Quiet(secrets(one.why)) if isinstance(one, Silence) else Asked(secrets(one.why)))


async def _answer(listener: Listener, calls: asyncio.StreamReader) -> None:
    while line := await calls.readline():
        if listener.asks(base64.b64decode(line)):
            _tell(Asked(CALLED))


async def _input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=4 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    return reader


def _tell(told: Message) -> None:
    sys.stdout.buffer.write(orjson.dumps(told.to_json()) + b"\n")
    sys.stdout.buffer.flush()
