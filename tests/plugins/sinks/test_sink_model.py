"""Sinks against a dictionary: whatever is written, deleted and reopened, in any order, both hold the same."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock import JSON, UNSET, Entity, EntityBatch, EntityKey, OwnedEntity, Sink, SinkStrategy
from penstock_sinks.jsonl import Jsonl
from penstock_sinks.sqlite import Sqlite
from support.catalogs import Catalog, all_entities, all_owned

BLUEPRINTS = st.sampled_from(["user", "User", "entities", "a/b"])
IDENTIFIERS = st.sampled_from(["a", "b", "Z", "ä", "\U00010000", "\uffff", "a b"])
NAMES = st.sampled_from(["title", "x", "X", 'q"', "ü"])
SCALARS: st.SearchStrategy[JSON] = st.sampled_from(
    [None, True, False, 0, 1, 1.0, "", "1", "ü", 2**53 + 1, 10**25, 10**25 + 1]
)
VALUES: st.SearchStrategy[JSON] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)
TEXTS = st.sampled_from([UNSET, None, "", "t", "ü"])
ENTITIES = st.builds(
    Entity,
    BLUEPRINTS,
    IDENTIFIERS,
    title=TEXTS,
    icon=TEXTS,
    team=st.just(UNSET) | VALUES,
    properties=st.dictionaries(NAMES, VALUES, max_size=4),
    relations=st.dictionaries(NAMES, VALUES, max_size=2),
)
BATCHES = st.lists(ENTITIES, max_size=6, unique_by=lambda entity: (entity.blueprint, entity.identifier))
KEYS = st.builds(EntityKey, BLUEPRINTS, IDENTIFIERS)


@dataclass
class Held:
    """An entity as the model has it."""

    source: str
    kind: str
    entity: Entity

    def lay_over(self, new: Entity) -> bool:
        """Take in what is mentioned, and return whether that changes anything."""
        old, before = self.entity, exact(self.entity)
        self.entity = Entity(
            old.blueprint,
            old.identifier,
            old.title if new.title is UNSET else new.title,
            old.icon if new.icon is UNSET else new.icon,
            old.team if new.team is UNSET else new.team,
            {**old.properties, **new.properties},
            {**old.relations, **new.relations},
        )
        return exact(self.entity) != before


def exact(entity: Entity) -> str:
    """Return a text that is the same for the same JSON only: Python takes 1 for true."""
    content = [entity.blueprint, entity.identifier, entity.title, entity.icon, entity.team]
    return json.dumps([*content, entity.properties, entity.relations], sort_keys=True)


class SinkMachine(RuleBasedStateMachine):
    """One catalog, used by two sources in turn."""

    strategy: SinkStrategy[Any]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.catalog = Catalog(self.strategy, Path(self.folder.name) / "catalog")
        self.runner = asyncio.Runner()
        self.model: dict[tuple[str, str], Held] = {}
        self.source = ""
        self.sink: Sink | None = None

    @initialize(source=st.sampled_from(["ours", "theirs"]))
    def enter(self, source: str) -> None:
        self.source = source
        self.sink = self.runner.run(self.catalog.sink(source).__aenter__())

    @rule(source=st.sampled_from(["ours", "theirs"]))
    def reopen(self, source: str) -> None:
        self.leave()
        self.enter(source)

    @rule(kind=st.sampled_from(["/k", "/l"]), entities=BATCHES)
    def write(self, kind: str, entities: Sequence[Entity]) -> None:
        outcomes = self.runner.run(self.opened.write(EntityBatch(kind, entities)))

        assert [outcome.kind for outcome in outcomes] == [self.expected(kind, entity) for entity in entities]

    @rule(keys=st.lists(KEYS, max_size=6))
    def delete(self, keys: Sequence[EntityKey]) -> None:
        outcomes = self.runner.run(self.opened.delete(keys))

        for key, outcome in zip(keys, outcomes, strict=True):
            held = self.model.get((key.blueprint, key.identifier))
            if held is None:
                assert outcome.kind == "absent"
            elif held.source != self.source:
                assert outcome.kind == "refused"
            else:
                assert outcome.kind == "deleted"
                del self.model[key.blueprint, key.identifier]

    @invariant()
    def both_hold_the_same(self) -> None:
        if self.sink is None:
            return
        expected = [held for _, held in sorted(self.model.items(), key=lambda item: item[0])]
        stored = self.runner.run(all_entities(self.sink))
        assert list(map(exact, stored)) == [exact(held.entity) for held in expected]
        assert self.runner.run(all_owned(self.sink)) == [
            OwnedEntity(held.kind, held.entity.blueprint, held.entity.identifier)
            for held in expected
            if held.source == self.source
        ]

    def expected(self, kind: str, entity: Entity) -> str:
        key = (entity.blueprint, entity.identifier)
        if key not in self.model:
            held = self.model[key] = Held(self.source, kind, Entity(*key, title=None, icon=None, team=None))
            held.lay_over(entity)
            return "created"
        held = self.model[key]
        if held.source != self.source:
            return "refused"
        held.kind = kind
        return "updated" if held.lay_over(entity) else "unchanged"

    @property
    def opened(self) -> Sink:
        assert self.sink is not None
        return self.sink

    def leave(self) -> None:
        if self.sink is not None:
            self.runner.run(self.sink.__aexit__(None, None, None))
            self.sink = None

    def teardown(self) -> None:
        self.leave()
        self.runner.close()
        self.folder.cleanup()


class SqliteMachine(SinkMachine):
    strategy = Sqlite()


class JsonlMachine(SinkMachine):
    strategy = Jsonl()


BOUNDED = settings(max_examples=20, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = BOUNDED
TestJsonl = JsonlMachine.TestCase
TestJsonl.settings = BOUNDED
