"""A refresh token that is good once is the only way back in: no death of the process may cost the grant.

The server keeps a refresh token good until something of what replaced it is used, and revokes the whole grant when one
that is not good any more is presented (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.tokens import FileTokens
from support.authorization_ledger import Rotation
from support.authorization_server import Identity, identity
from support.lives import Life, Lived, Parent, When, parent
from support.server import Received, Reply

SEEDS = int(os.environ.get("PENSTOCK_SEEDS", "40"))
SECRET = "s3cret-of-penstock"


@dataclass
class World:
    """A server, and processes that use it."""

    server: Identity
    parent: Parent
    folder: Path
    grants: int = 0
    seconds: float = 0.1
    """That the last life took which was not killed: the next ones are killed within that time."""
    figures: Counter[str] = field(default_factory=Counter[str])
    """What became of the lives, for whoever wants to know how hard the test tried (pytest -s)."""

    def new_grant(self, *, requests: int = 2, parallel: int = 1) -> Life:
        """Return a life on a grant that somebody was just given, in a store of its own; all others are history."""
        self.grants += 1
        self.server.ledger.issued.clear()
        auth = {
            "grantType": "refresh_token",
            "tokenEndpoint": self.server.token_endpoint,
            "clientId": "penstock",
            "clientSecret": SECRET,
            "refreshToken": self.server.ledger.seed(),
        }
        folder = self.folder / f"{self.grants}" / "tokens"
        return Life(str(folder), self.server.api_url, auth, requests, parallel)

    def live(self, life: Life) -> Lived:
        """Live, and let the server finish what a killed process had asked for."""
        issued = len(self.server.ledger.issued)
        lived = self.parent.live(life)
        self.figures["lives"] += 1
        if not lived.killed:
            self.seconds = lived.seconds
        else:
            self.settle()
            self.figures["killed"] += 1
            self.figures["killed after a renewal had reached the server"] += len(self.server.ledger.issued) > issued
            self.figures["killed between the answer and the disk"] += self._has_lost_an_answer(life)
        return lived

    def _has_lost_an_answer(self, life: Life) -> bool:
        """Whether the server gave a token last that the store does not have."""
        kept = [one.token.refresh_token for one in FileTokens(Path(life.folder)).stored() if one.token]
        return self.server.ledger.issued[-1].refresh_token not in [*kept, life.auth["refreshToken"]]

    def settle(self) -> None:
        """Wait until the server has answered everything: its connections are accepted in order."""
        place = urlsplit(self.server.url)
        with socket.create_connection((place.hostname, place.port)) as last:
            last.sendall(b"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n")
            while last.recv(4096):
                pass
        for thread in threading.enumerate():
            if "process_request" in thread.name:
                thread.join(timeout=10)

    def is_alive(self, life: Life) -> bool:
        """Whether one more process gets in, and the server never saw a token that was not good any more."""
        last = self.live(replace(life, step=-1, seconds=-1.0))
        return last.outcomes == ["200"] * life.requests and not self.is_revoked()

    def is_revoked(self) -> bool:
        return any(issued.grant.revoked for issued in self.server.ledger.issued)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with identity(rotation=Rotation.GRACE) as server, parent() as lives:
        server.ledger.uses_per_token = 1  # so that every request but the first of a token costs a refresh
        yield World(server, lives, tmp_path_factory.mktemp("grants"))


def _moments(steps: Sequence[str]) -> Iterator[tuple[int, When]]:
    """Give every moment between two steps, and some within one."""
    for number, name in enumerate(steps):
        yield number, "before"
        if name == "write":
            yield number, "half"
        if name in {"write", "rename"} or name.startswith(("GET", "POST")):  # before anything is computed
            yield number, "after"


def test_a_process_that_dies_at_any_step_never_costs_the_grant(world: World) -> None:
    steps = world.live(world.new_grant()).steps
    refresh = ["POST /token", "unlink", "open", "fchmod", "write", "fsync", "close", "rename", "fsync", "close"]
    assert [name for name in steps if name in refresh].count("POST /token") == 2
    assert set(refresh) | {"flock", "GET /api/users"} <= set(steps)

    dead: list[str] = []
    for step, when in _moments(steps):
        life = world.new_grant()
        assert world.live(replace(life, step=step, when=when)).killed
        if not world.is_alive(life):
            dead.append(f"{when} step {step}, {steps[step]}")
    assert dead == []


@pytest.mark.parametrize("moment", ["before the server has decided", "before the server has answered"])
def test_a_process_that_dies_while_it_waits_for_a_new_token_never_costs_the_grant(world: World, moment: str) -> None:
    children: Queue[int] = Queue()

    def kill() -> None:
        os.kill(children.get(timeout=30), signal.SIGKILL)

    def refuse(_: Received) -> Reply:
        kill()
        return Reply({}, 503)

    def answer(token: dict[str, Any]) -> dict[str, Any]:
        world.server.after = lambda later: later
        kill()
        return token

    life = world.new_grant()
    if moment == "before the server has decided":
        world.server.faults.append(refuse)
    else:
        world.server.after = answer
    children.put(world.parent.start(life))

    assert world.parent.end().killed
    world.settle()
    assert world.is_alive(life)


def test_a_process_that_dies_at_any_time_never_costs_the_grant(world: World) -> None:
    world.live(world.new_grant(requests=3))
    world.figures.clear()
    dead: list[int] = []
    for seed in range(SEEDS):
        chance = random.Random(seed)
        life = world.new_grant(requests=3)
        for _ in range(chance.randint(1, 4)):
            world.live(replace(life, seconds=chance.uniform(0, world.seconds)))
        if not world.is_alive(life):
            dead.append(seed)
    print(SEEDS, "seeds:", dict(world.figures))  # noqa: T201 - shown with -s
    assert dead == []
    assert world.figures["killed after a renewal had reached the server"] > 0


def _slowly(_: Received) -> Reply:
    time.sleep(0.02)
    return Reply([])


def test_processes_that_share_a_store_use_no_refresh_token_twice(tmp_path: Path) -> None:
    with identity(rotation=Rotation.SINGLE_USE) as server, parent() as one, parent() as other:
        # both renew all the time; yet a token is not dead when it comes, as it is taken for good then
        server.after = lambda answer: {**answer, "expires_in": 0.1}
        server.api = _slowly
        life = World(server, one, tmp_path).new_grant(requests=150, parallel=4)
        one.start(life)
        other.start(life)
        outcomes = [*one.end().outcomes, *other.end().outcomes]

        used = Counter(form["refresh_token"] for form in server.forms())
        assert len(used) >= 5
        assert max(used.values()) == 1
        assert not any(issued.grant.revoked for issued in server.ledger.issued)
    assert outcomes == ["200"] * 300
