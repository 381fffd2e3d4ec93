"""The floor: the least that a Python script must do to get an API into SQLite.

Bare httpx, orjson, one INSERT a page; one page after another; no mapping, no retries, no deletions, no report. There
are two, as httpx has two clients: `async` is what a program with several requests in flight needs; `sync` costs less.

    python benchmarks/floor.py async|sync BASE_URL CATALOG
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable
from typing import Final

# where click is installed, httpx would import its own command line with rich and pygments: 0.15 s that no bare script
# needs, and that would make the floor look dearer than it is; this is what a missing one looks like
sys.modules["httpx._main"] = None  # type: ignore[assignment]

import httpx  # noqa: E402
import orjson  # noqa: E402

PAGE_SIZE: Final = 100


def read_sync(base_url: str, database: sqlite3.Connection) -> None:
    """Read every user with ``httpx.Client``."""
    with httpx.Client() as client:
        offset = 0
        while store(client.get(f"{base_url}/users", params={"offset": offset, "limit": PAGE_SIZE}), database):
            offset += PAGE_SIZE


def read_async(base_url: str, database: sqlite3.Connection) -> None:
    """Read every user with ``httpx.AsyncClient``."""

    async def read() -> None:
        async with httpx.AsyncClient() as client:
            offset = 0
            while store(await client.get(f"{base_url}/users", params={"offset": offset, "limit": PAGE_SIZE}), database):
                offset += PAGE_SIZE

    asyncio.run(read())


def store(answer: httpx.Response, database: sqlite3.Connection) -> bool:
    """Write one row for each item of a page, and return whether another page follows."""
    answer.raise_for_status()
    items = orjson.loads(answer.content)["items"]
    with database:
        database.executemany(
            "INSERT INTO entities VALUES (?, ?)", [(str(item["id"]), orjson.dumps(item)) for item in items]
        )
    return len(items) == PAGE_SIZE


READERS: Final[dict[str, Callable[[str, sqlite3.Connection], None]]] = {"async": read_async, "sync": read_sync}


def main(client: str, base_url: str, catalog: str) -> None:
    """Make the catalog, and fill it."""
    database = sqlite3.connect(catalog)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE entities (identifier TEXT PRIMARY KEY, document TEXT)")
    READERS[client](base_url, database)
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
