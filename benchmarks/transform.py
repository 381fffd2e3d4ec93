"""The stage from page to entities alone: what the expressions of ``config/users.yml`` cost an entity, beside the same work written by hand.

python benchmarks/transform.py --rounds 7
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from server import user

from penstock.config.load import Inputs, load_settings
from penstock.expressions import Evaluator
from penstock.plugins import PluginManager
from penstock.sync.transform import Mapper
from penstock.values import Entity

CONFIG = Path(__file__).parent / "config" / "users.yml"
PAGES, PAGE_SIZE = 100, 100


def by_hand(items: Sequence[dict[str, Any]]) -> list[Entity]:
    """Do what the configuration says, in the Python that somebody would write for this one API."""
    return [
        Entity(
            blueprint="user",
            identifier=str(item["id"]),
            title=item["name"],
            properties={
                "email": item["email"],
                "login": item["login"],
                "city": item["address"]["city"],
                "country": item["address"]["country"] or "unknown",
                "first_name": item["name"].lower().split(" ")[0],
                "tags": ",".join(item["tags"]),
                "score": item["score"],
                "created_at": item["created_at"],
            },
            relations={"team": item["team"]["slug"]},
        )
        for item in items
        if item["active"] is True
    ]


def timed(pages: Sequence[bytes], work: Callable[[list[Any]], Sequence[Entity]]) -> float:
    """Return the CPU microseconds an entity; parsing is not counted."""
    spent, entities = 0.0, 0
    for page in pages:
        items = orjson.loads(page)
        started = time.process_time()
        entities += len(work(items))
        spent += time.process_time() - started
    return spent / entities * 1e6


def main() -> None:
    """Run both in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    pages = [orjson.dumps([user(page * PAGE_SIZE + n) for n in range(PAGE_SIZE)]) for page in range(PAGES)]
    environ = {"BENCH_URL": "http://127.0.0.1"}
    inputs = Inputs(config_file=CONFIG, mapping_file=None, environ=environ, sink=None, catalog=None, dotenv=None)
    settings = load_settings(inputs, PluginManager())
    with Evaluator(settings.expressions) as evaluator, asyncio.Runner() as runner:
        mapper = Mapper(settings.resources[0], evaluator)

        def mapped(items: list[Any]) -> Sequence[Entity]:
            return runner.run(mapper.map(items, {})).entities

        if mapped(orjson.loads(pages[0])) != by_hand(orjson.loads(pages[0])):
            raise SystemExit("the mapping and the work by hand differ")
        pairs = [(timed(pages, by_hand), timed(pages, mapped)) for _ in range(rounds)]
    print("| mapping | CPU us/entity | / by hand |\n| --- | --- | --- |")
    print(f"| by hand | {median(hand for hand, _ in pairs):.2f} | 1.00 |")
    ratio = median(ours / hand for hand, ours in pairs)
    print(f"| penstock | {median(ours for _, ours in pairs):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
