"""Where the records of a discovery answer are when nobody says it (mapping.md section 3.4)."""

from __future__ import annotations

from msgspec import Struct

from penstock.errors import ExpressionRuntimeError
from penstock.expressions import Expression
from penstock.sync.refusals import WORDS_OF_ERRORS
from penstock.sync.transform import source_path
from penstock.values import JSON


class ParentList(Struct):
    """Finds the one list in the answers to a request that is an object, unless the object itself is the record."""

    field: Expression
    """What names a parent."""
    _member: str = ""
    """Under which the list stood in an answer that left no doubt; empty until there was one."""

    def find(self, document: dict[str, JSON]) -> list[JSON] | None:
        """Return the list; None where the object itself is to be taken for the record.

        An empty list looks like any other. It is taken for the list, and so for the proof that there are no parents,
        only where a fuller answer had its list there, or where nothing else in the answer can be meant.
        """
        arrays = {name: value for name, value in document.items() if isinstance(value, list)}
        filled = [name for name, array in arrays.items() if array and all(isinstance(one, dict) for one in array)]
        if self._member in arrays and filled in ([], [self._member]):
            return arrays[self._member]
        if len(filled) == 1 and (len(arrays) == 1 or filled[0] not in WORDS_OF_ERRORS):
            self._member = filled[0]
            return arrays[self._member]
        if arrays.keys() <= WORDS_OF_ERRORS or _has_filled_array(document) or self._names(document):
            return None
        return []

    def _names(self, document: dict[str, JSON]) -> bool:
        """Whether the object has what the field looks for."""
        try:
            return self.field.first(document) is not None
        except ExpressionRuntimeError:  # of null, or of something that it did find
            start = source_path(self.field.text)[:1]
            return not start or document.get(start[0]) is not None


def _has_filled_array(document: dict[str, JSON]) -> bool:
    waiting: list[JSON] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list) and value:
            return True
    return False
