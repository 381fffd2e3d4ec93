"""Whole-process benchmarks: penstock and the floor scripts in turn, against a server of our own.

    python benchmarks/run.py --rounds 3

Prints Markdown tables. Needs an installed penstock and nothing else; `README.md` says how to read them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
SIZES = (10_000, 50_000, 200_000)
LATENCY_MS = 50
CONCURRENCY = 32
PREFETCH = 8
CHILDREN = 3
FLOORS = ("async floor", "sync floor")


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost."""

    wall: float
    """Seconds, start of the interpreter included."""
    cpu: float
    """Seconds, user and system, of the process and the workers it waited for."""
    rss: float
    """Largest resident set, MiB."""
    inside: float = 0.0
    """Seconds by penstock's own report: without start and end of the interpreter."""


class Bench:
    """A running API, a folder for catalogs, and the two ways to fill one."""

    def __init__(self, port: int, folder: Path) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self._folder = folder

    def floor(self, client: str, total: int) -> Run:
        """Run the floor script with one of httpx's clients on that many users."""
        catalog = self._fresh()
        run = measure([str(HERE / "floor.py"), client, f"{self._origin}/0/{total}", str(catalog)])
        expect(catalog, total)
        return run

    def penstock(self, config: str, total: int, *, latency: int = 0, entities: int | None = None) -> Run:
        """Run `penstock sync` on one of the configurations and check what arrived."""
        catalog, report = self._fresh(), self._folder / "report.json"
        arguments = ["--config", str(HERE / "config" / config), "--catalog", str(catalog), "--report", str(report)]
        run = measure(
            ["-m", "penstock", "sync", *arguments],
            environment={"BENCH_URL": f"{self._origin}/{latency}/{total}", "PENSTOCK__STATE_DIR": str(self._folder)},
        )
        expect(catalog, total if entities is None else entities)
        return Run(run.wall, run.cpu, run.rss, inside=json.loads(report.read_text())["seconds"])

    def _fresh(self) -> Path:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        return self._folder / "catalog.db"


