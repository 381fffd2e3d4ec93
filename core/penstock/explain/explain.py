"""Put together what is known of an entity, without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from penstock.config.models import Settings
from penstock.config.places import Place
from penstock.explain.facts import Facts, gather, path_values
from penstock.explain.reread import Answer, Reread, request_of, reread
from penstock.explain.verdict import Verdict, judge
from penstock.journal import Asked, Run, Seen
from penstock.redaction import Redactor, Secrets
from penstock.sync.preview import redacted_entity
from penstock.sync.requests import canonical
from penstock.sync.resources import kind_of
from penstock.sync.transform.trace import Step
from penstock.values import JSON, UNSET, Entity, EntityKey

_FIXED = ("title", "icon", "team")


class Origin(Struct, frozen=True):
    """Where a run saw it."""

    number: int
    """Of the run, in the journal."""
    run: Run | None
    """None where nothing else is remembered of it."""
    kind: str
    path_values: Mapping[str, str]
    page: int
    """From 1."""
    url: str
    """Empty where it is not remembered."""


class Written(Struct, frozen=True):
    """An expression, what it gave, and where it is written."""

    step: Step
    place: Place | None


class Differing(Struct, frozen=True):
    """A field in which the catalog has something else than the record gives."""

    field: str
    catalog: JSON
    record: JSON


class Explanation(Struct, frozen=True):
    """All that is known of one entity."""

    key: EntityKey
    source: str
    place: str
    """What to call the catalog."""
    verdict: Verdict
    owner: str
    """The source that owns it in the catalog; empty where the sink cannot tell, or it is not there."""
    held: Entity | None
    """What the catalog has."""
    origins: Sequence[Origin]
    """Where it was seen, the newest first."""
    answer: Answer | None
    """What the page that showed it last answers now."""
    unasked: str
    """Why there is no answer; empty where there is one."""
    expressions: Sequence[Written]
    """What gave the fields of the record, in the order of the mapping; the selector first."""
    differing: Sequence[Differing]
    near: Sequence[EntityKey]
    """Names like it that were seen."""

    @property
    def in_catalog(self) -> bool:
        """Whether the catalog has it."""
        return self.held is not None


async def explain(
    settings: Settings,
    secrets: Secrets,
    places: Sequence[Mapping[str, Place]],
    key: EntityKey,
    *,
    place: str,
    offline: bool = False,
) -> Explanation:
    """Explain an entity.

    Args:
        settings: Where to look.
        secrets: What must not be shown; learns what is obtained on the way.
        places: Where the expressions of each resource are written.
        key: The entity.
        place: What to call the catalog.
        offline: Whether to send nothing.

    Raises:
        SinkError: The catalog cannot be read.
        JournalError: The same of the journal.
    """
    facts = await gather(settings, secrets, key)
    again = Reread(why_not="not asked: --offline") if offline else await _again(settings, secrets, facts)
    redact = secrets.redactor
    held, verdict = facts.held.entity if facts.held else None, judge(facts)
    entity = again.answer.found.entity if again.answer and again.answer.found else None
    return Explanation(
        key=key,
        source=facts.source,
        place=redact(place),
        verdict=Verdict(verdict.state, [redact(one) for one in verdict.reasons], [redact(one) for one in verdict.ways]),
        owner=facts.held.source if facts.held else "",
        held=None if held is None else redacted_entity(held, redact),
        origins=list(_origins(facts, redact)),
        answer=again.answer,
        unasked=again.why_not,
        expressions=list(_written(facts, again.answer, places)),
        differing=[] if held is None or entity is None else list(_differing(redacted_entity(held, redact), entity)),
        near=facts.memory.near if facts.memory and facts.held is None else (),
    )


async def _again(settings: Settings, secrets: Secrets, facts: Facts) -> Reread:
    memory = facts.memory
    origin = None if memory is None else memory.origin
    if memory is None or origin is None:
        return Reread(why_not="no run remembers a page that showed it")
    if facts.resource is None:
        return Reread(why_not=f"{kind_of(origin.resource)}, which showed it, is no longer in the mapping")
    asked = request_of(origin, memory.pages)
    if asked is None:
        return Reread(why_not=_forgotten(memory.pages.get(origin)))
    return await reread(settings, secrets, facts.resource, origin, asked, facts.key)


def _forgotten(asked: Asked | None) -> str:
    if asked is not None:
        return "the request for its page was not kept: it held a secret, or asked for changes since the run before"
    return "how its page was asked for is no longer remembered, or was not recorded by an older version"


def _origins(facts: Facts, redact: Redactor) -> Iterator[Origin]:
    memory = facts.memory
    if memory is None:
        return
    places: Sequence[Seen] = memory.seen or ([memory.origin] if memory.origin else [])
    for seen in places:
        asked = memory.pages.get(seen)
        values = {name: redact(value) for name, value in path_values(seen).items()}
        kind, url = redact(kind_of(seen.resource)), asked.url if asked else ""
        yield Origin(seen.run, memory.runs.get(seen.run), kind, values, seen.page + 1, redact(url))


def _written(facts: Facts, answer: Answer | None, places: Sequence[Mapping[str, Place]]) -> Iterator[Written]:
    if answer is None or answer.found is None or facts.resource is None:
        return
    known = places[facts.resource.index]
    for step in (answer.found.selector, *answer.found.steps):
        yield Written(step, known.get(step.path))


def _differing(held: Entity, brought: Entity) -> Iterator[Differing]:
    """Compare what the mapping mentions; the rest is none of its business."""
    pairs: list[tuple[str, JSON, JSON]] = []
    for name in _FIXED:
        before, now = getattr(held, name), getattr(brought, name)
        if now is not UNSET:
            pairs.append((name, None if before is UNSET else before, now))
    pairs += [(f"properties.{name}", held.properties.get(name), value) for name, value in brought.properties.items()]
    pairs += [(f"relations.{name}", held.relations.get(name), value) for name, value in brought.relations.items()]
    for name, before, now in pairs:
        if canonical(before) != canonical(now):  # Python takes 1 for true
            yield Differing(name, before, now)
