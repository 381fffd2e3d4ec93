"""What the service tells its operator: a line at a time on stderr, as text or as JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from penstock.cli.console import printable

LOGGER: Final = "penstock.service"
_FIELDS: Final = "penstock_fields"


class Log:
    """Writes lines that carry the same fields: the source, the sync."""

    def __init__(self, **fields: str) -> None:
        self._fields = fields
        self._logger = logging.getLogger(LOGGER)

    def bound(self, **fields: str) -> Log:
        """Return a log whose lines carry these fields, too."""
        return Log(**self._fields, **fields)

    def tell(self, text: str, **fields: str | None) -> None:
        """Tell what is as it should be."""
        self._write(logging.INFO, text, fields)

    def caution(self, text: str, **fields: str | None) -> None:
        """Tell what somebody should look at some time."""
        self._write(logging.WARNING, text, fields)

    def alarm(self, text: str, **fields: str | None) -> None:
        """Tell what needs somebody now."""
        self._write(logging.ERROR, text, fields)

    def relay(self, line: str) -> None:
        """Write a line of a sync's process, at the level that its first word says."""
        word = line.partition(":")[0]
        level = {"error": logging.ERROR, "unexpected error": logging.ERROR, "warning": logging.WARNING}
        self._write(level.get(word, logging.INFO), line.removeprefix("warning: ").removeprefix("error: "), {})

    def _write(self, level: int, text: str, fields: Mapping[str, str | None]) -> None:
        known = {name: value for name, value in {**self._fields, **fields}.items() if value is not None}
        self._logger.log(level, "%s", text, extra={_FIELDS: known})


class TextFormatter(logging.Formatter):
    """``2026-01-01 12:00:00.000 | INFO    | message | source=hr``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, str] = getattr(record, _FIELDS, {})
        parts = [f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}", f"{record.levelname:<7}"]
        parts += [printable(_message(record)), *(f"{name}={value}" for name, value in fields.items())]
        return " | ".join(parts)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (RFC 3339, UTC), ``level``, ``message`` and what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = getattr(record, _FIELDS, {})
        line = {"time": moment, "level": record.levelname.lower(), "message": _message(record), **fields}
        return orjson.dumps(line).decode()


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return text


FORMATTERS: Final[Mapping[str, type[logging.Formatter]]] = {"text": TextFormatter, "json": JsonFormatter}
