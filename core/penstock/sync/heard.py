"""The headers of an answer, as a pagination sees them."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping


class Heard(Mapping[str, str]):
    """The headers of an answer, which know by which names they were asked: a decision may follow from those.

    Args:
        headers: Their look-up ignores case.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.asked: set[str] = set()
        """In lower case."""

    def __getitem__(self, name: str) -> str:
        self.asked.add(name.lower())
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def items(self) -> ItemsView[str, str]:
        """Return all of them, for an expression to choose from: most of them differ every time, and links lead on."""
        self.asked.add("link")
        return self._headers.items()
