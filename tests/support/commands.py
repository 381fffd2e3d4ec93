"""Run the real command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from support.zygote import zygote

COMMAND = (sys.executable, "-m", "penstock")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.out)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process without what would change a run or slow its start, and these variables."""
    unwanted = ("PENSTOCK", "OCEAN", "OTEL", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {"COLUMNS": "100", "NO_PROXY": "127.0.0.1"} | variables


def penstock(*arguments: str, folder: Path, variables: Mapping[str, str] | None = None, seconds: float = 60) -> Ran:
    """Run a command in a folder to its end, for which it has so many seconds."""
    wanted = environment(**(variables or {}))
    with TemporaryFile() as out, TemporaryFile() as err:
        if any(name.startswith("PYTHON") for name in variables or {}):  # an interpreter heeds these when it starts
            ran = subprocess.run(
                [*COMMAND, *arguments], cwd=folder, env=wanted, stdout=out, stderr=err, timeout=seconds, check=False
            )
            code = ran.returncode
        else:
            code = zygote().run(arguments, folder, wanted, out.fileno(), err.fileno(), seconds)
        return Ran(code, _text(out), _text(err))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def start(
    *arguments: str, folder: Path, stderr: int = subprocess.PIPE, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a command in a folder, as the first of its own process group, and leave it running."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(TERM="xterm-256color", **(variables or {})),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
        # a shell starts what runs in its background with SIGINT ignored, and that is handed down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def write_config(folder: Path, config: Mapping[str, Any], name: str = "penstock.yml") -> Path:
    """Write a configuration file; JSON is YAML."""
    file = folder / name
    file.write_text(json.dumps(config))
    return file


def config_for(url: str, resources: Sequence[Mapping[str, Any]], **connection: object) -> dict[str, Any]:
    """A configuration that reads these resources of an API into catalog.db."""
    return {"source": "test", "connection": {"baseUrl": url, **connection}, "resources": list(resources)}
