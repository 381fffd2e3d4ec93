"""Import a plugin in a child process first: what would take the host down is survived there, and named."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from penstock.mounting.codes import Code, Refusal
from penstock.mounting.settings import MEMORY_VARIABLE, SECONDS_VARIABLE, MountSettings

if TYPE_CHECKING:
    import subprocess

_SCRIPT: Final = Path(__file__).with_name("child.py")
_HANDED_ON: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The variables that a child gets: none that may hold a secret."""
_AT_ONCE: Final = 4


class Trial(NamedTuple):
    """What to import."""

    name: str
    """Of the distribution."""
    points: tuple[tuple[str, str, str], ...]
    """Family, name and value of each entry point."""
    host: tuple[str, ...]
    """Where the host imports from."""
    mounted: tuple[str, ...]
    """The folders that come after it."""
    digests: tuple[str, ...]
    """Of everything in these."""

    def key(self, host_version: str) -> str:
        """Return what a probe depends on, as a word: only where all is as it was does its result still hold."""
        packages = [Path(entry) for entry in self.host if Path(entry).name in {"site-packages", "dist-packages"}]
        stamps = [[str(path), path.stat().st_mtime_ns] for path in packages if path.is_dir()]
        child = sha256(_SCRIPT.read_bytes()).hexdigest()
        facts = [child, host_version, sys.version, sys.prefix, stamps, self.points, self.digests]
        return sha256(json.dumps(facts).encode()).hexdigest()


def probe(trials: Sequence[Trial], settings: MountSettings) -> list[Refusal | None]:
    """Import each in a process of its own, several at once, and return what went wrong, in order."""
    if not trials:
        return []
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most starts have nothing to probe

    with ThreadPoolExecutor(min(_AT_ONCE, len(trials))) as pool:
        return list(pool.map(partial(_probe, settings), trials))


def _probe(settings: MountSettings, trial: Trial) -> Refusal | None:
    with tempfile.TemporaryDirectory(prefix="penstock-probe-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        request = {**trial._asdict(), "mib": settings.probe_mib}
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        code = _run(folder, settings.probe_seconds)
        if code is None:
            limit = f"{settings.probe_seconds:g} s ({SECONDS_VARIABLE})"
            return Refusal(Code.IMPORT_HUNG, f"importing it does not end within {limit}")
        return _judge(folder, code, settings)


def _run(folder: Path, seconds: float) -> int | None:
    """Return the exit code of the child; None where it had to be killed."""
    import subprocess  # noqa: PLC0415

    environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own script, with our own interpreter
            [sys.executable, "-I", "-W", "ignore", str(_SCRIPT), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,  # so that what it starts in turn can be ended with it
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _judge(folder: Path, code: int, settings: MountSettings) -> Refusal | None:
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        if code < 0:
            return Refusal(Code.IMPORT_CRASHED, f"importing it kills the process: {signal.Signals(-code).name}")
        return Refusal(Code.IMPORT_EXITED, f"importing it ends the process with code {code}")
    if result["code"] == Code.IMPORT_MEMORY:
        limit = f"{settings.probe_mib} MiB ({MEMORY_VARIABLE})"
        return Refusal(Code.IMPORT_MEMORY, f"importing it takes more memory than {limit}")
    if result["code"]:
        return Refusal(Code(result["code"]), result["detail"])
    written = (folder / "output").stat().st_size
    if written:
        return Refusal(Code.IMPORT_OUTPUT, f"importing it writes {written} bytes to standard output or error")
    return None
