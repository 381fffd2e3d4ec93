"""``selector.incremental``: how a source is asked for what has changed, and how often for everything."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from penstock.config.durations import seconds_of
from penstock.config.models import Model
from penstock.errors import did_you_mean

FORMATS: Final = ("iso8601", "epoch", "epoch_ms")
_RUNS: Final = re.compile(r"(\d{1,9})\s*runs?", re.ASCII)
_LOOKBACK: Final = 300.0
_DAY: Final = 86_400.0
_SAMPLE: Final = datetime(2001, 2, 3, 16, 5, 6, tzinfo=UTC)


class Every(NamedTuple):
    """How often everything is read: so long after the last time, or every so many runs."""

    seconds: float | None = None
    runs: int | None = None


class Incremental(Model):
    """How to ask for what has changed since the last complete read."""

    field: str = Field(description="jq: when a record was changed, as the source says it: `.updated_at`")
    param: str | None = Field(
        default=None,
        min_length=1,
        description="query parameter that asks for what was changed since then; either this or `request`",
    )
    request: str | None = Field(
        default=None,
        description="where a parameter will not do: jq on the moment, written as `format` says, that gives an object "
        "with any of params, body and headers; they replace those of the request",
    )
    format: str = Field(
        default="iso8601",
        description="how the moment is written: iso8601 (2026-01-31T12:00:00Z), epoch (seconds), epoch_ms, or a "
        "strftime pattern such as %Y/%m/%d %H:%M",
    )
    timezone: str = Field(
        default="UTC",
        description="name of the zone, such as Europe/Oslo, of times without an offset, and of those that a pattern "
        "writes",
    )
    lookback: str | None = Field(
        default=None,
        description="how much earlier than the last change that was seen to begin, such as 90s or 1h; by default 5m, "
        "and 1d for a pattern without hours",
    )
    full_every: str = Field(
        default="1d",
        description="how often everything is read, and what is gone deleted: a duration such as 12h, or `20 runs`",
    )

    @field_validator("format")
    @classmethod
    def _check_format(cls, text: str) -> str:
        if "%" in text:
            _check_pattern(text)
        elif text not in FORMATS:
            message = f"expected one of {', '.join(FORMATS)} or a strftime pattern{did_you_mean(text, FORMATS)}"
            raise ValueError(message)
        return text

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, text: str) -> str:
        if text != "UTC":
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - few need another zone

            try:
                ZoneInfo(text)
            except (ValueError, OSError, LookupError) as error:
                message = f'this machine knows no time zone "{text}"; the names are those of IANA, such as Europe/Oslo'
                raise ValueError(message) from error
        return text

    @field_validator("lookback")
    @classmethod
    def _check_lookback(cls, text: str | None) -> str | None:
        if text is not None:
            seconds_of(text)
        return text

    @field_validator("full_every")
    @classmethod
    def _check_full_every(cls, text: str) -> str:
        every = _every(text)
        if not (every.seconds or every.runs):
            message = "must be more than nothing"
            raise ValueError(message)
        return text

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.param is None) == (self.request is None):
            message = "needs either param or request: where the moment is put"
            raise ValueError(message)
        return self

    @cached_property
    def lookback_seconds(self) -> float:
        """By how much the moment is put back; by default at least as much as the format cannot say."""
        if self.lookback is not None:
            return seconds_of(self.lookback)
        return _LOOKBACK if _tells_hours(self.format) else _DAY

    @cached_property
    def every(self) -> Every:
        """How often everything is read."""
        return _every(self.full_every)


def _every(text: str) -> Every:
    runs = _RUNS.fullmatch(text.strip())
    if runs:
        return Every(runs=int(runs[1]))
    try:
        return Every(seconds=seconds_of(text))
    except ValueError:
        message = "expected a duration, such as 12h or 1d, or a number of runs, such as `20 runs`"
        raise ValueError(message) from None


def _check_pattern(pattern: str) -> None:
    try:
        read = datetime.strptime(_SAMPLE.strftime(pattern), pattern)  # noqa: DTZ007 - some patterns have no zone
    except ValueError as error:
        message = "what this strftime pattern writes cannot be read back"
        raise ValueError(message) from error
    if read.date() != _SAMPLE.date():
        message = "this strftime pattern does not tell the day"
        raise ValueError(message)


def _tells_hours(written: str) -> bool:
    if "%" not in written:
        return True
    return _SAMPLE.strftime(written) != _SAMPLE.replace(hour=1).strftime(written)
