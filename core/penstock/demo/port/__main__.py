"""Run a stand-in: prints its URL and its credentials as one line of JSON, and serves until it is ended."""

from __future__ import annotations

import asyncio
import sys

import orjson

from penstock.demo.port.server import PortStandIn


async def main() -> None:
    """Serve."""
    standin = PortStandIn()
    standin.keeps_requests = False
    server = await standin.start()
    told = {"url": standin.url, "clientId": standin.client_id, "clientSecret": standin.client_secret}
    sys.stdout.write(orjson.dumps(told).decode() + "\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
