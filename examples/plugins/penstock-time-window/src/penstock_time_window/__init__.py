"""``paginationType: time_window``: one window of time after the other, until the time of the first answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from penstock import Page, PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl
from pydantic import AwareDatetime, Field


class TimeWindowConfig(PluginConfig):
    """Settings of ``paginationType: time_window``."""

    window_start: AwareDatetime = Field(description="where the first window begins: 2026-01-01T00:00:00Z")
    window_end: AwareDatetime | None = Field(
        default=None, description="where the last window ends; by default the Date header of the first answer"
    )
    window_hours: float = Field(default=24, gt=0, description="how long a window is")
    window_from_param: str = Field(default="from", min_length=1, description="parameter for the start of a window")
    window_to_param: str = Field(default="to", min_length=1, description="parameter for its end, which it excludes")
    window_limit: int | None = Field(
        default=None, ge=1, description="how many records the API gives at most; a window with as many may hold more"
    )


class _Window(NamedTuple):
    """A window of time, and where the read ends; as it is kept in the state of a request."""

    start: datetime
    end: datetime
    until: datetime | None
    """None as long as nobody knows: before the first answer."""

    def request(self, config: TimeWindowConfig) -> PageRequest:
        return PageRequest(
            params={config.window_from_param: _text(self.start), config.window_to_param: _text(self.end)},
            state={
                "start": _text(self.start),
                "end": _text(self.end),
                "until": None if self.until is None else _text(self.until),
            },
        )

    def after(self, config: TimeWindowConfig, until: datetime, steps: int = 1) -> _Window | None:
        """Return the window so many steps later; None beyond the end."""
        length = timedelta(hours=config.window_hours)
        start = self.end + length * (steps - 1)
        return _Window(start, min(start + length, until), until) if start < until else None


class TimeWindow(PaginationStrategy[TimeWindowConfig]):
    """``from=...&to=...`` for each window, without gaps; there is no clock in it."""

    name = "time_window"
    Config = TimeWindowConfig

    def first(self, config: TimeWindowConfig) -> PageRequest:
        """Ask for the first window."""
        end = config.window_start + timedelta(hours=config.window_hours)
        return _Window(config.window_start, end, config.window_end).request(config)

    def next(self, config: TimeWindowConfig, page: Page) -> PageRequest | Stop:
        """Ask for the window after this one."""
        if page.items is None:
            return Stop(StopReason.NOTHING_MATCHED, "the answer is no list; set data_path to where the records are")
        if page.repeats_previous:
            params = f'"{config.window_from_param}" and "{config.window_to_param}"'
            detail = f"the API ignores {params}; set windowFromParam and windowToParam"
            return Stop(StopReason.REPEATED_PAGE, detail)
        if config.window_limit is not None and len(page.items) >= config.window_limit:
            detail = f"a window holds {len(page.items)} records, as many as the API gives; set windowHours lower"
            return Stop(StopReason.MISSING_CURSOR, detail)
        until = _until(page)
        if until is None:
            return Stop(StopReason.MISSING_CURSOR, "the answer has no Date header to end at; set windowEnd")
        following = _asked(page).after(config, until)
        return Stop(StopReason.NO_MORE) if following is None else following.request(config)

    def ahead(self, config: TimeWindowConfig, page: Page, steps: int) -> PageRequest | None:
        """Guess that the windows between hold nothing that ends the read."""
        until = _until(page)
        window = None if until is None else _asked(page).after(config, until, steps)
        return None if window is None else window.request(config)


def _asked(page: Page) -> _Window:
    """Return the window that was asked for."""
    state = page.request.state
    if not isinstance(state, dict):
        raise TypeError("the request of a page is not one of ours")
    start, end, until = (state[name] for name in ("start", "end", "until"))
    known = None if until is None else datetime.fromisoformat(str(until))
    return _Window(datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end)), known)


def _until(page: Page) -> datetime | None:
    """Return where the read ends: as was settled by the first answer, or as this one says."""
    settled = _asked(page).until
    if settled is not None:
        return settled
    try:
        said = parsedate_to_datetime(page.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return said if said.tzinfo is not None else said.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@hookimpl
def penstock_pagination() -> TimeWindow:
    """Offer it."""
    return TimeWindow()
