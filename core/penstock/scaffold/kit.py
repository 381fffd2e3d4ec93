"""Runs the conformance kit on the plugins of a distribution, in a process of its own: ``penstock plugins check``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from penstock.errors import PluginError

GROUP: Final = "penstock.conformance"
"""The entry points that name what to test: a case for each plugin, under the plugin's name."""
_SECONDS: Final = 600
_HEAD: Final = "from importlib import import_module\n"
_CASE: Final = """

class TestCase{number}(getattr(import_module({module!r}), {attribute!r})):
    pass
"""


class Kit(NamedTuple):
    """What became of one case."""

    name: str
    """Of the plugin."""
    passed: int
    skipped: int
    """Rules that do not apply to it."""
    broken: tuple[tuple[str, str], ...]
    """Rules that it breaks, each with what was seen."""


def run_kit(points: Sequence[EntryPoint], path: Iterable[str], folder: Path) -> list[Kit]:
    """Try the cases of a distribution.

    Args:
        points: Its entry points in the group ``penstock.conformance``.
        path: Where it can be imported from.
        folder: For what is needed meanwhile; empty.

    Raises:
        PluginError: There is no pytest, or it ended without a result.
    """
    if find_spec("pytest") is None:
        message = "the kit needs pytest, which is not installed; run `pip install pytest`"
        raise PluginError(message)
    cases = [
        _CASE.format(number=number, module=point.module, attribute=point.attr) for number, point in enumerate(points)
    ]
    (folder / "test_conformance.py").write_text(_HEAD + "".join(cases), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    report = folder / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
        "test_conformance.py",
    ]
    known = [*path, *filter(None, [os.environ.get("PYTHONPATH", "")])]
    try:
        done = subprocess.run(  # noqa: S603 - to run it is what was asked for
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(known)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"the kit took longer than {_SECONDS} s"
        raise PluginError(message) from error
    if not report.exists():
        said = (done.stdout + done.stderr).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        message = f"the kit ended without a result: {said[0]}"
        raise PluginError(message)
    return _read(report, points)


def _read(report: Path, points: Sequence[EntryPoint]) -> list[Kit]:
    tests = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - pytest's own, just written
    strays = [test for test in tests if not test.get("classname", "").rpartition(".")[2].startswith("TestCase")]
    if strays:  # an import that failed is a test of no class
        message = f"the case cannot be imported: {_seen(strays[0])}"
        raise PluginError(message)
    return [
        _kit(point.name, [test for test in tests if test.get("classname", "").endswith(f".TestCase{number}")])
        for number, point in enumerate(points)
    ]


def _kit(name: str, tests: Sequence[ET.Element]) -> Kit:
    skipped = [test for test in tests if test.find("skipped") is not None]
    broken = [test for test in tests if test.find("failure") is not None or test.find("error") is not None]
    rules = tuple((test.get("name", ""), _seen(test)) for test in broken)
    return Kit(name, len(tests) - len(skipped) - len(broken), len(skipped), rules)


def _seen(test: ET.Element) -> str:
    """Return the first line of what went wrong."""
    found = test.find("failure")
    found = test.find("error") if found is None else found
    said = "" if found is None else (found.get("message") or found.text or "")
    lines = [line for line in (said, *((found.text or "").splitlines() if found is not None else ())) if line.strip()]
    told = next((line for line in lines if line.startswith("E ")), lines[0] if lines else "no message")
    return told.removeprefix("E").splitlines()[0].strip()
