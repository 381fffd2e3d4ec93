"""What our own sinks promise beyond the kit: what they say of what cannot be kept, and where chunks end."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import pytest

from penstock import JSON, Entity, EntityBatch, OwnedEntity, Sink
from penstock.errors import SinkError
from support.catalogs import Catalog, all_entities, all_owned, keys, user

FULL = Entity(
    blueprint="user",
    identifier="ada",
    title="Ada Lovelace",
    icon="Person",
    team=["core", "maths"],
    properties={"email": "ada@acme.test", "age": 36, "admin": True, "score": 1.5, "manager": None, "tags": ["a", "b"]},
    relations={"team": "core", "projects": ["engine", "notes"], "lead": None},
)


def test_nested_members_in_another_order_are_no_change(catalog: Catalog) -> None:
    catalog.write(Entity("user", "ada", team={"x": 1, "y": 2}, properties={"at": {"x": 1, "y": {"a": 1, "b": 2}}}))

    reordered = Entity("user", "ada", team={"y": 2, "x": 1}, properties={"at": {"y": {"b": 2, "a": 1}, "x": 1}})
    assert catalog.outcomes(reordered) == ["unchanged"]


def _deep(levels: int) -> JSON:
    value: JSON = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        (Entity("", "bad"), "blueprint is empty"),
        (Entity("user", ""), "identifier is empty"),
        (Entity("us\0er", "bad"), "blueprint has a NUL character"),
        (Entity("user", "b\0ad"), "identifier has a NUL character"),
        (Entity("user", "bad\ud800"), "identifier has half of a surrogate pair, which is no Unicode text"),
        (Entity("user\udfff", "bad"), "blueprint has half of a surrogate pair, which is no Unicode text"),
        (Entity("user", "bad", title="\ud83d"), "title has half of a surrogate pair, which is no Unicode text"),
        (Entity("user", "bad", icon="\0"), "icon has a NUL character"),
        (Entity("user", "bad", team=["a", "\0"]), "team has a NUL character"),
        (user("bad", email="a\0b"), "properties.email has a NUL character"),
        (user("bad", tags=["é", ["\ud800"]]), "properties.tags has half of a surrogate pair, which is no Unicode text"),
        (user("bad", at={"n\0": 1}), "properties.at: a name has a NUL character"),
        (user("bad", **{"n\ud800": 1}), "properties: a name has half of a surrogate pair, which is no Unicode text"),
        (user("bad", score=math.nan), "properties.score is nan, for which JSON has no number"),
        (
            user("bad", no=None, scores=[1.0, [{"a": -math.inf}]]),
            "properties.scores is -inf, for which JSON has no number",
        ),
        (user("bad", deep=_deep(254)), "properties is nested more than 254 levels deep"),
        (user("bad", deep=_deep(100_000)), "properties is nested more than 254 levels deep"),
        (Entity("user", "bad", relations={"team": math.inf}), "relations.team is inf, for which JSON has no number"),
        (Entity("user", cast("Any", 7)), "identifier is not text but int"),
        (Entity(cast("Any", None), "bad"), "blueprint is not text but NoneType"),
        (Entity("user", "bad", title=cast("Any", ["x"])), "title is not text but list"),
        (user("bad", when=cast("Any", b"x")), "properties.when is no JSON value but bytes"),
        (Entity("user", "bad", properties=cast("Any", {1: 2})), "properties: a name is not text but int"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_the_rest_of_the_batch_goes_on(
    catalog: Catalog, entity: Entity, reason: str
) -> None:
    before, refused, after = catalog.write(user("a"), entity, user("z"))

    assert (before.kind, after.kind) == ("created", "created")
    assert (refused.kind, refused.reason) == ("refused", reason)
    assert keys(catalog.entities()) == [("user", "a"), ("user", "z")]


def test_as_deep_as_it_may_be_is_kept(catalog: Catalog) -> None:
    entity = user("ada", deep=_deep(253), no=None, big=10**30)

    assert catalog.outcomes(entity) == ["created"]
    assert catalog.only().properties == entity.properties


def test_an_integer_with_too_many_digits_is_refused(catalog: Catalog) -> None:
    [outcome] = catalog.write(user("ada", big=10**5000))

    assert outcome.kind == "refused"
    assert outcome.reason.startswith("properties: ")
    assert catalog.entities() == []


def test_an_entity_of_another_source_is_refused_and_stays(catalog: Catalog) -> None:
    catalog.write(FULL, source="theirs")

    [written] = catalog.write(replace(FULL, title="Ours now"))
    [deleted] = catalog.delete(("user", "ada"))

    assert (written.kind, written.reason) == ("refused", 'it belongs to the source "theirs"')
    assert (deleted.kind, deleted.reason) == ("refused", 'it belongs to the source "theirs"')
    assert catalog.only() == FULL
    assert catalog.owned() == []
    assert catalog.owned("theirs") == [OwnedEntity("/users", "user", "ada")]


def test_delete_tells_what_became_of_each_key(catalog: Catalog) -> None:
    catalog.write(user("a"), user("b"), Entity("team", "a"))
    catalog.write(user("c"), source="theirs")

    keys_ = [
        ("user", "b"),
        ("user", "nobody"),
        ("user", "c"),
        ("team", "a"),
        ("user", "b"),
        ("user", "\ud800"),
        ("", ""),
    ]
    outcomes = catalog.delete(*keys_)

    assert [outcome.kind for outcome in outcomes] == [
        "deleted", "absent", "refused", "deleted", "absent", "absent", "absent",
    ]  # fmt: skip
    assert keys(catalog.entities()) == [("user", "a"), ("user", "c")]


def test_the_kind_that_wrote_last_is_known_even_when_nothing_changed(catalog: Catalog) -> None:
    catalog.write(FULL, kind="/users")
    assert catalog.outcomes(FULL, kind="/people") == ["unchanged"]
    assert catalog.owned() == [OwnedEntity("/people", "user", "ada")]

    catalog.write(user("ada", age=37), kind="/staff")
    assert catalog.owned() == [OwnedEntity("/staff", "user", "ada")]


@pytest.mark.parametrize("count", [1, 999, 1_000, 1_001, 2_000])
def test_no_entity_is_lost_between_chunks(catalog: Catalog, count: int) -> None:
    expected = [("user", f"{number:04}") for number in range(count)]

    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [Entity(*key) for key in expected]))
        assert keys(await all_owned(sink)) == expected
        assert keys(await all_entities(sink)) == expected
        assert keys(await all_entities(sink, "user")) == expected

    catalog.run(use)


def test_opening_a_strategy_touches_nothing_before_it_is_entered(catalog: Catalog) -> None:
    catalog.sink()

    assert not catalog.path.exists()


def test_a_folder_that_does_not_exist_is_an_error(catalog: Catalog) -> None:
    lost = Catalog(catalog.strategy, catalog.path / "no" / "where")

    with pytest.raises(SinkError, match=r"no/where: cannot open the catalog: there is no folder .*/no$"):
        lost.write(FULL)
    assert not catalog.path.exists()


def test_it_is_known_whether_there_is_a_catalog_to_read(catalog: Catalog) -> None:
    config = catalog.strategy.Config.model_validate({"path": catalog.path})
    assert not catalog.strategy.exists(config)

    catalog.write()

    assert catalog.strategy.exists(config)
