"""The values that the stages and the plugins hand each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final, Literal, NamedTuple, TypeAlias, cast

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A decoded JSON document; integers keep every digit."""

QueryValue: TypeAlias = "bool | int | float | str | list[bool | int | float | str | None] | None"
"""A query parameter: null becomes an empty value, a list a repeated key."""


class Unset(Enum):
    """The type of ``UNSET``."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""A field that the mapping does not mention; unlike null, it leaves what the catalog has."""


class StopReason(StrEnum):
    """Why the read of a partition ended. The list is closed; reports use these words."""

    SINGLE_REQUEST = "single_request"
    """There is one page only, by configuration."""
    NO_MORE = "no_more"
    """The answer says that nothing follows."""
    NO_HINT = "no_hint"
    """The answer is one record and says nothing of another page."""
    EMPTY_PAGE = "empty_page"
    SHORT_PAGE = "short_page"
    """Fewer items than were asked for."""
    TOTAL_REACHED = "total_reached"
    NO_CURSOR = "no_cursor"
    NO_LINK = "no_link"
    STOP_CONDITION = "stop_condition"
    """The ``stop`` expression of ``paginationType: custom`` held."""
    NO_PARENTS = "no_parents"
    """The discovery of a path parameter was complete and found no value."""

    REPEATED_PAGE = "repeated_page"
    REPEATED_REQUEST = "repeated_request"
    """A cursor, link or page that was asked for before."""
    MISSING_CURSOR = "missing_cursor"
    """The answer says that more follows and does not say where."""
    EMPTY_PAGES = "empty_pages"
    """Too many empty pages in a row that all promise more."""
    PAGE_LIMIT = "page_limit"
    FOREIGN_LINK = "foreign_link"
    """The next link leads to an origin that is not allowed."""
    REQUEST_FAILED = "request_failed"
    """No answer, or an error status, after the retries."""
    AUTH_FAILED = "auth_failed"
    """Credentials were refused (401, 403) or could not be obtained."""
    UNREADABLE_ANSWER = "unreadable_answer"
    """Not JSON, truncated, or larger than the limit."""
    ERROR_ANSWER = "error_answer"
    """A 2xx answer whose body says that the request failed."""
    NOTHING_MATCHED = "nothing_matched"
    """The data path found nothing, not even an empty list."""
    UNEXPECTED_ITEMS = "unexpected_items"
    """The data path failed, or gave things that are no objects."""
    EXPRESSION_FAILED = "expression_failed"
    PLUGIN_FAILED = "plugin_failed"
    PARENT_FAILED = "parent_failed"
    """The discovery of a path parameter was incomplete."""
    QUOTA = "quota"
    """The source asks to wait longer than ``maxRetryWait`` allows: nothing more was requested of it."""
    INTERRUPTED = "interrupted"

    @property
    def complete(self) -> bool:
        """Whether a read that ended so has proven that there is nothing more."""
        return self in _COMPLETE


_COMPLETE: Final = frozenset(
    {
        StopReason.SINGLE_REQUEST,
        StopReason.NO_MORE,
        StopReason.NO_HINT,
        StopReason.EMPTY_PAGE,
        StopReason.SHORT_PAGE,
        StopReason.TOTAL_REACHED,
        StopReason.NO_CURSOR,
        StopReason.NO_LINK,
        StopReason.STOP_CONDITION,
        StopReason.NO_PARENTS,
    }
)


