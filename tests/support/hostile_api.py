"""A company behind an API that breaks, lies and loops on demand: every fault has a name, and is a switch."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from support.clock import FakeClock
from support.misbehaving import FAULTS, HARMLESS, response, serve_bytes

SIZE: Final = 3
"""Rows of a page."""
Key: TypeAlias = tuple[str, str]
"""Blueprint and identifier."""
Row: TypeAlias = dict[str, Any]
PAGINATIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "offset": {"paginationType": "offset", "pageSize": SIZE},
    "page": {"paginationType": "page", "pageSize": SIZE},
    "cursor": {"paginationType": "cursor", "pageSize": SIZE},
    "next_link": {"paginationType": "next_link", "nextLinkPath": "next"},
    "header_link": {"paginationType": "header_link"},
    "numbered_link": {"paginationType": "header_link"},
}
"""``numbered_link`` is ``header_link`` with links that count pages; other links and cursors name the last row read."""


class Company:
    """What there really is: users; teams, each with its members. All by identifier, with their names."""

    def __init__(self) -> None:
        self.users = {f"u{number:02}": f"User {number}" for number in range(8)}
        self.teams = {
            f"t{number}": {f"m{number}{one}": f"Member m{number}{one}" for one in "ab"} for number in range(4)
        }

    def rows(self, path: str) -> list[Row] | None:
        """Return a list of the API, in order; None where there is none."""
        match path.split("/")[1:]:
            case ["users"]:
                found = self.users.copy()  # at once: it may change meanwhile
            case ["teams"]:
                found = dict.fromkeys(self.teams.copy(), "Team")
            case ["teams", team, "members"] if team in self.teams:
                found = self.teams[team].copy()
            case _:
                return None
        return [{"id": identifier, "name": found[identifier]} for identifier in sorted(found)]

    def entities(self) -> dict[Key, str]:
        """Return what a catalog of it holds: titles by key."""
        users = {("user", identifier): name for identifier, name in self.users.items()}
        teams = {("team", identifier): "Team" for identifier in self.teams}
        return users | teams | {("member", one): name for team in self.teams.values() for one, name in team.items()}


@dataclass(frozen=True, slots=True)
class Shape:
    """What one page shows."""

    rows: Sequence[Row]
    more: bool
    """Whether there is a cursor or link to another one."""
    said: Mapping[str, object] = field(default_factory=dict[str, object])
    """Members of the answer beside the rows."""
    status: int = 200
    stuck: bool = False
    """Whether the cursor is the one that led here."""


Pages: TypeAlias = Sequence[Sequence[Row]]


def _honest(pages: Pages, index: int) -> Shape:
    return Shape(pages[index] if index < len(pages) else [], index + 1 < len(pages))


def _at(pages: Pages, index: int) -> Shape:
    """Show that page, whatever was asked for, and promise more."""
    return Shape(pages[min(index, len(pages) - 1)], more=True)


def _with_gap(pages: Pages, index: int) -> Shape:
    if index == 1:
        return Shape([], more=True, said={"has_more": True})
    shape = _honest(pages, index and index - 1)
    return Shape(shape.rows, shape.more or not index, said={"has_more": shape.more or not index})


def _doubled(pages: Pages, index: int) -> Shape:
    shape = _honest(pages, index)
    before: Sequence[Row] = pages[index - 1][-1:] if 0 < index <= len(pages) else ()
    return Shape([*before, *shape.rows, *shape.rows[:1]], shape.more)


def _total(value: Callable[[int], object]) -> Callable[[Pages, int], Shape]:
    def shape(pages: Pages, index: int) -> Shape:
        honest = _honest(pages, index)
        return Shape(honest.rows, honest.more, said={"total": value(sum(map(len, pages)))})

    return shape


def _full(pages: Pages, index: int) -> Shape:
    return Shape(_honest(pages, index).rows, more=index < len(pages))


def _missing_end(pages: Pages, index: int) -> Shape:
    return Shape([], more=False, status=404) if index >= len(pages) > 0 else _full(pages, index)


def _renamed(name: str) -> Callable[[Pages, int], Shape]:
    def shape(pages: Pages, index: int) -> Shape:
        honest = _honest(pages, index)
        return Shape([{**row, "name": {"first": row["name"]}} for row in honest.rows], honest.more, {name: []})

    return shape


LISTS: Final[Mapping[str, Callable[[Pages, int], Shape]]] = {
    "the same page again": lambda pages, index: _at(pages, min(index, 1)),
    "there and back": lambda pages, index: _at(pages, index % 2),
    "round and round": lambda pages, index: _at(pages, index and 1 + (index - 1) % 2),
    "the same cursor again": lambda pages, index: Shape(_at(pages, index).rows, more=True, stuck=index > 0),
    "an empty page amid": _with_gap,
    "no page beyond the end": _missing_end,
    "a cursor after the end": _full,
    "rows twice": _doubled,
    "a total too large": _total(lambda rows: rows + 100),
    "a total of nothing": _total(lambda rows: 0 * rows),
    "a total below nothing": _total(lambda rows: -rows),
    "a total that is text": _total(lambda rows: f"about {rows}"),
    "a total too small": _total(lambda rows: max(rows // SIZE * SIZE - 1, 0)),
    "another schema": _renamed("version"),
}
"""What a list may do instead of being honest; a total that is too small and fits is believed (docs/guarantees.md)."""


def _refusal(
    status: str, headers: Callable[[float], Mapping[str, str]], body: bytes = b"{}"
) -> Callable[[float], bytes]:
    return lambda until: response(body, status, headers(until))


REFUSALS: Final[Mapping[str, Callable[[float], bytes]]] = {
    "429 for seconds": _refusal("429 Slow", lambda _: {"Retry-After": "7"}),
    "503 for seconds": _refusal("503 Busy", lambda _: {"Retry-After": "7"}),
    "429 without a word": _refusal("429 Slow", lambda _: {}),
    "429 until a moment": _refusal("429 Slow", lambda until: {"X-RateLimit-Reset": repr(until)}),
    "429 until milliseconds": _refusal("429 Slow", lambda until: {"X-RateLimit-Reset": repr(until * 1000)}),
    "429, draft 10": _refusal("429 Slow", lambda _: {"RateLimit": '"a";r=0;t=7'}),
    "403 as GitHub": _refusal("403 No", lambda until: {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": repr(until)}),
    "200 by rateLimitWhen": _refusal("200 OK", lambda _: {"Retry-After": "7"}, b'{"why": "slow"}'),
    "429 for years": _refusal("429 Slow", lambda _: {"Retry-After": "99999999999"}),
    "429 for a day": _refusal("429 Slow", lambda _: {"Retry-After": "86400"}),
    "429 for a negative time": _refusal("429 Slow", lambda _: {"Retry-After": "-5"}),
}
"""Ways to be told to slow down, given the moment until which."""
WINDOW: Final = 7.0
"""Seconds for which they forbid requests, but for:"""
WINDOWS: Final = {
    "429 without a word": 0.0,
    "429 for a negative time": 0.0,
    "429 for years": 0.0,  # which nobody can mean
    "429 for a day": 86_400.0,
}
RATE_LIMIT_WHEN: Final = '.body.why? == "slow"'


class HostileApi:
    """The company's API; what it does wrong is set before or during a run, and ``heal`` undoes all of it."""

    def __init__(self, company: Company, clock: FakeClock) -> None:
        self.company = company
        self.clock = clock
        self.url = ""
        self.pagination = "offset"
        self.bad_pages: dict[str, tuple[str, int]] = {}
        """By path, a fault of ``FAULTS`` or ``HARMLESS`` and the page, from 0, that has it."""
        self.lists: dict[str, str] = {}
        """By path, a fault of ``LISTS``."""
        self.refusal = ""
        self.refused = 0
        """How many of the next requests are refused that way."""
        self.forbidden_until = 0.0
        """Of the clock: before that, an answer has forbidden to ask."""
        self.inside: list[str] = []
        """What was asked for nevertheless."""
        self.token_lives: int | None = None
        """Requests that a token is good for; None: no token is asked for."""
        self.tokens_refused = False
        self.events: dict[int, Callable[[], None]] = {}
        """What happens before a request is answered, by its number in the run, from 1."""
        self.asked: list[str] = []
        """What was asked for since ``begin``."""
        self._tokens = 0
        self._left = 0
        self._lock = threading.RLock()

    def begin(self) -> None:
        """Count requests anew."""
        self.asked = []

    def heal(self) -> None:
        """Do nothing wrong any more."""
        self.bad_pages, self.lists, self.refused, self.tokens_refused, self.events = {}, {}, 0, False, {}
        self.token_lives = None if self.token_lives is None else 1_000_000

    def answer(self, head: str) -> bytes | None:
        """Return the bytes of the answer to a request."""
        target = head.split(" ", 2)[1]
        with self._lock:
            self.asked.append(target)
            if self.clock.monotonic() < self.forbidden_until:
                self.inside.append(target)
            event = self.events.pop(len(self.asked), None)
        if event is not None:
            event()
        with self._lock:
            parts = urlsplit(target)
            if parts.path == "/token":
                return self._token()
            if not self._is_known(head):
                return response(b'{"message": "who?"}', "401 Unauthorized")
            if self.refused > 0:
                self.refused -= 1
                self.forbidden_until = self.clock.monotonic() + WINDOWS.get(self.refusal, WINDOW)
                return REFUSALS[self.refusal](self.clock.time() + WINDOW)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            return self._list(parts.path, query)

    def _token(self) -> bytes:
        if self.tokens_refused:
            return response(b'{"error": "temporarily_unavailable"}', "503 Service Unavailable")
        self._tokens += 1
        self._left = self.token_lives or 0
        token = {"access_token": f"token-{self._tokens}", "token_type": "Bearer", "expires_in": 3600}
        return response(json.dumps(token).encode())

    def _is_known(self, head: str) -> bool:
        if self.token_lives is None:
            return True
        self._left -= 1
        shown = re.search(r"(?im)^authorization: *bearer +token-(\d+)", head)
        return shown is not None and int(shown[1]) == self._tokens and self._left >= 0

    def _list(self, path: str, query: Mapping[str, str]) -> bytes | None:
        rows = self.company.rows(path)
        if rows is None:
            return response(b'{"message": "not found"}', "404 Not Found")
        index, after = self._place(query)
        if after is not None:  # what the last one was is what a sound cursor says
            index, rows = 0, [row for row in rows if row["id"] > after]
        pages = [rows[start : start + SIZE] for start in range(0, len(rows), SIZE)]
        if self.pagination == "offset" and path not in self.lists:  # rows, not pages, are counted
            start = int(query.get("offset", "0"))
            shape = Shape(rows[start : start + SIZE], more=False)
        else:
            shape = LISTS.get(self.lists.get(path, ""), _honest)(pages or [[]], index)
        if shape.status != 200:
            return response(b'{"message": "no such page"}', f"{shape.status} Not Found")
        document: dict[str, Any] = {"items": list(shape.rows), **shape.said}
        headers = self._lead_on(path, query, index, shape, document)
        body = json.dumps(document).encode()
        fault, at = self.bad_pages.get(path, ("", 0))
        if fault and self._number(path, rows, query) == at:
            return {**FAULTS, **HARMLESS}[fault](body)
        return response(body, headers=headers)

    def _number(self, path: str, rows: Sequence[Row], query: Mapping[str, str]) -> int:
        """Return which page of the list it is, from 0, whatever is shown."""
        index, after = self._place(query)
        if after is None:
            return index
        return (len(self.company.rows(path) or []) - len(rows)) // SIZE

    def _place(self, query: Mapping[str, str]) -> tuple[int, str | None]:
        """Return the page that is asked for, or after which row it begins."""
        match self.pagination:
            case "offset":
                return -(-int(query.get("offset", "0")) // SIZE), None
            case "page" | "numbered_link":
                return int(query.get("page", "1")) - 1, None
            case _:
                kind, _, where = query.get("cursor", "at:0").partition(":")
                return (int(where), None) if kind == "at" else (0, where)

    def _lead_on(
        self, path: str, query: Mapping[str, str], index: int, shape: Shape, document: dict[str, Any]
    ) -> dict[str, str]:
        """Say where the next page is, in the answer or in the headers that are returned."""
        if not shape.more:
            return {}
        cursor = f"at:{index + 1}" if path in self.lists else f"after:{shape.rows[-1]['id']}"
        if shape.stuck:
            cursor = query.get("cursor", cursor)
        match self.pagination:
            case "cursor":
                document["next_cursor"] = cursor
            case "next_link":
                document["next"] = f"{path}?cursor={cursor}"
            case "header_link":
                return {"Link": f'<{path}?cursor={cursor}>; rel="next"'}
            case "numbered_link":
                return {"Link": f'<{path}?page={index + 2}>; rel="next"'}
            case _:
                pass
        return {}


@contextmanager
def hostile(clock: FakeClock) -> Generator[HostileApi]:
    """Run the API for the length of a ``with`` block."""
    api = HostileApi(Company(), clock)
    with serve_bytes(api.answer) as api.url:
        yield api