def measure(arguments: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run this interpreter with the arguments, and return what it cost.

    Linux hands a process's largest resident set on to what it starts, so this script imports nothing large.
    """
    started = time.perf_counter()
    # not subprocess.run(), which hides what wait4 tells
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**_without_bytecode_switch(), **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        complaint = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode != 0:
        message = f"{' '.join(arguments)} ended with {process.returncode}:\n{complaint.decode()}"
        raise SystemExit(message)
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _without_bytecode_switch() -> dict[str, str]:
    """Return the environment, without what would make every start compile every module again."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def expect(catalog: Path, count: int) -> None:
    """Stop unless the catalog holds that many entities: a benchmark of wrong results measures nothing."""
    with closing(sqlite3.connect(catalog)) as database:
        found = database.execute("SELECT count(*) FROM entities").fetchone()[0]
    if found != count:
        message = f"{count} entities were expected, {found} arrived"
        raise SystemExit(message)


@contextmanager
def bench() -> Generator[Bench]:
    """Start the API in a process of its own, for the length of a ``with`` block."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        server = subprocess.Popen([sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline()) if server.stdout else 0
            yield Bench(port, Path(folder, "run"))
        finally:
            server.terminate()
            server.communicate()


def throughput(it: Bench, rounds: int, sizes: Sequence[int]) -> None:
    """Print what fetch, select, map and upsert cost, against the floors of the same round."""
    it.floor("sync", max(sizes))  # the server builds its pages on first use
    table(
        "Throughput: fetch, select, map, upsert, report",
        (
            "entities",
            "who",
            "entities/s",
            "CPU us/entity",
            "CPU s",
            "peak MiB",
            "CPU / async floor",
            "CPU / sync floor",
        ),
    )
    cpu: dict[tuple[int, str], float] = {}
    for size in sizes:
        rivals: dict[str, Callable[[], Run]] = {
            "async floor": partial(it.floor, "async", size),
            "sync floor": partial(it.floor, "sync", size),
            "penstock": partial(it.penstock, "users.yml", size),
        }
        done = [{who: run() for who, run in rivals.items()} for _ in range(rounds)]
        for who in rivals:
            cost_row(size, who, done)
            cpu[size, who] = median(runs[who].cpu for runs in done)
    if len(sizes) > 1:
        further_rows(min(sizes), max(sizes), cpu)


def cost_row(size: int, who: str, rounds: Sequence[Mapping[str, Run]]) -> None:
    """Print one line of the table of ``throughput``; ratios are to the floors of the same round."""
    runs = [found[who] for found in rounds]
    cpu, rss = median(run.cpu for run in runs), median(run.rss for run in runs)
    rate = size / median(run.wall for run in runs)
    ratios = [median(found[who].cpu / found[floor].cpu for found in rounds) for floor in FLOORS]
    row(f"{size:,}", who, f"{rate:,.0f}", f"{cpu / size * 1e6:.1f}", f"{cpu:.2f}", f"{rss:.0f}", *map(_x, ratios))


def further_rows(few: int, many: int, cpu: Mapping[tuple[int, str], float]) -> None:
    """Print what each record costs beyond the start, which the smallest and the largest run have in common."""
    further = {who: (cpu[many, who] - cpu[few, who]) / (many - few) * 1e6 for who in (*FLOORS, "penstock")}
    for who, cost in further.items():
        row("each further", who, "", f"{cost:.1f}", "", "", *(_x(cost / further[floor]) for floor in FLOORS))


def latency(it: Bench, rounds: int) -> None:
    """Print how near reads that wait for the network come to the ideal."""
    table(
        f"Waiting: every answer takes {LATENCY_MS} ms",
        ("workload", "requests", "ideal s", "wall s", "wall / ideal", "run s", "run / ideal", "CPU s", "peak MiB"),
    )
    for children in (500, 5_000):
        runs = [
            it.penstock("nested.yml", children, latency=LATENCY_MS, entities=children * CHILDREN) for _ in range(rounds)
        ]
        waiting_row(f"{children:,} nested children, {CONCURRENCY} in flight", children + 1, CONCURRENCY, runs)
    runs = [it.penstock("users.yml", 10_000, latency=LATENCY_MS) for _ in range(rounds)]
    waiting_row(f"100 offset pages, {PREFETCH} in flight", 100, PREFETCH, runs)


def waiting_row(workload: str, requests: int, at_once: int, runs: Sequence[Run]) -> None:
    """Print one line of the table of ``latency``."""
    ideal = requests * LATENCY_MS / 1000 / at_once
    wall, inside = median(run.wall for run in runs), median(run.inside for run in runs)
    cpu, rss = median(run.cpu for run in runs), median(run.rss for run in runs)
    times = (f"{ideal:.2f}", f"{wall:.2f}", _x(wall / ideal), f"{inside:.2f}", _x(inside / ideal))
    row(workload, f"{requests:,}", *times, f"{cpu:.2f}", f"{rss:.0f}")


def start(it: Bench, rounds: int) -> None:
    """Print what it costs to do next to nothing."""
    table("Start", ("workload", "CPU s", "wall s", "peak MiB"))
    jobs: list[tuple[str, Callable[[], Run]]] = [
        ("python -c pass", lambda: measure(["-c", "pass"])),
        ("async floor, no records", lambda: it.floor("async", 0)),
        ("sync floor, no records", lambda: it.floor("sync", 0)),
        ("penstock --help", lambda: measure(["-m", "penstock", "--help"])),
        ("penstock sync, one empty kind", lambda: it.penstock("users.yml", 0)),
    ]
    for name, job in jobs:
        runs = [job() for _ in range(rounds)]
        costs = (median(run.cpu for run in runs), median(run.wall for run in runs), median(run.rss for run in runs))
        row(name, f"{costs[0]:.2f}", f"{costs[1]:.2f}", f"{costs[2]:.0f}")


def _x(ratio: float) -> str:
    return f"{ratio:.2f}"


def table(title: str, columns: Sequence[str]) -> None:
    """Print the head of a Markdown table."""
    print(f"\n### {title}\n")
    row(*columns)
    row(*("---" for _ in columns))


def row(*cells: str) -> None:
    """Print one line of a Markdown table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each workload; medians are printed")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="entities of the throughput runs")
    parser.add_argument("--only", choices=("start", "throughput", "latency"), help="one table only")
    chosen = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, median of {chosen.rounds} rounds")
    with bench() as it:
        it.penstock("users.yml", 0)  # installers may leave it to the first start to compile modules
        if chosen.only in {None, "start"}:
            start(it, chosen.rounds)
        if chosen.only in {None, "throughput"}:
            throughput(it, chosen.rounds, chosen.sizes)
        if chosen.only in {None, "latency"}:
            latency(it, chosen.rounds)


if __name__ == "__main__":
    main()
