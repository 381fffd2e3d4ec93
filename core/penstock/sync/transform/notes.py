"""What is worth telling a person about the items of a page: one message for each thing, however many items share it."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct

from penstock.sync.report import Message

Key = TypeVar("Key")


class _Note(Struct):
    message: str
    example: str
    count: int = 1

    def text(self) -> str:
        example = self.example if self.count == 1 else f"{self.example} and {self.count - 1} more of the page"
        return f"{self.message} ({example})" if example else self.message


class Notes:
    """Collects what happened to the items of one page."""

    def __init__(self) -> None:
        self._errors: dict[str, _Note] = {}
        self._warnings: dict[tuple[str, str], _Note] = {}

    def error(self, where: str, message: str, example: str) -> None:
        """Record why an item could not be judged; the first message of a place stands for all."""
        _add(self._errors, where, message, example)

    def warn(self, where: str, subject: str, message: str, example: str) -> None:
        """Record something odd; the first message of a place and subject stands for all."""
        _add(self._warnings, (where, subject), message, example)

    def warned(self, where: str) -> bool:
        """Whether there is a warning of this place."""
        return any(place == where for place, _ in self._warnings)

    def errors(self) -> list[Message]:
        """Return the errors, one for each place."""
        return [Message(where, note.text()) for where, note in self._errors.items()]

    def new_warnings(self, told: set[tuple[str, str]]) -> list[Message]:
        """Return the warnings that nobody has been told yet, and add them to ``told``."""
        fresh = {key: note for key, note in self._warnings.items() if key not in told}
        told.update(fresh)
        return [Message(where, note.text()) for (where, _), note in fresh.items()]


def _add(notes: dict[Key, _Note], key: Key, message: str, example: str) -> None:
    known = notes.get(key)
    if known is None:
        notes[key] = _Note(message, example)
    else:
        known.count += 1
