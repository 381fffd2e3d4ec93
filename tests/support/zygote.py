"""A process that has imported what commands import, and forks one for each: most of a command's time is its imports.

What a command does, it does in a process of its own, with its own folder, environment, output and exit code. How a
process starts is tried elsewhere, by real starts.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, cast

_LONGEST = 1 << 20


class Zygote:
    """The process, and the way to have it fork."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-zygote-")
        self._address = str(Path(self._folder.name) / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen(32)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "support.zygote", str(listener.fileno())],
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def run(
        self, arguments: Sequence[str], folder: Path, variables: Mapping[str, str], out: int, err: int, seconds: float
    ) -> int:
        """Run a command to its end, and return its exit code as ``subprocess`` would; raises TimeoutError."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(seconds)
            channel.connect(self._address)
            order = {"arguments": list(arguments), "folder": str(folder.resolve()), "variables": dict(variables)}
            socket.send_fds(channel, [json.dumps(order).encode() + b"\n"], [out, err])
            return int(_line(channel))

    def close(self) -> None:
        """End the process, which hears that nobody holds the other end of its input any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._folder.cleanup()


@cache
def zygote() -> Zygote:
    """Return the one of this process, started when it is first wanted."""
    return Zygote()


def _line(channel: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        part = channel.recv(_LONGEST)
        if not part:
            raise ConnectionError("the process has gone")
        data += part
    return data


def _serve(listener: socket.socket) -> None:
    """Fork for each connection, and say on it how the command ended, until the input is closed."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _hear)
    channels: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listener.fileno(), woken, 0], [], [])
        if woken in ready:
            os.read(woken, _LONGEST)
            _tell_of_the_ended(channels)
        if 0 in ready:
            return
        if listener.fileno() in ready:
            channel, _ = listener.accept()
            channels[_fork(channel, (listener, *channels.values()))] = channel


def _hear(number: int, frame: FrameType | None) -> None:
    """Be woken: what is to be done is done in turn."""
    del number, frame


def _fork(channel: socket.socket, others: Sequence[socket.socket]) -> int:
    """Begin the command that a connection asks for, and return its process id."""
    data, descriptors, _, _ = socket.recv_fds(channel, _LONGEST, 2)
    while not data.endswith(b"\n"):
        data += channel.recv(_LONGEST)
    command = os.fork()
    if command == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (channel, *others):
            one.close()
        _become(json.loads(data), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return command


def _tell_of_the_ended(channels: dict[int, socket.socket]) -> None:
    while channels:
        command, status = os.waitpid(-1, os.WNOHANG)
        if command == 0:
            return
        with channels.pop(command) as channel, suppress(OSError):  # perhaps nobody waits any more
            channel.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(order: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Be the command, as ``python -m penstock`` would be in that folder."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate([nothing, *descriptors]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["variables"])
    sys.argv = [str(Path(order["folder"]) / "penstock"), *order["arguments"]]
    sys.path[0] = order["folder"]
    os._exit(_ended())


def _ended() -> int:
    """Run the command line, and what an interpreter does at its end; return the exit code."""
    from penstock.cli import main  # noqa: PLC0415 - it is to be imported in the other process alone

    code: object = 0
    try:
        main()
    except SystemExit as error:
        code = error.code
    except BaseException:  # noqa: BLE001 - as an interpreter does
        sys.excepthook(*cast("tuple[Any, Any, Any]", sys.exc_info()))
        code = 1
    cast("Any", threading)._shutdown()
    cast("Any", atexit)._run_exitfuncs()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def _import() -> None:
    """Import what a sync does, as the command line would."""
    cast("dict[str, ModuleType | None]", sys.modules)["httpx._main"] = None
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    for name in ("cli.application", "cli.running", "cli.settings", "config.load", "journal", "sync.run"):
        import_module(f"penstock.{name}")


if __name__ == "__main__":
    _import()
    _serve(socket.socket(fileno=int(sys.argv[1])))
