"""What the journal, the catalog and the mapping say of one entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final, cast

import orjson
from msgspec import Struct

from penstock.config.models import Resource, Settings
from penstock.http.lending import Lent
from penstock.journal import (
    Absence,
    Accounts,
    Asked,
    Deletion,
    End,
    Hold,
    Identity,
    Listing,
    ReadableJournal,
    Refusal,
    Run,
    Runs,
    Seen,
    path_of,
)
from penstock.redaction import Secrets
from penstock.sync.resources import blueprints_of, identity_of, resource_names
from penstock.sync.sinks import open_sink, sink_exists
from penstock.values import EntityKey, HeldEntity

_LOOKED_THROUGH: Final = 2_000
"""Identifiers on either side among which near ones are looked for."""
_SUGGESTED: Final = 3


class Memory(Struct, frozen=True):
    """What the journal says."""

    last: Run
    """The newest run; it may be under way."""
    runs: Mapping[int, Run]
    """All that are kept, by number."""
    seen: Sequence[Seen]
    """The newest first."""
    pages: Mapping[Seen, Asked]
    """How the pages were asked for that showed it, as far as that is remembered."""
    ends: Mapping[int, End]
    """How the newest reads of its partitions ended, by partition."""
    listings: Mapping[str, Listing]
    """How the newest search for its resources' partitions ended."""
    absence: Absence | None
    hold: Hold | None
    deletion: Deletion | None
    refusal: Refusal | None
    identities: Mapping[str, Identity]
    """How the newest run read each resource and named its entities."""
    near: Sequence[EntityKey]
    """Names like it."""

    @property
    def origin(self) -> Seen | None:
        """Where it was seen last."""
        if self.seen:
            return self.seen[0]
        return None if self.deletion is None else self.deletion.seen


class Facts(Struct, frozen=True):
    """All that is known without a request."""

    key: EntityKey
    source: str
    has_catalog: bool
    """Whether there is a catalog at all."""
    held: HeldEntity | None
    """What it has."""
    memory: Memory | None
    """None where there was no run yet."""
    resources: Mapping[str, Resource]
    """Those of the mapping as it is now, by name."""
    makers: Sequence[str]
    """Kinds of the mapping that may make entities of this blueprint."""

    @property
    def foreign(self) -> bool:
        """Whether it belongs to another source."""
        return self.held is not None and self.held.source not in {"", self.source}

    @property
    def resource(self) -> Resource | None:
        """The resource that showed it last, where it is in the mapping still."""
        origin = self.memory.origin if self.memory else None
        if self.memory is None or origin is None:
            return None
        if origin.resource in self.resources:
            return self.resources[origin.resource]
        # one that reads the same is that resource under another name, as it will be to the next run
        before = self.memory.identities.get(origin.resource)
        alike = (one for one in self.resources.values() if before and identity_of(one).reads == before.reads)
        return next(alike, None)


async def gather(settings: Settings, secrets: Secrets, key: EntityKey) -> Facts:
    """Look everything up; nothing is requested, and nothing is made.

    Raises:
        SinkError: The catalog cannot be read.
        JournalError: The same of the journal.
    """
    held, has_catalog = None, sink_exists(settings.sink)
    if has_catalog:
        async with open_sink(settings.sink, Lent(settings.source, secrets)) as sink:
            [held] = await sink.read([key])
    names = resource_names(settings.resources)
    return Facts(
        key=key,
        source=settings.source,
        has_catalog=has_catalog,
        held=held,
        memory=_memory(settings, key),
        resources=dict(zip(names, settings.resources, strict=True)),
        makers=list(dict.fromkeys(one.kind for one in settings.resources if key.blueprint in blueprints_of([one]))),
    )


def _memory(settings: Settings, key: EntityKey) -> Memory | None:
    path = path_of(settings.state_dir, settings.source)
    if not path.is_file():
        return None
    with ReadableJournal(path) as file:
        runs = {run.number: run for run in Runs(file).all()}
        if not runs:
            return None
        accounts = Accounts(file)
        seen, deletion = accounts.sightings(key), accounts.deletion(key)
        places = seen or ([deletion.seen] if deletion and deletion.seen else [])
        pages = {place: accounts.page(place) for place in places}
        ends = {place.partition: accounts.end(place.partition) for place in places}
        listings = {place.resource: accounts.listing(place.resource) for place in places}
        rows = file.rows("SELECT resource, reads, identity FROM identities")
        return Memory(
            last=runs[max(runs)],
            runs=runs,
            seen=seen,
            pages={place: asked for place, asked in pages.items() if asked is not None},
            ends={partition: end for partition, end in ends.items() if end is not None},
            listings={name: listing for name, listing in listings.items() if listing is not None},
            absence=accounts.absence(key),
            hold=accounts.hold(key),
            deletion=deletion,
            refusal=accounts.refusal(key),
            identities={name: Identity(reads, names) for name, reads, names in rows},
            near=[] if seen else _near(accounts, key),
        )


def _near(accounts: Accounts, key: EntityKey) -> list[EntityKey]:
    """Return names like one that was never seen: of another blueprint, in other letters, or misspelt."""
    blueprints = accounts.blueprints()
    elsewhere = [EntityKey(name, key.identifier) for name in blueprints]
    found = [other for other in elsewhere if accounts.is_seen(other)]
    for name in dict.fromkeys([key.blueprint, *get_close_matches(key.blueprint, blueprints, n=1)]):
        known = accounts.neighbours(EntityKey(name, key.identifier), _LOOKED_THROUGH)
        alike = [one for one in known if one.casefold() == key.identifier.casefold()]
        near = dict.fromkeys([*alike, *get_close_matches(key.identifier, known, n=_SUGGESTED)])
        found += [EntityKey(name, one) for one in near]
    return list(dict.fromkeys(found))[:_SUGGESTED]


def changed_since(facts: Facts) -> tuple[bool, bool]:
    """Return whether the mapping has come to read its resource, and to name its entities, in another way."""
    origin = facts.memory.origin if facts.memory else None
    if facts.memory is None or origin is None or facts.resource is None:
        return False, False
    before, now = facts.memory.identities.get(origin.resource), identity_of(facts.resource)
    return (False, False) if before is None else (before.reads != now.reads, before.names != now.names)


def path_values(seen: Seen) -> dict[str, str]:
    """Return the path values of the partition that showed it."""
    return cast("dict[str, str]", orjson.loads(seen.path))
