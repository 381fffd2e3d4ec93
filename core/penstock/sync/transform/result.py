"""What mapping a page gives."""

from __future__ import annotations

from msgspec import Struct, field

from penstock.sync.report import Message
from penstock.values import Entity


class MappedItems(Struct):
    """What became of the items of a page."""

    entities: list[Entity] = field(default_factory=list[Entity])
    """In the order of their items."""
    fetched: int = 0
    """Raw items."""
    selected: int = 0
    """Items (after ``itemsToParse``) for which the selector was true."""
    filtered: int = 0
    """Items for which it was false."""
    skipped: int = 0
    """Selected items without an identifier or blueprint, and raw items whose ``itemsToParse`` gave no array."""
    failed: int = 0
    """Items that broke an expression they need."""
    errors: list[Message] = field(default_factory=list[Message])
    """Why it is not known what all items should have become; ``where`` is the setting's path."""
    warnings: list[Message] = field(default_factory=list[Message])
    """What is odd and did no harm; a mapper tells each of them once."""
