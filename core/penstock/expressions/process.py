"""One worker process, as its owner sees it."""

from __future__ import annotations

import importlib.util
import json
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

from penstock.errors import ExpressionError

_HEADER: Final = struct.Struct(">I")
_SCRIPT: Final = Path(__file__).with_name("worker.py")
_START_SECONDS: Final = 60.0


class WorkerTimeoutError(Exception):
    """No answer came in time: the worker may hang for good."""


class WorkerDiedError(Exception):
    """The worker has ended; ``signal`` names what killed it."""

    def __init__(self, code: int) -> None:
        self.out_of_memory = code == -signal.SIGABRT
        super().__init__(signal.Signals(-code).name if code < 0 else f"exit code {code}")


class Worker:
    """A running worker process; used by one thread at a time, but ``kill`` may come from any.

    After an error it can only be closed.
    """

    def __init__(self, memory_bytes: int) -> None:
        import subprocess  # noqa: PLC0415 - only runs whose expressions need libjq pay for it

        self._process = subprocess.Popen(  # noqa: S603 - our own script, with our own interpreter
            [sys.executable, "-I", "-S", str(_SCRIPT), _jq_path(), str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={},
            process_group=0,  # Ctrl-C is for us: we stop cleanly, and then the worker ends
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)
        self._received = bytearray()
        self._greet()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def check(self, texts: Sequence[str]) -> list[str | None]:
        """Return jq's message for each expression that does not compile, None for the others."""
        self._send(json.dumps({"check": list(texts)}).encode())
        return cast("list[str | None]", json.loads(self._frame(_START_SECONDS)))

    def run(self, request: dict[str, Any], items: Sequence[bytes], *, limit: float, patience: float) -> Iterator[bytes]:
        """Send rows, and yield the answer to each.

        Args:
            request: ``columns`` and ``rows`` as worker.py wants them.
            items: The JSON text of each row.
            limit: Seconds to wait for the next answer, beyond ``patience``.
            patience: Seconds for which the worker may keep answers back, to send several at once.

        Raises:
            WorkerTimeoutError: A row took longer than ``limit``.
            WorkerDiedError: A row killed the worker.
        """
        self._send(json.dumps({**request, "limit": limit, "patience": patience}).encode())
        self._send(b"".join(items))
        for _ in items:
            yield self._frame(limit + patience)

    def kill(self) -> None:
        """End the process, whatever it does; may be called from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the process and release its pipes; called by the thread that uses it."""
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    def _greet(self) -> None:
        try:
            problem = self._frame(_START_SECONDS).decode()
        except (WorkerTimeoutError, WorkerDiedError) as error:
            problem = str(error) or "no sign of life"
        if problem:
            self.close()
            message = f"the jq worker process does not start: {problem}"
            raise ExpressionError(message, expression="")

    def _send(self, content: bytes) -> None:
        try:
            self._write(_HEADER.pack(len(content)) + content)
        except BrokenPipeError:
            raise WorkerDiedError(self._process.wait()) from None

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[self._stdin.write(view) :]  # may take a part only: it is not buffered

    def _frame(self, seconds: float) -> bytes:
        """Return the next frame, which has to come within these seconds."""
        deadline = time.monotonic() + seconds
        header = _HEADER.unpack(self._take(_HEADER.size, deadline))
        return self._take(header[0], deadline)

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._received) < size:
            wait = deadline - time.monotonic()
            if not self._poll.poll(max(0.0, wait) * 1000):
                raise WorkerTimeoutError
            content = self._stdout.read(1 << 20)
            if not content:
                raise WorkerDiedError(self._process.wait())
            self._received += content
        content = bytes(self._received[:size])
        del self._received[:size]
        return content


def _jq_path() -> str:
    """Return the file of the jq module, without loading libjq into this process."""
    spec = importlib.util.find_spec("jq")
    if spec is None or spec.origin is None:
        message = "the jq package is not installed; run `pip install jq`"
        raise ExpressionError(message, expression="")
    return spec.origin
