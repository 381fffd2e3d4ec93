"""What a kind has given since its last write began: entities, where they were seen, what is recorded with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from penstock.journal import Account, Progress
from penstock.values import UNSET, Entity

if TYPE_CHECKING:
    from penstock.journal.extents import Stretch
    from penstock.journal.validators import KnownPage

Key: TypeAlias = tuple[str, str]
"""Blueprint and identifier."""
Page: TypeAlias = tuple[int, int]
"""Partition and page."""
Sightings: TypeAlias = dict[Page, dict[Key, None]]
"""Ordered sets, for neighbours are to stay neighbours in the journal."""
Again: TypeAlias = Callable[[Entity, Entity], Entity]
"""What becomes of an entity that comes again before it is written: ``completed`` or ``replaced``."""


def completed(earlier: Entity, later: Entity) -> Entity:
    """Return the earlier one with what the later one has laid over it."""
    return Entity(
        later.blueprint,
        later.identifier,
        earlier.title if later.title is UNSET else later.title,
        earlier.icon if later.icon is UNSET else later.icon,
        earlier.team if later.team is UNSET else later.team,
        {**earlier.properties, **later.properties},
        {**earlier.relations, **later.relations},
        later.search,
    )


def replaced(earlier: Entity, later: Entity) -> Entity:
    """Return the later one."""
    del earlier
    return later


class Gathered(Struct):
    """What is written and recorded together; by partition where nothing else is said."""

    entities: dict[Key, Entity] = field(default_factory=dict[Key, Entity])
    sightings: Sightings = field(default_factory=dict[Page, dict[Key, None]])
    count: int = 0
    """Sightings, those of one entity twice on a page included."""
    progress: dict[int, Progress] = field(default_factory=dict[int, Progress])
    """How far it will have been read once the entities are written."""
    stretches: dict[int, Stretch] = field(default_factory=dict[int, "Stretch"])
    marks: dict[int, tuple[int | None, int | None]] = field(default_factory=dict[int, tuple[int | None, int | None]])
    known: dict[Page, KnownPage] = field(default_factory=dict[Page, "KnownPage"])
    confirmed: set[Page] = field(default_factory=set[Page])
    """Pages that have not changed since an earlier run delivered them."""
    account: Account = field(default_factory=Account)

    def put(self, keys: Sequence[Key], entities: Sequence[Entity], again: Again) -> None:
        """Take entities in; ``again`` makes one of two with the same key, as two writes would."""
        known = self.entities
        if known.keys().isdisjoint(keys) and len(set(keys)) == len(keys):
            known.update(zip(keys, entities, strict=True))
            return
        for key, entity in zip(keys, entities, strict=True):
            known[key] = again(known[key], entity) if key in known else entity

    def see(self, keys: Sequence[Key], page: Page) -> None:
        """Have entities seen on a page."""
        self.count += len(keys)
        self.sightings.setdefault(page, {}).update(dict.fromkeys(keys))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write, and nothing that cannot wait for the next write."""
        return not (self.entities or self.progress or self.sightings or self.account.ends)

    @property
    def searches(self) -> bool:
        """Whether it holds an entity of which only the sink can tell the key."""
        return any(entity.search is not None for entity in self.entities.values())
