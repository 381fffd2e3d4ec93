"""A service as a process: what it says, and its pages."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from penstock.service.signatures import signature
from support.commands import start

SECRET = "0123456789abcdef0123"
PATIENCE = 30.0


class Service:
    """A running service, what it says, and its pages."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert process.stderr is not None
        threading.Thread(target=self._listen, args=(process.stderr,), daemon=True).start()
        self.url = re.findall(r"http://[\d.]+:\d+[\w/.~-]*", self.says("listening on"))[0].replace(
            "0.0.0.0", "127.0.0.1"
        )

    def says(self, text: str) -> str:
        """Wait for a line that holds the text, among those not read yet."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._heard.get(timeout=max(until - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"{text!r} was not said, but:\n" + "".join(self.lines)) from None
            if text in line:
                return line

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=PATIENCE)

    def ask(self, body: bytes = b"", headers: Mapping[str, str] | None = None) -> httpx.Response:
        if headers is None:
            now = str(int(time.time()))
            headers = {"X-Penstock-Timestamp": now, "X-Penstock-Signature": signature(SecretStr(SECRET), now, body)}
        return httpx.post(self.url + "/sync", content=body, headers=headers, trust_env=False, timeout=PATIENCE)

    def source(self, name: str = "test") -> dict[str, Any]:
        found: dict[str, Any]
        [found] = [one for one in self.get("/sources").json()["sources"] if one["source"] == name]
        return found

    def is_ready(self) -> None:
        """Wait until it is."""
        eventually(lambda: self.get("/health/ready").status_code == 200)

    def metric(self, name: str) -> float:
        [line] = [line for line in self.get("/metrics").text.splitlines() if line.startswith(name + " ")]
        return float(line.rpartition(" ")[2])

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def _listen(self, stderr: Any) -> None:  # noqa: ANN401
        for line in stderr:
            self.lines.append(line)
            self._heard.put(line)


@contextmanager
def serving(folder: Path, *arguments: str, **variables: str) -> Generator[Service]:
    with start("serve", "--port", "0", *arguments, folder=folder, variables=variables) as process:
        try:
            yield Service(process)
        finally:
            process.kill()


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