class Stop(NamedTuple):
    """A pagination's decision that no further page is to be asked for."""

    reason: StopReason
    detail: str = ""
    """For a person: what was seen and, where it is an error, which setting mends it."""
    warning: bool = False
    """Whether ``detail`` deserves a warning although the read counts as complete."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How one page differs from the partition's base request.

    Two requests with equal ``params``, ``body`` and ``url`` ask for the same page: core ends a read that asks twice.
    """

    params: Mapping[str, QueryValue] = field(default_factory=dict[str, QueryValue])
    """Query parameters that replace those of the same name."""
    body: Mapping[str, JSON] = field(default_factory=dict[str, JSON])
    """Top-level members that replace those of the request's JSON body."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers that replace those of the same name."""
    url: str | None = None
    """A link that replaces path and query whole; relative ones resolve against the page's own URL."""
    state: JSON = None
    """What the pagination needs to know when this page has come: kept by core, written to checkpoints as JSON."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the source, read and decoded."""

    request: PageRequest
    url: str
    """The URL that answered, after redirects."""
    status: int
    headers: Mapping[str, str]
    """Response headers; look-up ignores case."""
    body: JSON
    """The whole document; null for an empty answer (204)."""
    items: Sequence[JSON] | None
    """What the data path gave; None where the document itself is the one record."""
    index: int = 0
    """0 for the partition's first page."""
    repeats_previous: bool = False
    """Whether the items equal those of the page before, or of the first one, and there is at least one."""

    def to_json(self) -> JSON:
        """Return the page as expressions about pages see it.

        That is ``{request: {params, body, headers, url, state}, response: {status, headers, body}, items, page}``:
        ``request`` is what was asked for beyond the resource's own request, header names are in lower case, ``items``
        is what the data path gave (null where the document itself is the one record), ``page`` counts from 0.
        """
        asked = self.request
        request: dict[str, JSON] = {
            "params": cast("dict[str, JSON]", dict(asked.params)),
            "body": dict(asked.body),
            "headers": dict[str, JSON](asked.headers),
            "url": asked.url,
            "state": asked.state,
        }
        response: dict[str, JSON] = {
            "status": self.status,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body,
        }
        items = None if self.items is None else list(self.items)
        return {"request": request, "response": response, "items": items, "page": self.index}


@dataclass(slots=True)
class Entity:
    """One record as the catalog is to have it; only mapped properties and relations are present."""

    blueprint: str
    identifier: str
    title: str | Unset | None = UNSET
    icon: str | Unset | None = UNSET
    team: JSON | Unset = UNSET
    """Text, a list of text, or a search query."""
    properties: dict[str, JSON] = field(default_factory=dict[str, JSON])
    relations: dict[str, JSON] = field(default_factory=dict[str, JSON])
    """Text, a list of text, null, or a search query, by relation name."""
    search: dict[str, JSON] | None = None
    """A search query that names it; ``identifier`` is then its JSON, until the sink tells what the catalog calls it."""


class EntityKey(NamedTuple):
    """What names an entity in a catalog."""

    blueprint: str
    identifier: str


class EntityBatch(NamedTuple):
    """Entities of one kind on their way to a sink; no key comes twice within one batch."""

    kind: str
    entities: Sequence[Entity]


OutcomeKind: TypeAlias = Literal["created", "updated", "unchanged", "deleted", "absent", "refused", "deferred"]


class Outcome(NamedTuple):
    """What became of one entity in a sink."""

    kind: OutcomeKind
    reason: str = ""
    """Why it was refused."""
    identifier: str = ""
    """What the catalog calls it, where it was named by a search query."""


CREATED: Final = Outcome("created")
UPDATED: Final = Outcome("updated")
UNCHANGED: Final = Outcome("unchanged")
DELETED: Final = Outcome("deleted")
ABSENT: Final = Outcome("absent")
"""To be deleted, and not there any more; or to be written, and its search query finds nothing."""
DEFERRED: Final = Outcome("deferred")
"""Not written yet, for something else has to be there first: what became of it is told by ``Sink.settle``."""


class Settled(NamedTuple):
    """What became, in the end, of an entity whose outcome was deferred."""

    kind: str
    """The kind that brought it."""
    blueprint: str
    identifier: str
    outcome: Outcome


