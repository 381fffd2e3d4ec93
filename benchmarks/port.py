"""Measure the port sink against a bare loop that posts prepared bodies with the same concurrency.

    python benchmarks/port.py [--sizes 10000 100000] [--rounds 3] [--in-flight 5] [--server strict|lean]
                              [--latency-ms 20]

The server is a process of its own: the strict stand-in, which checks every entity as Port does, or a lean one that says
"created" to everything, to which a client that is too slow cannot hide behind the server. Entities have about 600 bytes
and are made outside the measured time; the bare loop has its bodies as bytes. The sink's time is that of its ``write``
calls, from entities to outcomes: it encodes, packs, compares, remembers and asks once for what Port has.

A second, unchanged run against the strict stand-in must send no entity; the benchmark ends in an error otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import httpx
import orjson
from sinks import entity

from penstock import Entity, EntityBatch, Outcome, Sink, WriteFlags
from penstock.demo.port.wire import Answer, Connection, Received, Traffic
from penstock.http.lending import Lent
from penstock.http.transport import aiohttp
from penstock.redaction import Secrets
from penstock_sinks._port_bodies import body_of
from penstock_sinks.port import Port, PortConfig

BATCH: Final = 1000
"""Entities that core hands to a sink at once."""
BULK: Final = 20
QUERY: Final = "upsert=true&merge=true&create_missing_related_entities=true&validation_only=false"
LINE: Final = "{size:>7,} {what:10} {rate:>9,.0f} entities/s  {cpu:6.1f} us CPU/entity  {share:>5}"


def main() -> None:
    """Measure, or with ``--serve`` be the lean server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=5)
    parser.add_argument("--server", choices=["strict", "lean"], default="strict")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of each bulk request, of the lean server")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve_leanly(options.latency_ms / 1000))
        return
    for size in options.sizes:
        shares: list[float] = []
        for _ in range(options.rounds):
            bare = measure("bare", size, options)
            sink = measure("sink", size, options)
            shares.append(sink / bare)
        print(f"{size:>7,} median {statistics.median(shares):.1%} of the bare loop, of {options.rounds} rounds")


def measure(what: str, size: int, options: argparse.Namespace) -> float:
    """Return the entities a second of one way into a fresh server."""
    with server(options.server, options.latency_ms) as facts:
        prepare(facts)
        entities = [entity(number, 0) for number in range(size)]
        gc.freeze()  # core never holds more than a batch or two: looking through all of these is not the sink's cost
        way = run_bare if what == "bare" else run_sink
        seconds, cpu = asyncio.run(way(facts, entities, options.in_flight))
        print(LINE.format(size=size, what=what, rate=size / seconds, cpu=cpu / size * 1e6, share=""))
        if what == "sink" and options.server == "strict":
            check_second_run(facts, entities, options.in_flight)
    return size / seconds


async def run_bare(facts: dict[str, str], entities: list[Entity], in_flight: int) -> tuple[float, float]:
    """Post bodies that are ready."""
    bodies = [
        b'{"entities":[' + b",".join(map(body_of, entities[start : start + BULK])) + b"]}"
        for start in range(0, len(entities), BULK)
    ]
    headers = {"Authorization": token(facts), "User-Agent": "port-ocean/custom/1/bare/exporter"}
    waiting = iter(bodies)

    async def work(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(f"/v1/blueprints/user/entities/bulk?{QUERY}", data=body) as answer:
                done = orjson.loads(await answer.read())
                assert not done["errors"], done

    async with aiohttp.ClientSession(facts["url"], headers=headers) as session:
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work(session) for _ in range(in_flight)))
        return time.perf_counter() - started, time.process_time() - cpu


async def run_sink(facts: dict[str, str], entities: list[Entity], in_flight: int) -> tuple[float, float]:
    """Write batches as core does."""
    async with Port().open(config_of(facts, in_flight), Lent("bench", Secrets(), flags=WriteFlags())) as sink:
        started, cpu = time.perf_counter(), time.process_time()
        await write_all(sink, entities, "created")
        return time.perf_counter() - started, time.process_time() - cpu


