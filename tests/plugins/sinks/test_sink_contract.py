"""What every sink promises, whatever it writes to."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import pytest

from penstock import JSON, UNSET, Entity, EntityBatch, EntityKey, OwnedEntity, Sink
from penstock.errors import SinkError
from penstock.values import DELETED, OutcomeKind
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

ODD_NAMES = [
    "entities", "penstock_views", "sqlite_master", "json_each", "select", "a b", 'quo"te', "it's", "back\\slash", "a;b",
    "..", ".", "../up", "a/b", "%41", "Ünïcode", "日本", "🚀", "new\nline", "tab\t", " ", "~", "x" * 500, "ü" * 300,
    "User", "user",
]  # fmt: skip


def test_a_new_entity_is_created_and_read_back_whole(any_catalog: Catalog) -> None:
    assert any_catalog.outcomes(FULL) == ["created"]

    assert any_catalog.only() == FULL


def test_writing_the_same_again_changes_nothing(any_catalog: Catalog) -> None:
    any_catalog.write(FULL)

    assert any_catalog.outcomes(FULL) == ["unchanged"]
    assert any_catalog.only() == FULL


def test_unset_fields_of_a_new_entity_are_null(any_catalog: Catalog) -> None:
    any_catalog.write(Entity("user", "ada"))

    assert any_catalog.only() == Entity("user", "ada", title=None, icon=None, team=None)


def test_outcomes_come_in_the_order_of_the_batch(any_catalog: Catalog) -> None:
    any_catalog.write(user("b", age=1), user("d", age=1))
    any_catalog.write(user("f", age=1), source="theirs")

    outcomes = any_catalog.outcomes(user("e"), user("d", age=2), user("f", age=1), user("b", age=1), user("a"))

    assert outcomes == ["created", "updated", "refused", "unchanged", "created"]


def test_an_empty_batch_is_nothing(any_catalog: Catalog) -> None:
    assert any_catalog.write() == []
    assert any_catalog.delete() == []


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
def test_what_a_batch_does_not_mention_stays(any_catalog: Catalog, change: dict[str, Any], expected: Entity) -> None:
    any_catalog.write(FULL)

    assert any_catalog.outcomes(Entity("user", "ada", **change)) == ["updated"]
    assert any_catalog.only() == expected
    assert any_catalog.outcomes(Entity("user", "ada", **change)) == ["unchanged"]


def test_teams_are_kept_in_their_order(catalog: Catalog) -> None:
    catalog.write(FULL)

    assert catalog.outcomes(Entity("user", "ada", team=["maths", "core"])) == ["updated"]
    assert catalog.only() == replace(FULL, team=["maths", "core"])


@pytest.mark.parametrize(
    "mention",
    [
        Entity("user", "ada"),
        Entity("user", "ada", title=UNSET, properties={"age": 36}),
        Entity("user", "ada", properties=dict(reversed(FULL.properties.items()))),
        Entity("user", "ada", relations=dict(reversed(FULL.relations.items()))),
    ],
)
def test_mentioning_less_or_in_another_order_is_no_change(any_catalog: Catalog, mention: Entity) -> None:
    any_catalog.write(FULL)

    assert any_catalog.outcomes(mention) == ["unchanged"]
    assert any_catalog.only() == FULL


RETYPED: list[tuple[JSON, JSON]] = [
    (1, True), (0, False), (1, 1.0), ("1", 1), (None, ""), ([], {}), ([1], [True]), ({"a": 1}, {"a": 1.0}),
    ([1, 2], [2, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), RETYPED)
def test_a_value_of_another_json_type_is_a_change(catalog: Catalog, before: JSON, after: JSON) -> None:
    catalog.write(user("ada", it=before))

    assert catalog.outcomes(user("ada", it=after)) == ["updated"]
    stored = catalog.only().properties["it"]
    assert (repr(stored), type(stored)) == (repr(after), type(after))


def test_nested_members_in_another_order_are_no_change(catalog: Catalog) -> None:
    catalog.write(Entity("user", "ada", team={"x": 1, "y": 2}, properties={"at": {"x": 1, "y": {"a": 1, "b": 2}}}))

    reordered = Entity("user", "ada", team={"y": 2, "x": 1}, properties={"at": {"y": {"b": 2, "a": 1}, "x": 1}})
    assert catalog.outcomes(reordered) == ["unchanged"]


VALUES: list[JSON] = [
    0, -0.0, 0.1, 1e-7, 1e22, 5e-324, 1.7976931348623157e308,
    2**53 + 1, -(2**63), 2**63, 2**64, 10**30 + 7, -(10**40) - 3,
    "", "ünï", "日本語", "🚀", "a\u2028b", 'q"\\/\b\f\n\r\t\x1f\x7f', "12345678901234567890", True, None,
    [], {}, [[[]]], {"": 1}, {'a"b\\c': {"\n": [10**25, 1.5, "x"]}}, ["x" * 100_000],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_every_json_value_comes_back_as_it_was(catalog: Catalog, value: JSON) -> None:
    entity = Entity("user", "ada", title=None, icon=None, team=value, properties={"it": value}, relations={"it": value})
    catalog.write(entity)

    assert repr(catalog.only()) == repr(entity)  # repr tells 1 from 1.0 and true
    assert catalog.outcomes(entity) == ["unchanged"]


def test_big_integers_are_compared_digit_by_digit(catalog: Catalog) -> None:
    catalog.write(user("ada", id=10**30, other="x"))

    assert catalog.outcomes(user("ada", id=10**30)) == ["unchanged"]
    assert catalog.outcomes(user("ada", id=10**30 + 1)) == ["updated"]
    assert catalog.only().properties == {"id": 10**30 + 1, "other": "x"}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_will_do(catalog: Catalog, name: str) -> None:
    entity = Entity(name, name, title=name, icon=None, team=name, properties={name: name}, relations={name: name})

    assert catalog.outcomes(entity) == ["created"]
    assert catalog.only() == entity
    assert catalog.outcomes(entity, replace(entity, identifier="other")) == ["unchanged", "created"]
    assert catalog.delete((name, name), (name, "other")) == [DELETED, DELETED]


def test_odd_names_do_not_get_in_each_others_way(catalog: Catalog) -> None:
    entities = [
        Entity(name, name, title=None, icon=None, team=None, properties={name: name, "more": 1}) for name in ODD_NAMES
    ]
    catalog.write(*entities)

    assert catalog.entities() == sorted(entities, key=lambda entity: entity.blueprint)
    assert all(catalog.entities(entity.blueprint) == [entity] for entity in entities)


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


def test_delete_tells_what_became_of_each_key(any_catalog: Catalog) -> None:
    any_catalog.write(user("a"), user("b"), Entity("team", "a"))
    any_catalog.write(user("c"), source="theirs")

    keys_ = [
        ("user", "b"),
        ("user", "nobody"),
        ("user", "c"),
        ("team", "a"),
        ("user", "b"),
        ("user", "\ud800"),
        ("", ""),
    ]
    outcomes = any_catalog.delete(*keys_)

    assert [outcome.kind for outcome in outcomes] == [
        "deleted", "absent", "refused", "deleted", "absent", "absent", "absent",
    ]  # fmt: skip
    assert keys(any_catalog.entities()) == [("user", "a"), ("user", "c")]


def test_what_was_deleted_can_be_created_again_and_keeps_nothing(any_catalog: Catalog) -> None:
    any_catalog.write(FULL)
    any_catalog.delete(("user", "ada"))

    assert any_catalog.outcomes(user("ada", age=1)) == ["created"]
    assert any_catalog.only() == Entity("user", "ada", title=None, icon=None, team=None, properties={"age": 1})


def test_a_key_that_was_deleted_is_free_for_another_source(any_catalog: Catalog) -> None:
    any_catalog.write(FULL)
    any_catalog.delete(("user", "ada"))

    assert any_catalog.outcomes(FULL, source="theirs") == ["created"]
    assert keys(any_catalog.owned("theirs")) == [("user", "ada")]


def test_listings_are_sorted_by_code_point(catalog: Catalog) -> None:
    names = ["z", "Z", "a", "ä", "\uffff", "\U00010000", "10", "9", "-", "~", "a b", "a\x01"]
    catalog.write(*(Entity(blueprint, name) for blueprint in ("user", "User", "übr") for name in names))

    expected = [(blueprint, name) for blueprint in ("User", "user", "übr") for name in sorted(names)]
    assert keys(catalog.owned()) == expected
    assert keys(catalog.entities()) == expected
    assert keys(catalog.entities("user")) == [("user", name) for name in sorted(names)]
    assert catalog.entities("nothing") == []


def test_the_kind_that_wrote_last_is_known_even_when_nothing_changed(catalog: Catalog) -> None:
    catalog.write(FULL, kind="/users")
    assert catalog.outcomes(FULL, kind="/people") == ["unchanged"]
    assert catalog.owned() == [OwnedEntity("/people", "user", "ada")]

    catalog.write(user("ada", age=37), kind="/staff")
    assert catalog.owned() == [OwnedEntity("/staff", "user", "ada")]


def test_ten_thousand_entities_go_in_and_out_in_chunks(catalog: Catalog) -> None:
    async def use(sink: Sink) -> None:
        for start in range(0, 10_000, 700):
            numbers = range(start, min(start + 700, 10_000))
            batch = EntityBatch("/users", [user(f"{number * 7919 % 10_000:05}", n=number) for number in numbers])
            assert {outcome.kind for outcome in await sink.write(batch)} == {"created"}
        chunks = [chunk async for chunk in sink.owned()]
        assert max(map(len, chunks)) <= 1_000
        assert [entity.identifier for chunk in chunks for entity in chunk] == [
            f"{number:05}" for number in range(10_000)
        ]
        outcomes = await sink.delete([EntityKey("user", f"{number:05}") for number in range(0, 10_000, 2)])
        assert {outcome.kind for outcome in outcomes} == {"deleted"}

    catalog.run(use)

    assert keys(catalog.entities()) == [("user", f"{number:05}") for number in range(1, 10_000, 2)]


@pytest.mark.parametrize("count", [1, 999, 1_000, 1_001, 2_000])
def test_no_entity_is_lost_between_chunks(catalog: Catalog, count: int) -> None:
    expected = [("user", f"{number:04}") for number in range(count)]

    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [Entity(*key) for key in expected]))
        assert keys(await all_owned(sink)) == expected
        assert keys(await all_entities(sink)) == expected
        assert keys(await all_entities(sink, "user")) == expected

    catalog.run(use)


def test_batches_of_one_session_see_each_other(any_catalog: Catalog) -> None:
    async def use(sink: Sink) -> list[OutcomeKind]:
        batches = [EntityBatch("/users", [user("a", n=1)]), EntityBatch("/users", [user("a", n=1), user("b")])]
        outcomes = [outcome for batch in batches for outcome in await sink.write(batch)]
        outcomes += await sink.delete([EntityKey("user", "a")])
        outcomes += await sink.write(batches[0])
        return [outcome.kind for outcome in outcomes]

    assert any_catalog.run(use) == ["created", "unchanged", "created", "deleted", "created"]


def test_an_iteration_may_be_left_early(any_catalog: Catalog) -> None:
    any_catalog.write(*(user(f"{number:04}") for number in range(2_500)))

    async def use(sink: Sink) -> str:
        async for chunk in sink.owned():
            await sink.delete([EntityKey("user", chunk[0].identifier)])
            break
        [outcome] = await sink.write(EntityBatch("/users", [user("0000")]))
        return outcome.kind

    assert any_catalog.run(use) == "created"


def test_what_was_written_before_an_error_of_the_caller_is_kept(any_catalog: Catalog) -> None:
    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user("a")]))
        message = "the caller's own"
        raise LookupError(message)

    with pytest.raises(LookupError, match="the caller's own"):
        any_catalog.run(use)

    assert keys(any_catalog.entities()) == [("user", "a")]


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


def test_a_setting_that_does_not_exist_is_refused(any_catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="pth"):
        any_catalog.strategy.Config.model_validate({"pth": "x"})