class WriteFlags(NamedTuple):
    """What the top of a mapping says of writing (mapping.md section 2); each sink heeds what it can."""

    create_missing_related_entities: bool = True
    """Whether bare entities are made for the targets of relations that are missing."""
    delete_dependent_entities: bool = True
    """Whether deleting an entity deletes those that require it."""
    enable_merge_entity: bool = True
    """Whether what a mapping does not mention stays as it is; false replaces the entity."""


NewsState: TypeAlias = Literal["pending", "running", "completed", "failed", "aborted"]


class KindNews(NamedTuple):
    """How one kind of a run goes; all numbers but ``seconds`` are counts."""

    kind: str
    state: NewsState
    fetched: int = 0
    """Raw items."""
    selected: int = 0
    """Items for which the selector was true."""
    filtered: int = 0
    """Items for which it was false."""
    failed: int = 0
    """Items that could not be mapped."""
    written: int = 0
    """Entities that were created or updated."""
    unchanged: int = 0
    refused: int = 0
    """Entities that the sink refused."""
    deleted: int = 0
    seconds: float = 0.0
    errors: Sequence[str] = ()
    """What the report says of it, the first ones only: where, and what; no secrets."""
    warnings: Sequence[str] = ()
    """The same of what was odd."""
    blueprints: Sequence[str] = ()
    """What the mapping writes as the blueprint of its entities, as jq, each text once; no secrets."""
    place: int = 0
    """Where it is in the mapping, from 0, also where a run reads only some of it."""


RemarkLevel: TypeAlias = Literal["error", "warning"]


class Remark(NamedTuple):
    """Something that the report of a run says of one of its kinds, or why there is none."""

    kind: str
    """Empty where it is about no kind."""
    place: int
    """Where that is in the mapping, from 0, as in ``KindNews``."""
    level: RemarkLevel
    text: str
    """Where, and what; no secrets."""


class Timetable(NamedTuple):
    """When syncs of a source are due."""

    interval: timedelta
    """Between the starts of two of them."""
    due: datetime
    """When the next one begins; aware, UTC."""

    def after(self, moment: datetime) -> Timetable:
        """Return it as it is after a moment: what was due until then is over."""
        slept_through = max((moment - self.due) // self.interval + 1, 0)
        return self._replace(due=self.due + slept_through * self.interval)


class RunNews(NamedTuple):
    """How a run goes."""

    state: NewsState
    started_at: datetime
    """Aware, UTC."""
    seconds: float
    """How long it has taken by now."""
    kinds: Sequence[KindNews]
    """One for each resource, in the mapping's order."""
    timetable: Timetable | None = None
    """When the next one is due; None where nobody has made a schedule."""


class OwnedEntity(NamedTuple):
    """An entity that a sink holds for this source."""

    kind: str
    """The kind that wrote it last; empty when the sink cannot tell."""
    blueprint: str
    identifier: str


class Ownership(NamedTuple):
    """By what a catalog tells the entities of one source from those of others."""

    catalog: str
    """Tells catalogs apart; shown to nobody."""
    name: str
    """Whose the entities are, in that catalog's words."""
    setting: str
    """Where a configuration gives another one."""


class HeldEntity(NamedTuple):
    """An entity as a sink holds it, whoever owns it."""

    source: str
    """Who owns it; empty when the sink cannot tell."""
    kind: str
    """The kind that wrote it last; empty when the sink cannot tell."""
    entity: Entity


@dataclass(frozen=True, slots=True)
class Token:
    """What an authorization server granted, as it is kept between runs."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: float | None = None
    """Seconds since the epoch; None when the server did not say."""
    scope: str = ""
    """As granted; empty when the server did not say."""


class SyncRequest(NamedTuple):
    """Somebody asks for a sync at the catalog."""

    why: str
    """For a person: what they did."""


class Silence(NamedTuple):
    """Whether somebody asks for a sync cannot be told, or can be again."""

    why: str
    """For a person; empty: it can be again."""
