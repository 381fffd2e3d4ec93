"""The floor: the least that a Python script must do to get an API into SQLite.

Bare httpx, orjson, one INSERT a page; one page after another; no mapping, no retries, no deletions, no report.

    python benchmarks/floor.py BASE_URL CATALOG
"""

from __future__ import annotations

import sqlite3
import sys

import httpx
import orjson

PAGE_SIZE = 100


def main(base_url: str, catalog: str) -> None:
    """Read every user and write one row for each."""
    database = sqlite3.connect(catalog)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE entities (identifier TEXT PRIMARY KEY, document TEXT)")
    with httpx.Client() as client:
        offset = 0
        while True:
            answer = client.get(f"{base_url}/users", params={"offset": offset, "limit": PAGE_SIZE})
            answer.raise_for_status()
            items = orjson.loads(answer.content)["items"]
            with database:
                database.executemany(
                    "INSERT INTO entities VALUES (?, ?)", [(str(item["id"]), orjson.dumps(item)) for item in items]
                )
            if len(items) < PAGE_SIZE:
                break
            offset += PAGE_SIZE
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
