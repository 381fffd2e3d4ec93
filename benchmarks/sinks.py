"""Measure the sinks: rows a second, CPU a row and peak memory, for new, unchanged and changed rows.

    python benchmarks/sinks.py [--rows 200000] [--batch 1000] [--shuffle] [sqlite] [jsonl]

Each sink runs in a process of its own, entities are made outside the measured time. CPU is the process's, all threads.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from penstock import Entity, EntityBatch, Sink
from penstock.http.lending import Lent
from penstock.redaction import Secrets

FIGURES = "{sink:8} {what:10} {rows:>9,.0f} rows/s {cpu:6.2f} us CPU/row {peak:6.1f} MiB peak"


def main() -> None:
    """Run each sink in a fresh process, or, with ``--here``, in this one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sinks", nargs="*", default=["sqlite", "jsonl"])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--shuffle", action="store_true", help="keys in random order")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        asyncio.run(measure(options.sinks[0], options.rows, options.batch, shuffle=options.shuffle))
        return
    flags = [f"--rows={options.rows}", f"--batch={options.batch}", *["--shuffle"] * options.shuffle]
    for name in options.sinks:
        subprocess.run([sys.executable, __file__, name, "--here", *flags], check=True)


async def measure(name: str, count: int, size: int, *, shuffle: bool) -> None:
    """Write everything three times, then list it; each time in a newly opened sink."""
    numbers = list(range(count))
    if shuffle:
        random.Random(1).shuffle(numbers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog"
        for what, version in (("new", 0), ("unchanged", 0), ("changed", 1)):
            spent = Spent()
            with spent:
                sink = await open_sink(name, path).__aenter__()
            for batch in batches(numbers, size, version):
                with spent:
                    await sink.write(batch)
            with spent:
                await sink.__aexit__(None, None, None)
            spent.show(name, what, count)
        spent = Spent()
        with spent:
            async with open_sink(name, path) as sink:
                listed = sum([len(chunk) async for chunk in sink.owned()])
        spent.show(name, "owned", listed)
        spent = Spent()
        with spent:
            async with open_sink(name, path) as sink:
                listed = sum([len(chunk) async for chunk in sink.entities()])
        spent.show(name, "entities", listed)


class Spent:
    """Adds up the time between entering and leaving."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self.wall -= time.perf_counter()
        self.cpu -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()

    def show(self, sink: str, what: str, rows: int) -> None:
        """Print the figures of one step."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
        print(FIGURES.format(sink=sink, what=what, rows=rows / self.wall, cpu=self.cpu / rows * 1e6, peak=peak))


def open_sink(name: str, path: Path) -> Sink:
    """Return a sink of ours by name."""
    if name == "jsonl":
        from penstock_sinks.jsonl import Jsonl, JsonlConfig  # noqa: PLC0415 - memory is measured

        return Jsonl().open(JsonlConfig(path=path), Lent("benchmark", Secrets()))
    from penstock_sinks.sqlite import Sqlite, SqliteConfig  # noqa: PLC0415

    return Sqlite().open(SqliteConfig(path=path), Lent("benchmark", Secrets()))


def batches(numbers: list[int], size: int, version: int) -> Iterator[EntityBatch]:
    """Yield entities of about 600 bytes, with eight properties and one relation."""
    for start in range(0, len(numbers), size):
        yield EntityBatch("/users", [entity(number, version) for number in numbers[start : start + size]])


def entity(number: int, version: int) -> Entity:
    """Return one user."""
    return Entity(
        blueprint="user",
        identifier=f"user-{number:07d}",
        title=f"User {number}",
        properties={
            "email": f"user{number}@acme.test",
            "active": number % 3 > 0,
            "age": number % 80,
            "department": "engineering",
            "about": "x" * 300,
            "skills": ["python", "sql", "jq"],
            "score": number * 0.5,
            "version": version,
        },
        relations={"team": f"team-{number % 50}"},
    )


if __name__ == "__main__":
    main()
