"""What each page gave, and by which validator the source tells that it is still the same.

A page is known only while all that it gave is in the sink as it gave it: it is forgotten before any of it is written
anew or deleted, and remembered after its entities were delivered.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, cast

import orjson

from penstock.journal.file import JournalFile
from penstock.values import PageRequest, Stop, StopReason

LONGEST: Final = 1 << 20
"""Bytes that the keys of one page may take; what is larger is not remembered."""
Key: TypeAlias = tuple[str, str]
"""Blueprint and identifier."""
Pages: TypeAlias = Mapping[tuple[int, int], Collection[Key]]
"""Keys by partition and page."""
_SHARED: Final = """
SELECT DISTINCT seen.partition, seen.page FROM json_each(?) CROSS JOIN seen
WHERE seen.blueprint = ? AND seen.identifier = value AND seen.partition <> ?
"""


class Validator(NamedTuple):
    """How the source names a state of a page; one of them is empty."""

    etag: str
    last_modified: str = ""

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for a page only if it is not in this state."""
        return {"If-None-Match": self.etag} if self.etag else {"If-Modified-Since": self.last_modified}

    def is_of(self, etag: str) -> bool:
        """Whether an answer "not modified" may be about this state: it has the same tag, strong or weak, or none."""
        return not etag or not self.etag or etag.removeprefix("W/") == self.etag.removeprefix("W/")


class KnownPage(NamedTuple):
    """A page as it was when all of it was delivered."""

    request: bytes
    """A digest of what was asked for, and of what the pagination knew when it asked."""
    validator: Validator
    decision: PageRequest | Stop
    """What came after it."""
    keys: Sequence[Key]
    """What it gave."""
    read_at: datetime
    """When the source sent it last."""
    led_by: Mapping[str, str] = MappingProxyType({})
    """What headers said that the decision followed from; empty where there was none of that name."""

    def is_same(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer "not modified" with these headers is about this page and leads on as it did.

        Tags are often made from the body alone: the link in the headers of a page that is the same may be another.
        What an answer without body leaves out is as it was.
        """
        return self.validator.is_of(headers.get("etag", "")) and all(
            headers.get(name, said) == said for name, said in self.led_by.items()
        )

    def decided(self) -> str:
        """Return the decision, and what it followed from, as it is kept."""
        one, led_by = self.decision, {"led_by": dict(self.led_by)}
        if isinstance(one, Stop):
            return json.dumps({"reason": one.reason.value, "detail": one.detail, "warning": one.warning, **led_by})
        request = {"params": dict(one.params), "body": dict(one.body), "headers": dict(one.headers), "url": one.url}
        return json.dumps({**request, "state": one.state, **led_by})


class Validators:
    """The known pages of a source; each method raises JournalError, those that write want a transaction."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def find(self, partition: int, page: int) -> KnownPage | None:
        """Return what is known of a page."""
        row = self._file.row(
            "SELECT request, etag, last_modified, decision, keys, read_at FROM validators "
            "WHERE partition = ? AND page = ?",
            (partition, page),
        )
        if row is None:
            return None
        request, etag, last_modified, decision, keys, read_at = row
        content = cast("dict[str, list[str]]", orjson.loads(zlib.decompress(keys)))
        decided = json.loads(decision)
        led_by = decided.pop("led_by", {})
        return KnownPage(
            request,
            Validator(etag, last_modified),
            _decision(decided),
            [(blueprint, one) for blueprint, identifiers in content.items() for one in identifiers],
            datetime.fromisoformat(read_at),
            led_by,
        )

    def remember(self, run: int, pages: Mapping[tuple[int, int], KnownPage]) -> None:
        """Remember pages whose entities are in the sink; one that shares an entity with another list is left out.

        Of an entity that several lists give, the last one counts: each of them has to be written every time.
        """
        for (partition, page), known in pages.items():
            content = _grouped(known.keys)
            keys = zlib.compress(orjson.dumps(content))
            if len(keys) > LONGEST or any(self._shared(partition, content)):
                continue
            self._file.execute(
                "INSERT OR REPLACE INTO validators(partition, page, run, read_at, request, etag, last_modified, "
                "decision, keys) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(partition, page, run, known.read_at.isoformat(timespec="seconds"), known.request),
                    *(*known.validator, known.decided(), keys),
                ),
            )

    def confirm(self, run: int, pages: Iterable[tuple[int, int]]) -> None:
        """Record that pages were found unchanged in this run."""
        self._file.executemany(
            "UPDATE validators SET run = ? WHERE partition = ? AND page = ?", [(run, *one) for one in pages]
        )

    def outdate(self, pages: Pages) -> None:
        """Forget pages that are about to be written anew, and those that give some of the same entities."""
        for (partition, page), keys in pages.items():
            self._drop(partition, page)
            for other in self._shared(partition, _grouped(keys)):
                self._drop(*other)

    def drop_unread(self, run: int, partitions: Collection[int] | None = None) -> None:
        """Forget pages that this run has not met: all, or those of partitions that were read to their end."""
        if partitions is None:
            self._file.execute("DELETE FROM validators WHERE run < ?", (run,))
        else:
            self._file.execute(
                "DELETE FROM validators WHERE run < ? AND partition IN (SELECT value FROM json_each(?))",
                (run, orjson.dumps(sorted(partitions)).decode()),
            )

    def drop(self, partitions: Collection[int]) -> None:
        """Forget all pages of these partitions."""
        self._file.execute(
            "DELETE FROM validators WHERE partition IN (SELECT value FROM json_each(?))",
            (orjson.dumps(sorted(partitions)).decode(),),
        )

    def clear(self) -> None:
        """Forget all."""
        self._file.execute("DELETE FROM validators")

    def _drop(self, partition: int, page: int) -> None:
        self._file.execute("DELETE FROM validators WHERE partition = ? AND page = ?", (partition, page))

    def _shared(self, partition: int, keys: Mapping[str, list[str]]) -> Iterator[tuple[int, int]]:
        """Yield the pages of other partitions that give one of these entities."""
        for blueprint, identifiers in keys.items():
            values = (orjson.dumps(identifiers).decode(), blueprint, partition)
            yield from list(self._file.rows(_SHARED, values))


def _grouped(keys: Iterable[Key]) -> dict[str, list[str]]:
    """Return identifiers by blueprint, without what no journal can hold."""
    found: dict[str, list[str]] = {}
    for blueprint, identifier in keys:
        try:
            f"{blueprint}{identifier}".encode()
        except UnicodeEncodeError:  # no sink has it either
            continue
        found.setdefault(blueprint, []).append(identifier)
    return found


def _decision(kept: dict[str, Any]) -> PageRequest | Stop:
    if "reason" in kept:
        return Stop(StopReason(kept["reason"]), kept["detail"], warning=kept["warning"])
    return PageRequest(**kept)
