"""The example packages, from outside: built as wheels, tried, mounted, installed, and used for a whole sync."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest

from penstock.scaffold.build import build_wheel
from support.commands import Ran, environment, penstock
from support.server import Received, Reply, serve

EXAMPLES: Final = sorted((Path(__file__).parents[2] / "examples" / "plugins").iterdir())
SECRET: Final = "a-secret-of-the-test"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS: Final[list[dict[str, Any]]] = [
    {"id": hour, "name": f"event {hour}", "at": START + timedelta(hours=hour)} for hour in (0, 1, 30, 71)
]
CONFIG: Final[dict[str, Any]] = {
    "source": "acme",
    "sink": {"type": "jsonl", "path": "catalog"},
    "resources": [
        {
            "kind": "/events",
            "port": {
                "entity": {"mappings": {"identifier": ".id | tostring", "blueprint": '"event"', "title": ".name"}}
            },
        }
    ],
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of all examples."""
    folder = tmp_path_factory.mktemp("plugins")
    for number, example in enumerate(EXAMPLES):
        target = tmp_path_factory.mktemp(f"wheel{number}")
        built = build_wheel(example, target)
        built.rename(folder / built.name)
    return folder


class _Acme:
    """An API that gives out nonces, wants each request signed with one, and lists what happened in a window of time."""

    def __init__(self) -> None:
        self.nonces = 0
        self.windows: list[tuple[str, str]] = []
        self.used: set[tuple[str, str]] = set()

    def __call__(self, request: Received) -> Reply:
        if request.path == "/nonces":
            self.nonces += 1
            return Reply({"nonce": f"nonce-{self.nonces}", "expires_in": 300})
        return self._events(request) if self._is_signed(request) else Reply({"error": "signature"}, 401)

    def _is_signed(self, request: Received) -> bool:
        nonce, count = str(request.headers["X-Nonce"]), str(request.headers["X-Count"])
        if (nonce, count) in self.used:
            return False
        self.used.add((nonce, count))
        lines = (nonce, count, request.method, request.target, hashlib.sha256(request.body).hexdigest())
        expected = hmac.new(SECRET.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        return bool(request.headers["X-Signature"] == expected)

    def _events(self, request: Received) -> Reply:
        start, end = request.param("from"), request.param("to")
        self.windows.append((start, end))
        found = [one for one in EVENTS if start <= one["at"].isoformat().replace("+00:00", "Z") < end]
        return Reply(
            [{"id": one["id"], "name": one["name"]} for one in found], 200, {"Date": "Sun, 04 Jan 2026 00:00:00 GMT"}
        )


def _sync(folder: Path, **variables: str) -> tuple[_Acme, Ran]:
    acme = _Acme()
    with serve(acme) as api:
        connection = {
            "baseUrl": api.url,
            "authType": "nonce_hmac",
            "nonceHmacKeyId": "reader",
            "nonceHmacSecret": SECRET,
            "paginationType": "time_window",
            "windowStart": START.isoformat(),
        }
        (folder / "penstock.yml").write_text(json.dumps({**CONFIG, "connection": connection}))
        return acme, penstock("sync", "--report", "-", folder=folder, variables=variables)


def _assert_all_arrived(folder: Path, acme: _Acme, ran: Ran) -> None:
    assert ran.code == 0, ran.err
    [kind] = ran.json()["kinds"]
    assert (kind["status"], kind["created"], kind["stop_reasons"]) == ("complete", len(EVENTS), {"no_more": 1})
    assert acme.nonces == 1
    assert sorted(acme.windows) == [(f"2026-01-0{day}T00:00:00Z", f"2026-01-0{day + 1}T00:00:00Z") for day in (1, 2, 3)]
    lines = (folder / "catalog" / "event.jsonl").read_text().splitlines()
    assert [json.loads(line)["title"] for line in lines] == sorted(str(one["name"]) for one in EVENTS)


def test_mounted_as_wheels_they_sync_an_api(wheels: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")

    acme, ran = _sync(tmp_path, PENSTOCK_PLUGINS_DIR=str(wheels), PENSTOCK_CACHE_DIR=cache, PENSTOCK_STRICT_PLUGINS="1")

    _assert_all_arrived(tmp_path, acme, ran)


def test_installed_beside_penstock_they_sync_an_api(wheels: Path, tmp_path: Path) -> None:
    """What an installer does with a wheel of pure Python is to unpack it."""
    for wheel in wheels.iterdir():
        with ZipFile(wheel) as archive:
            archive.extractall(tmp_path / "site")

    acme, ran = _sync(tmp_path, PYTHONPATH=str(tmp_path / "site"))

    _assert_all_arrived(tmp_path, acme, ran)


def test_they_pass_every_gate_and_keep_every_rule(wheels: Path, tmp_path: Path) -> None:
    ran = penstock("plugins", "check", str(wheels), "--format", "json", folder=tmp_path, seconds=300)

    assert ran.code == 0, ran.out
    results = {one["distribution"]: one for one in ran.json()}
    assert set(results) == {example.name for example in EXAMPLES}
    assert [kit["broken"] for one in results.values() for kit in one["kits"]] == [[], []]


def test_their_own_tests_pass(tmp_path: Path) -> None:
    """Those that are not the kit's, which was run on the wheels."""
    tests = [str(example / "tests") for example in EXAMPLES]
    path = os.pathsep.join(str(example / "src") for example in EXAMPLES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), *tests]

    ran = subprocess.run(
        [*command, "-k", "not TestNonceHmac and not TestTimeWindow"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
