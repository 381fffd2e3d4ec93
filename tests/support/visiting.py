"""People who log in: each does what a terminal tells them, with a real browser's requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

import httpx

from penstock import Person


def follow(url: str) -> httpx.Response:
    """Open a URL and go wherever it leads, as a browser does."""
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=30) as browser:
        return browser.get(url)


def leave(url: str) -> None:
    """Do not even look."""


@dataclass(slots=True)
class Visitor(Person):
    """Opens what is shown, without keeping the program waiting."""

    open: Callable[[str], object] = follow
    told: list[str] = field(default_factory=list[str])
    visited: list[str] = field(default_factory=list[str])
    pages: list[object] = field(default_factory=list[object])
    _threads: list[Thread] = field(default_factory=list[Thread])

    def tell(self, text: str) -> None:
        self.told.append(text)

    def visit(self, url: str) -> None:
        self.visited.append(url)
        thread = Thread(target=lambda: self.pages.append(self.open(url)))
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Wait until everything is read that was opened."""
        for thread in self._threads:
            thread.join()
