"""The pytest plugin: its fixtures, and what it costs those who do not use them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from penstock.testing import ApiServer, Handler, Recorder, Reply, routes, serve

EXAMPLE = """
def test_an_api(penstock_api):
    from penstock.testing import routes
    assert penstock_api(routes({"/n": 1})).url.startswith("http://127.0.0.1:")


def test_a_recording(penstock_recording):
    assert len(penstock_recording("n.json").exchanges) == 1
"""


def test_an_api_runs_until_the_test_has_ended(penstock_api: Callable[[Handler], ApiServer]) -> None:
    one, other = penstock_api(routes({"/n": 1})), penstock_api(routes({"/n": 2}))

    assert [httpx.get(f"{api.url}/n").json() for api in (one, other)] == [1, 2]


def test_strangers_have_the_fixtures_without_doing_anything(tmp_path: Path) -> None:
    with serve(lambda _: Reply(1)) as real, Recorder(real.url) as recorder:
        with serve(recorder) as api:
            httpx.get(f"{api.url}/n")
        recorder.write(tmp_path / "n.json")
    (tmp_path / "test_example.py").write_text(EXAMPLE)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)

    assert "2 passed" in done.stdout, done.stdout


def test_a_test_run_that_does_not_use_it_loads_nothing_heavy() -> None:
    heavy = "{'httpx', 'pydantic', 'aiohttp', 'penstock.plugins', 'penstock.testing.server'}"
    code = f"import sys; import penstock.testing.plugin; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert shown.stdout.strip() == "[]"


def test_penstock_itself_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "import penstock.testing as testing\n"
        "print(testing.serve.__name__, testing.Recorder.__name__, testing.Answer.__name__)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert shown.stdout.split() == ["serve", "Recorder", "Answer"]
