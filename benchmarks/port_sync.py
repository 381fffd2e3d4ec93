"""Measure whole syncs into Port: what `penstock sync` takes from an API to a stand-in for Port, in time and memory.

    python benchmarks/port_sync.py [--sizes 10000 100000] [--server strict|lean] [--latency-ms 20]

The API is `server.py`, the configuration `config/port.yml`, and the server for Port that of `port.py`: three processes,
which share the machine. With the strict one each size is synced twice, and the second run must send nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from port import server, token
from run import HERE, measure

LINE: Final = (
    "{size:>9,} {what:9} {rate:>8,.0f} entities/s  {cpu:6.1f} us CPU/entity  {peak:5.0f} MiB peak  {wall:6.1f} s"
)
PROPERTIES: Final = ("email", "login", "city", "country", "first_name", "tags", "score", "created_at")


def main() -> None:
    """Sync each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--server", choices=["strict", "lean"], default="strict")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of each bulk request, of the lean server")
    options = parser.parse_args()
    with api() as origin:
        for size in options.sizes:
            with server(options.server, options.latency_ms) as facts, tempfile.TemporaryDirectory() as folder:
                prepare(facts)
                environment = {
                    "BENCH_URL": f"{origin}/0/{size}",
                    "BENCH_PORT": facts["url"],
                    "BENCH_ID": facts["clientId"],
                    "BENCH_SECRET": facts["clientSecret"],
                    "PENSTOCK__STATE_DIR": folder,
                }
                sync("created", size, environment)
                if options.server == "strict":
                    sync("unchanged", size, environment)


def sync(outcome: str, size: int, environment: Mapping[str, str]) -> None:
    """Run `penstock sync`, and stop unless that is what became of all entities."""
    report = Path(environment["PENSTOCK__STATE_DIR"], "report.json")
    arguments = ["--config", str(HERE / "config" / "port.yml"), "--report", str(report)]
    run = measure(["-m", "penstock", "sync", *arguments], dict(environment))
    [kind] = json.loads(report.read_text())["kinds"]
    if kind[outcome] != size:
        message = f"{size} entities were to be {outcome}: {kind}"
        raise SystemExit(message)
    figures = {"rate": size / run.wall, "cpu": run.cpu / size * 1e6, "peak": run.rss, "wall": run.wall}
    print(LINE.format(size=size, what=outcome, **figures), flush=True)


def prepare(facts: Mapping[str, str]) -> None:
    """Make the blueprints."""
    properties = {name: {"type": "number" if name == "score" else "string"} for name in PROPERTIES}
    team: dict[str, Any] = {"identifier": "team", "title": "Team", "schema": {}, "relations": {}}
    relations = {"team": {"target": "team"}}
    user = {"identifier": "user", "title": "User", "schema": {"properties": properties}, "relations": relations}
    headers = {"Authorization": token(dict(facts))}
    for body in (team, user):
        answer = httpx.post(f"{facts['url']}/v1/blueprints", json=body, headers=headers, trust_env=False)
        answer.raise_for_status()


@contextmanager
def api() -> Generator[str]:
    """Run the API to read from; gives its URL."""
    with subprocess.Popen([sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
