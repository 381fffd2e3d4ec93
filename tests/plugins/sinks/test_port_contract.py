"""What the port sink has in common with every other, against the stand-in; what Port cannot hold is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock import UNSET, Entity, EntityBatch, EntityKey, Sink
from penstock.values import OutcomeKind
from support.catalogs import keys, user
from support.ported import PortCatalog

FULL = Entity(
    blueprint="user",
    identifier="ada",
    title="Ada Lovelace",
    icon="Person",
    team=["core", "maths"],
    properties={"email": "ada@acme.test", "age": 36, "admin": True, "score": 1.5, "manager": None, "tags": ["a", "b"]},
    relations={"team": "core", "projects": ["engine", "notes"], "lead": None},
)


def test_a_new_entity_is_created_and_read_back_whole(port_catalog: PortCatalog) -> None:
    assert port_catalog.outcomes(FULL) == ["created"]

    assert port_catalog.only() == FULL


def test_writing_the_same_again_changes_nothing(port_catalog: PortCatalog) -> None:
    port_catalog.write(FULL)

    assert port_catalog.outcomes(FULL) == ["unchanged"]
    assert port_catalog.only() == FULL


def test_unset_fields_of_a_new_entity_are_null(port_catalog: PortCatalog) -> None:
    port_catalog.write(Entity("user", "ada"))

    assert port_catalog.only() == Entity("user", "ada", title=None, icon=None, team=None)


def test_outcomes_come_in_the_order_of_the_batch(port_catalog: PortCatalog) -> None:
    port_catalog.write(user("b", age=1), user("d", age=1))
    port_catalog.write(user("f", age=1), source="theirs")

    outcomes = port_catalog.outcomes(user("e"), user("d", age=2), user("f", age=1), user("b", age=1), user("a"))

    assert outcomes == ["created", "updated", "refused", "unchanged", "created"]


def test_an_empty_batch_is_nothing(port_catalog: PortCatalog) -> None:
    assert port_catalog.write() == []
    assert port_catalog.delete() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"title": "Ada"}, replace(FULL, title="Ada")),
        ({"title": None}, replace(FULL, title=None)),
        ({"icon": None}, replace(FULL, icon=None)),
        ({"team": "core"}, replace(FULL, team="core")),
        ({"team": None}, replace(FULL, team=None)),
        ({"properties": {"age": 37}}, replace(FULL, properties={**FULL.properties, "age": 37})),
        ({"properties": {"age": None}}, replace(FULL, properties={**FULL.properties, "age": None})),
        ({"properties": {"city": "Rome"}}, replace(FULL, properties={**FULL.properties, "city": "Rome"})),
        ({"relations": {"team": "x"}}, replace(FULL, relations={**FULL.relations, "team": "x"})),
        ({"relations": {"lead": ["bob"]}}, replace(FULL, relations={**FULL.relations, "lead": ["bob"]})),
    ],
)
def test_what_a_batch_does_not_mention_stays(
    port_catalog: PortCatalog, change: dict[str, Any], expected: Entity
) -> None:
    port_catalog.write(FULL)

    assert port_catalog.outcomes(Entity("user", "ada", **change)) == ["updated"]
    assert port_catalog.only() == expected
    assert port_catalog.outcomes(Entity("user", "ada", **change)) == ["unchanged"]


@pytest.mark.parametrize(
    "mention",
    [
        Entity("user", "ada"),
        Entity("user", "ada", title=UNSET, properties={"age": 36}),
        Entity("user", "ada", properties=dict(reversed(FULL.properties.items()))),
        Entity("user", "ada", relations=dict(reversed(FULL.relations.items()))),
    ],
)
def test_mentioning_less_or_in_another_order_is_no_change(port_catalog: PortCatalog, mention: Entity) -> None:
    port_catalog.write(FULL)

    assert port_catalog.outcomes(mention) == ["unchanged"]
    assert port_catalog.only() == FULL


def test_delete_tells_what_became_of_each_key(port_catalog: PortCatalog) -> None:
    port_catalog.write(user("a"), user("b"), Entity("team", "a"))
    port_catalog.write(user("c"), source="theirs")

    keys_ = [
        ("user", "b"),
        ("user", "nobody"),
        ("user", "c"),
        ("team", "a"),
        ("user", "b"),
        ("user", "\ud800"),
        ("", ""),
    ]
    outcomes = port_catalog.delete(*keys_)

    assert [outcome.kind for outcome in outcomes] == [
        "deleted", "absent", "refused", "deleted", "absent", "absent", "absent",
    ]  # fmt: skip
    assert keys(port_catalog.entities()) == [("user", "a"), ("user", "c")]


def test_what_was_deleted_can_be_created_again_and_keeps_nothing(port_catalog: PortCatalog) -> None:
    port_catalog.write(FULL)
    port_catalog.delete(("user", "ada"))

    assert port_catalog.outcomes(user("ada", age=1)) == ["created"]
    assert port_catalog.only() == Entity("user", "ada", title=None, icon=None, team=None, properties={"age": 1})


def test_a_key_that_was_deleted_is_free_for_another_source(port_catalog: PortCatalog) -> None:
    port_catalog.write(FULL)
    port_catalog.delete(("user", "ada"))

    assert port_catalog.outcomes(FULL, source="theirs") == ["created"]
    assert keys(port_catalog.owned("theirs")) == [("user", "ada")]


def test_batches_of_one_session_see_each_other(port_catalog: PortCatalog) -> None:
    async def use(sink: Sink) -> list[OutcomeKind]:
        batches = [EntityBatch("/users", [user("a", n=1)]), EntityBatch("/users", [user("a", n=1), user("b")])]
        outcomes = [outcome for batch in batches for outcome in await sink.write(batch)]
        outcomes += await sink.delete([EntityKey("user", "a")])
        outcomes += await sink.write(batches[0])
        return [outcome.kind for outcome in outcomes]

    assert port_catalog.run(use) == ["created", "unchanged", "created", "deleted", "created"]


def test_an_iteration_may_be_left_early(port_catalog: PortCatalog) -> None:
    port_catalog.write(*(user(f"{number:04}") for number in range(2_500)))

    async def use(sink: Sink) -> str:
        async for chunk in sink.owned():
            await sink.delete([EntityKey("user", chunk[0].identifier)])
            break
        [outcome] = await sink.write(EntityBatch("/users", [user("0000")]))
        return outcome.kind

    assert port_catalog.run(use) == "created"


def test_what_was_written_before_an_error_of_the_caller_is_kept(port_catalog: PortCatalog) -> None:
    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user("a")]))
        message = "the caller's own"
        raise LookupError(message)

    with pytest.raises(LookupError, match="the caller's own"):
        port_catalog.run(use)

    assert keys(port_catalog.entities()) == [("user", "a")]


def test_a_setting_that_does_not_exist_is_refused(port_catalog: PortCatalog) -> None:
    with pytest.raises(ValueError, match="pth"):
        port_catalog.strategy.Config.model_validate({"pth": "x"})
