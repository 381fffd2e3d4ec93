"""What mapping costs: compiled expressions, plain Python written by hand, and libjq field by field.

    python benchmarks/expressions.py [ROUNDS]

One record of about 600 bytes; identifier, title, a constant blueprint, eight properties, one relation and a selector.
Each round times the three variants one after the other; printed are the median and the best CPU time per record in
microseconds, and the median over the rounds of the ratio to plain Python.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol, cast

import jq

from penstock.expressions.compiler import compile_subset
from penstock.values import JSON

Record = dict[str, JSON]


class Run(Protocol):
    """A libjq program on its way through one input."""

    def first(self) -> JSON:
        """Return the first output."""
        ...


class Program(Protocol):
    """A compiled libjq program."""

    def input_text(self, text: str) -> Run:
        """Start on the JSON values in ``text``."""
        ...


SELECTOR: Final = ".active == true"
FIELDS: Final = {
    "identifier": ".id | tostring",
    "title": ".name",
    "blueprint": '"user"',
    "email": ".email",
    "city": ".address.city",
    "lead": ".team.lead.name",
    "tags": '.tags | join(",")',
    "login": '.name | ascii_downcase | split(" ")[0]',
    "role": '.role // "member"',
    "created": ".created_at",
    "score": ".score",
    "team": ".team.slug",
}
RECORDS: Final = 2_000


def record(number: int) -> Record:
    """Return one made-up user."""
    return {
        "id": number,
        "name": f"Ada Lovelace {number}",
        "email": f"ada{number}@example.test",
        "active": True,
        "address": {"street": "12 St James's Square", "city": "London", "zip": "SW1Y 4JH", "country": "GB"},
        "team": {"slug": f"team-{number % 40}", "lead": {"name": "Charles Babbage", "id": 7}},
        "tags": ["maths", "engines", "poetry", f"group-{number % 9}"],
        "role": None if number % 3 else "admin",
        "created_at": "2024-05-01T12:00:00Z",
        "score": number / 7,
        "bio": "x" * 200,
    }


def by_hand(item: Record) -> list[JSON] | None:
    """Map one record as a programmer would write it."""
    if item["active"] is not True:
        return None
    team = item["team"]
    address = item["address"]
    tags = item["tags"]
    name = item["name"]
    if not (isinstance(team, dict) and isinstance(address, dict) and isinstance(tags, list) and isinstance(name, str)):
        return None
    lead = team["lead"]
    return [
        str(item["id"]),
        name,
        "user",
        item["email"],
        address["city"],
        lead["name"] if isinstance(lead, dict) else None,
        ",".join(map(str, tags)),
        name.lower().split(" ")[0],
        item.get("role") or "member",
        item["created_at"],
        item["score"],
        team["slug"],
    ]


def compiled() -> Callable[[Record], list[JSON] | None]:
    """Return a mapping of compiled expressions."""
    [selects, *fields] = [_first(text) for text in (SELECTOR, *FIELDS.values())]
    return lambda item: [field(item) for field in fields] if selects(item) is True else None


def _first(text: str) -> Callable[[JSON], JSON]:
    program = compile_subset(text)
    if program is None:
        message = f"{text} is not in the compiled subset"
        raise ValueError(message)
    return program.first


def libjq() -> Callable[[Record], list[JSON] | None]:
    """Return a mapping of one libjq program for each field."""
    programs: list[Program] = [
        cast("Program", jq.compile(text))  # pyright: ignore[reportUnknownMemberType] - it has no types
        for text in (SELECTOR, *FIELDS.values())
    ]
    [selects, *fields] = programs

    def apply(item: Record) -> list[JSON] | None:
        text = json.dumps(item)
        return (
            [field.input_text(text).first() for field in fields] if selects.input_text(text).first() is True else None
        )

    return apply


def microseconds(mapping: Callable[[Record], object], items: list[Record]) -> float:
    """Return the CPU time of one record."""
    start = time.process_time()
    for item in items:
        mapping(item)
    return (time.process_time() - start) / len(items) * 1e6


def main(rounds: int) -> None:
    """Run the rounds and print a table."""
    items = [record(number) for number in range(RECORDS)]
    variants: dict[str, tuple[Callable[[Record], list[JSON] | None], int]] = {
        "plain Python": (by_hand, RECORDS),
        "compiled": (compiled(), RECORDS),
        "libjq per field": (libjq(), RECORDS // 20),
    }
    expected = [by_hand(item) for item in items[:50]]
    for name, (mapping, _) in variants.items():
        if [mapping(item) for item in items[:50]] != expected:
            message = f"{name} maps differently"
            raise ValueError(message)
    times = [[microseconds(mapping, items[:count]) for mapping, count in variants.values()] for _ in range(rounds)]
    print(f"{'variant':<16} {'median us':>10} {'best us':>8} {'x plain':>8}")
    for column, name in enumerate(variants):
        own = [row[column] for row in times]
        ratio = statistics.median(row[column] / row[0] for row in times)
        print(f"{name:<16} {statistics.median(own):>10.2f} {min(own):>8.2f} {ratio:>8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
