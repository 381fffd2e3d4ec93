"""Taking secrets out of exceptions and log records."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, cast

_PLAIN_FORMATTER: Final = logging.Formatter()


def scrub(error: BaseException, redact: Callable[[str], str]) -> None:
    """Take secrets out of what an exception says, and those behind it: whoever gets it may log all of them.

    What Python keeps beyond the arguments, such as the title of a group, stays as it is.
    """
    waiting, met = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        one.args = tuple(_scrubbed(argument, redact) for argument in one.args)
        if notes := getattr(one, "__notes__", None):
            notes[:] = map(redact, notes)
        waiting += [each for each in (one.__cause__, one.__context__) if each is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", one).exceptions


def _scrubbed(argument: object, redact: Callable[[str], str]) -> object:
    if isinstance(argument, str):
        return redact(argument)
    shown = repr(argument)
    return argument if redact(shown) == shown else redact(shown)


class RedactingFilter(logging.Filter):
    """Redacts log records: message with its arguments, traceback and stack. Belongs on every handler."""

    def __init__(self, redactor: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it is always kept."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: logging would print them as they are
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self._redact(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _PLAIN_FORMATTER.formatException(record.exc_info)
        record.exc_info = None
        record.exc_text = record.exc_text and self._redact(record.exc_text)
        record.stack_info = record.stack_info and self._redact(record.stack_info)
        return True