async def write_all(sink: Sink, entities: list[Entity], outcome: str) -> None:
    """Write batches as core does: in order, as many at once as the sink takes."""
    writing: deque[asyncio.Task[Sequence[Outcome]]] = deque()
    for start in range(0, len(entities), BATCH):
        if len(writing) == sink.writes_at_once:
            assert {one.kind for one in await writing.popleft()} == {outcome}
        batch = EntityBatch("/users", entities[start : start + BATCH])
        writing.append(asyncio.ensure_future(sink.write(batch)))
    for one in writing:
        assert {done.kind for done in await one} == {outcome}


def check_second_run(facts: dict[str, str], entities: list[Entity], in_flight: int) -> None:
    """Write the same again; nothing may be sent."""

    async def again() -> float:
        async with Port().open(config_of(facts, in_flight), Lent("bench", Secrets(), flags=WriteFlags())) as sink:
            started = time.perf_counter()
            await write_all(sink, entities, "unchanged")
            return time.perf_counter() - started

    seconds = asyncio.run(again())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(f"{len(entities):>7,} unchanged  {len(entities) / seconds:>9,.0f} entities/s, none sent, {peak:.0f} MiB peak")


def config_of(facts: dict[str, str], in_flight: int) -> PortConfig:
    """Return the sink's settings."""
    given = {"clientId": facts["clientId"], "clientSecret": facts["clientSecret"], "baseUrl": facts["url"]}
    return PortConfig.model_validate({**given, "maxConcurrentRequests": in_flight})


@contextmanager
def server(kind: str, latency: float) -> Generator[dict[str, str]]:
    """Run a server; gives its URL and credentials."""
    lean = [__file__, "--serve", f"--latency-ms={latency}"]
    command = [sys.executable, *(lean if kind == "lean" else ["-m", "penstock.demo.port"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def token(facts: dict[str, str]) -> str:
    """Return an Authorization header."""
    credentials = {"clientId": facts["clientId"], "clientSecret": facts["clientSecret"]}
    answer = httpx.post(f"{facts['url']}/v1/auth/access_token", json=credentials, trust_env=False).json()
    return f"Bearer {answer['accessToken']}"


def prepare(facts: dict[str, str]) -> None:
    """Make the blueprints."""
    types: dict[str, str] = {
        **dict.fromkeys(("email", "department", "about"), "string"),
        **dict.fromkeys(("age", "score", "version"), "number"),
        "active": "boolean",
        "skills": "array",
    }
    properties = {name: {"type": kind} for name, kind in types.items()}
    headers = {"Authorization": token(facts)}
    for name, schema, relations in (
        ("team", {}, {}),
        ("user", {"properties": properties}, {"team": {"target": "team"}}),
    ):
        body = {"identifier": name, "title": name, "schema": schema, "relations": relations}
        httpx.post(f"{facts['url']}/v1/blueprints", json=body, headers=headers, trust_env=False).raise_for_status()


def say_created(request: Received) -> Answer:
    """Answer as a Port that has nothing yet and takes everything."""
    match request.parts[-1:]:
        case ("access_token",):
            return Answer({"ok": True, "accessToken": "t", "expiresIn": 10800, "tokenType": "Bearer"})
        case ("bulk",):
            count = request.body.count(b'{"identifier":')
            return Answer({"ok": True, "entities": list(_created(count)), "errors": []})
        case ("search",):
            return Answer({"ok": True, "entities": [], "next": None})
        case _:
            relations = {"team": {"target": "team"}}
            return Answer({"ok": True, "blueprint": {"identifier": "user", "relations": relations}})


def _created(count: int) -> Iterator[dict[str, Any]]:
    return ({"index": index, "identifier": str(index), "created": True} for index in range(count))


async def serve_leanly(latency: float) -> None:
    """Serve until ended; each bulk request takes so many seconds."""
    traffic = Traffic()

    def answer(request: Received) -> Answer:
        seconds = latency if request.parts[-1:] == ("bulk",) else 0.0
        return replace(say_created(request), seconds=seconds)

    lean = await asyncio.get_running_loop().create_server(lambda: Connection(answer, traffic), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{lean.sockets[0].getsockname()[1]}"
    print(json.dumps({"url": url, "clientId": "c", "clientSecret": "s"}), flush=True)
    await lean.serve_forever()


if __name__ == "__main__":
    main()
