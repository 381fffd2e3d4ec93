"""The conformance kit for sinks: against the place itself, opened and closed as a run does."""

from __future__ import annotations

import asyncio
import os
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import pytest

from penstock.errors import LeaseLostError, PluginError, SinkError
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock.strategies import Sink, SinkStrategy
from penstock.testing.catalogs import Catalog, all_entities, all_owned
from penstock.testing.conformance import PluginConformance, require
from penstock.values import JSON, UNSET, Entity, EntityBatch, EntityKey, OwnedEntity

FULL: Final = Entity(
    blueprint="user",
    identifier="ada",
    title="Ada Lovelace",
    icon="Person",
    team=["core", "maths"],
    properties={"email": "ada@acme.test", "age": 36, "admin": True, "score": 1.5, "manager": None, "tags": ["a", "b"]},
    relations={"team": "core", "projects": ["engine", "notes"], "lead": None},
)
_CHANGES: Final[Mapping[str, tuple[Mapping[str, Any], Entity]]] = {
    "title": ({"title": "Ada"}, replace(FULL, title="Ada")),
    "title to null": ({"title": None}, replace(FULL, title=None)),
    "icon to null": ({"icon": None}, replace(FULL, icon=None)),
    "team": ({"team": "core"}, replace(FULL, team="core")),
    "team to null": ({"team": None}, replace(FULL, team=None)),
    "order of the team": ({"team": ["maths", "core"]}, replace(FULL, team=["maths", "core"])),
    "property": ({"properties": {"age": 37}}, replace(FULL, properties={**FULL.properties, "age": 37})),
    "property to null": ({"properties": {"age": None}}, replace(FULL, properties={**FULL.properties, "age": None})),
    "new property": ({"properties": {"city": "Rome"}}, replace(FULL, properties={**FULL.properties, "city": "Rome"})),
    "relation": ({"relations": {"team": "x"}}, replace(FULL, relations={**FULL.relations, "team": "x"})),
    "relation to a list": ({"relations": {"lead": ["b"]}}, replace(FULL, relations={**FULL.relations, "lead": ["b"]})),
}
_NO_CHANGES: Final[Mapping[str, Entity]] = {
    "nothing is mentioned": Entity("user", "ada"),
    "one property is mentioned": Entity("user", "ada", title=UNSET, properties={"age": 36}),
    "properties in another order": Entity("user", "ada", properties=dict(reversed(FULL.properties.items()))),
    "relations in another order": Entity("user", "ada", relations=dict(reversed(FULL.relations.items()))),
}
_RETYPED: Final[tuple[tuple[JSON, JSON], ...]] = (
    (1, True), (0, False), (1, 1.0), ("1", 1), (None, ""), ([], {}), ([1], [True]), ({"a": 1}, {"a": 1.0}),
    ([1, 2], [2, 1]), (10**30, 10**30 + 1),
)  # fmt: skip
_VALUES: Final[tuple[JSON, ...]] = (
    0, -0.0, 0.1, 1e-7, 1e22, 5e-324, 1.7976931348623157e308,
    2**53 + 1, -(2**63), 2**63, 2**64, 10**30 + 7, -(10**40) - 3,
    "", "ünï", "日本語", "🚀", "a\u2028b", 'q"\\/\b\f\n\r\t\x1f\x7f', "12345678901234567890", True, None,
    [], {}, [[[]]], {"": 1}, {'a"b\\c': {"\n": [10**25, 1.5, "x"]}}, ["x" * 100_000],
)  # fmt: skip
ODD_NAMES: Final = (
    "entities", "select", "a b", 'quo"te', "it's", "back\\slash", "a;b", "..", ".", "../up", "a/b", "%41", "Ünïcode",
    "日本", "🚀", "new\nline", "tab\t", " ", "~", "x" * 500, "ü" * 300, "User", "user",
)  # fmt: skip
_IMPOSSIBLE: Final[Mapping[str, Entity]] = {
    "no blueprint": Entity("", "bad"),
    "no identifier": Entity("user", ""),
    "half a surrogate pair in the identifier": Entity("user", "bad\ud800"),
    "half a surrogate pair in a property": Entity("user", "bad", properties={"tags": ["é", ["\ud800"]]}),
    "half a surrogate pair in the title": Entity("user", "bad", title="\ud83d"),
    "not a number": Entity("user", "bad", properties={"score": float("nan")}),
    "an infinite number": Entity("user", "bad", properties={"scores": [1.0, [{"a": float("-inf")}]]}),
    "no JSON value": Entity("user", "bad", properties={"when": cast("Any", b"x")}),
    "an identifier that is no text": Entity("user", cast("Any", 7)),
}
_SORTED: Final = ("z", "Z", "a", "ä", "\uffff", "\U00010000", "10", "9", "-", "~", "a b")


class SinkConformance(PluginConformance):
    """What a sink must do. Inherit from it, and say what to test and where it may write.

    ::

        class TestJsonFile(SinkConformance):
            strategy = JsonFile

            def settings(self, folder):
                return {"path": folder / "catalog.json"}
    """

    family = "sink"
    strategy: ClassVar[type[SinkStrategy[Any]] | SinkStrategy[Any]]
    chunk: ClassVar[int] = 1000
    """How many entities a listing may give at once."""
    many: ClassVar[int] = 2500
    """How many entities the kit writes where it writes many."""

    @abstractmethod
    def settings(self, folder: Path) -> Mapping[str, Any]:
        """Return the settings of a catalog in this folder, which is empty; elsewhere, of a place that is."""
        raise NotImplementedError

    def example(self) -> Mapping[str, Any]:
        """Return settings that work."""
        return self.settings(Path("a-folder"))

    @pytest.fixture
    def catalog(self, tmp_path: Path) -> Catalog:
        """The catalog of one test, empty."""
        folder = tmp_path / "catalog"
        folder.mkdir()
        return Catalog(cast("SinkStrategy[Any]", self.offered()), self.settings(folder))

    def test_a_new_entity_is_created_and_read_back_whole(self, catalog: Catalog) -> None:
        """Every field comes back as it was written."""
        _expect(catalog.outcomes(FULL), ["created"])
        _expect(catalog.only(), FULL)

    def test_writing_the_same_again_changes_nothing(self, catalog: Catalog) -> None:
        """A write is idempotent, and says so."""
        catalog.write(FULL)
        _expect(catalog.outcomes(FULL), ["unchanged"])
        _expect(catalog.only(), FULL)

    def test_unset_fields_of_a_new_entity_are_null(self, catalog: Catalog) -> None:
        """There is nothing to keep."""
        catalog.write(Entity("user", "ada"))
        _expect(catalog.only(), Entity("user", "ada", title=None, icon=None, team=None))

    @pytest.mark.parametrize("change", _CHANGES)
    def test_what_a_batch_does_not_mention_stays(self, catalog: Catalog, change: str) -> None:
        """Fields that are UNSET, and properties and relations that are not mentioned, keep what the catalog has."""
        mentioned, expected = _CHANGES[change]
        catalog.write(FULL)
        _expect(catalog.outcomes(Entity("user", "ada", **mentioned)), ["updated"])
        _expect(catalog.only(), expected)
        _expect(catalog.outcomes(Entity("user", "ada", **mentioned)), ["unchanged"])

    @pytest.mark.parametrize("mention", _NO_CHANGES)
    def test_mentioning_less_or_in_another_order_is_no_change(self, catalog: Catalog, mention: str) -> None:
        """``unchanged`` is what the catalog has already."""
        catalog.write(FULL)
        _expect(catalog.outcomes(_NO_CHANGES[mention]), ["unchanged"])
        _expect(catalog.only(), FULL)

    @pytest.mark.parametrize(("before", "after"), _RETYPED)
    def test_a_value_of_another_json_type_is_a_change(self, catalog: Catalog, before: JSON, after: JSON) -> None:
        """Python takes 1 for true; a catalog must not."""
        catalog.write(_user("ada", it=before))
        _expect(catalog.outcomes(_user("ada", it=after)), ["updated"])
        _expect(repr(catalog.only().properties["it"]), repr(after))

    def test_every_json_value_comes_back_as_it_was(self, catalog: Catalog) -> None:
        """Integers keep every digit, floats stay floats, text keeps every character."""
        entities = [
            Entity("user", f"{number:03}", None, None, value, {"it": value}, {"it": value})
            for number, value in enumerate(_VALUES)
        ]
        _expect(catalog.outcomes(*entities), ["created"] * len(entities))
        for stored, entity in zip(catalog.entities(), entities, strict=True):
            _expect(repr(stored), repr(entity))
        _expect(catalog.outcomes(*entities), ["unchanged"] * len(entities))

    def test_names_do_not_get_in_each_others_way(self, catalog: Catalog) -> None:
        """Any text will do for a blueprint, an identifier, a property: it is kept as it is, and stays apart."""
        entities = [
            Entity(name, name, title=None, icon=None, team=None, properties={name: name, "more": 1})
            for name in ODD_NAMES
        ]
        _expect(catalog.outcomes(*entities), ["created"] * len(entities))
        _expect(catalog.entities(), sorted(entities, key=lambda entity: entity.blueprint))
        for entity in entities:
            _expect(catalog.entities(entity.blueprint), [entity])
        _expect(
            [one.kind for one in catalog.delete(*((name, name) for name in ODD_NAMES))], ["deleted"] * len(entities)
        )

    @pytest.mark.parametrize("flaw", _IMPOSSIBLE)
    def test_what_cannot_be_kept_is_refused_and_the_rest_of_the_batch_goes_on(
        self, catalog: Catalog, flaw: str
    ) -> None:
        """One bad entity is an outcome with a reason, and no error; or it is kept exactly as it is."""
        bad = _IMPOSSIBLE[flaw]
        before, outcome, after = catalog.write(_user("a"), bad, _user("z"))
        _expect([before.kind, after.kind], ["created", "created"])
        require(outcome.kind == "refused", f"{bad!r} is no entity; it was {outcome.kind}, and should be refused")
        require(outcome.reason, "a refusal needs a reason")
        _expect(_keys(catalog.entities()), [("user", "a"), ("user", "z")])

    def test_outcomes_come_in_the_order_of_the_batch(self, catalog: Catalog) -> None:
        """One for each entity."""
        catalog.write(_user("b", age=1), _user("d", age=1))
        catalog.write(_user("f", age=1), source="theirs")
        batch = (_user("e"), _user("d", age=2), _user("f", age=1), _user("b", age=1), _user("a"))
        _expect(catalog.outcomes(*batch), ["created", "updated", "refused", "unchanged", "created"])

    def test_an_empty_batch_is_nothing(self, catalog: Catalog) -> None:
        """No entities, no outcomes."""
        _expect(catalog.write(), [])
        _expect(catalog.delete(), [])

    def test_an_entity_of_another_source_is_refused_and_stays(self, catalog: Catalog) -> None:
        """A sink touches only what its source owns, and says whose the rest is."""
        catalog.write(FULL, source="theirs")
        [written] = catalog.write(replace(FULL, title="Ours now"))
        [deleted] = catalog.delete(("user", "ada"))
        for outcome in (written, deleted):
            _expect(outcome.kind, "refused")
            require("theirs" in outcome.reason, f"the reason does not name the owner: {outcome.reason!r}")
        _expect(catalog.only(), FULL)
        _expect(catalog.owned(), [])
        _expect(catalog.owned("theirs"), [OwnedEntity("/users", "user", "ada")])

    def test_delete_tells_what_became_of_each_key(self, catalog: Catalog) -> None:
        """Deleted, absent or refused, in order; nothing else is touched."""
        catalog.write(_user("a"), _user("b"), Entity("team", "a"))
        catalog.write(_user("c"), source="theirs")
        asked = [("user", "b"), ("user", "nobody"), ("user", "c"), ("team", "a"), ("user", "b"), ("", "")]
        outcomes = [outcome.kind for outcome in catalog.delete(*asked)]
        _expect(outcomes, ["deleted", "absent", "refused", "deleted", "absent", "absent"])
        _expect(_keys(catalog.entities()), [("user", "a"), ("user", "c")])

    def test_what_was_deleted_can_be_created_again_and_keeps_nothing(self, catalog: Catalog) -> None:
        """By its source or by another: the key is free."""
        catalog.write(FULL)
        catalog.delete(("user", "ada"))
        _expect(catalog.outcomes(_user("ada", age=1), source="theirs"), ["created"])
        _expect(catalog.only(), Entity("user", "ada", title=None, icon=None, team=None, properties={"age": 1}))

    def test_listings_are_sorted_by_code_point(self, catalog: Catalog) -> None:
        """By blueprint, then by identifier; core compares them with others that are."""
        catalog.write(*(Entity(blueprint, name) for blueprint in ("user", "User", "übr") for name in _SORTED))
        expected = [(blueprint, name) for blueprint in ("User", "user", "übr") for name in sorted(_SORTED)]
        _expect(_keys(catalog.owned()), expected)
        _expect(_keys(catalog.entities()), expected)
        _expect(_keys(catalog.entities("user")), [("user", name) for name in sorted(_SORTED)])
        _expect(catalog.entities("nothing"), [])

    def test_the_kind_that_wrote_last_is_known_even_when_nothing_changed(self, catalog: Catalog) -> None:
        """Or no kind at all, where the sink cannot tell."""
        for kind, entity in (("/users", FULL), ("/people", FULL), ("/staff", _user("ada", age=37))):
            catalog.write(entity, kind=kind)
            [owned] = catalog.owned()
            require(owned.kind in ("", kind), f"written by {kind}, the entity is said to be of {owned.kind!r}")

    def test_many_entities_go_in_and_out_in_chunks(self, catalog: Catalog) -> None:
        """Memory is bounded, nothing is lost at the edge of a chunk, and ``count`` knows how many there are."""
        numbers = [f"{number * 7919 % self.many:06}" for number in range(self.many)]

        async def use(sink: Sink) -> None:
            for start in range(0, self.many, 700):
                batch = EntityBatch("/users", [_user(name) for name in numbers[start : start + 700]])
                _expect({outcome.kind for outcome in await sink.write(batch)}, {"created"})
            largest = max([len(chunk) async for chunk in sink.owned()])
            require(largest <= self.chunk, f"owned() gave {largest} entities at once")
            listed = [entity.identifier for entity in await all_owned(sink)]
            _expect(listed, sorted(set(numbers)))
            count = await sink.count()
            require(count in (None, len(listed)), f"count() says {count}, and {len(listed)} are owned")
            outcomes = await sink.delete([EntityKey("user", name) for name in listed[::2]])
            _expect({outcome.kind for outcome in outcomes}, {"deleted"})
            _expect([entity.identifier for entity in await all_entities(sink)], listed[1::2])

        catalog.run(use)

    def test_batches_of_one_session_see_each_other(self, catalog: Catalog) -> None:
        """What was written is there, before the sink is closed."""

        async def use(sink: Sink) -> list[str]:
            batches = [EntityBatch("/users", [_user("a", n=1)]), EntityBatch("/users", [_user("a", n=1), _user("b")])]
            outcomes = [outcome for batch in batches for outcome in await sink.write(batch)]
            outcomes += await sink.delete([EntityKey("user", "a")])
            outcomes += await sink.write(batches[0])
            return [outcome.kind for outcome in outcomes]

        _expect(catalog.run(use), ["created", "unchanged", "created", "deleted", "created"])

    def test_an_iteration_may_be_left_early(self, catalog: Catalog) -> None:
        """The sink can be written to afterwards."""
        catalog.write(*(_user(f"{number:04}") for number in range(self.many)))

        async def use(sink: Sink) -> str:
            async for chunk in sink.owned():
                await sink.delete([EntityKey("user", chunk[0].identifier)])
                break
            [outcome] = await sink.write(EntityBatch("/users", [_user("0000")]))
            return outcome.kind

        _expect(catalog.run(use), "created")

    def test_entities_are_read_in_the_order_of_the_keys(self, catalog: Catalog) -> None:
        """Whoever owns them; nothing where there is none."""
        catalog.write(_user("ada", big=10**30), kind="/users")
        catalog.write(Entity("team", "core"), kind="/teams", source="theirs")
        held = catalog.read(("team", "core"), ("user", "nobody"), ("user", "ada"), ("", ""))
        _expect([one and one.entity.identifier for one in held], ["core", None, "ada", None])
        require(all(one.source in ("", "theirs") for one in held[:1] if one), f"the owner is theirs, not {held[0]}")

    def test_what_was_written_is_durable_when_write_returns(self, catalog: Catalog) -> None:
        """A process that dies right after it, without closing anything, loses none of it."""
        catalog.write(_user("before"))
        pid = _forked()
        if not pid:
            asyncio.run(_write_and_die(catalog))
        _expect(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        _expect(_keys(catalog.entities()), [("user", "before"), ("user", "late")])
        _expect(catalog.outcomes(_user("late", n=1)), ["unchanged"])

    def test_what_was_written_before_an_error_of_the_caller_is_kept(self, catalog: Catalog) -> None:
        """Closing after an error makes durable what there is, and does not hide the error."""

        async def use(sink: Sink) -> None:
            await sink.write(EntityBatch("/users", [_user("a")]))
            message = "the caller's own"
            raise LookupError(message)

        with pytest.raises(LookupError, match="the caller's own"):
            catalog.run(use)
        _expect(_keys(catalog.entities()), [("user", "a")])

    def test_a_run_that_was_overtaken_writes_and_deletes_nothing(self, catalog: Catalog) -> None:
        """Once another run has claimed the sink, ``write`` and ``delete`` of this one raise LeaseLostError."""
        catalog.write(FULL)

        async def overtake() -> bool:
            async with AsyncExitStack() as stack:
                first = await stack.enter_async_context(catalog.sink())
                await first.claim()
                try:
                    second = await stack.enter_async_context(catalog.sink())
                except SinkError:
                    return True  # nobody can come in between
                await second.claim()
                with pytest.raises(LeaseLostError):
                    await first.write(EntityBatch("/users", [_user("late")]))
                with pytest.raises(LeaseLostError):
                    await first.delete([EntityKey("user", "ada")])
                _expect(
                    [one.kind for one in await second.write(EntityBatch("/users", [_user("in time")]))], ["created"]
                )
                return False

        if type(catalog.sink()).claim is Sink.claim:
            pytest.skip("it cannot tell runs apart: it has no claim()")
        alone = asyncio.run(overtake())
        _expect(_keys(catalog.entities()), [("user", "ada")] if alone else [("user", "ada"), ("user", "in time")])

    def test_opening_touches_nothing_before_the_sink_is_entered(self, catalog: Catalog, tmp_path: Path) -> None:
        """Neither ``open`` nor ``exists`` nor ``unusable`` makes anything, and nothing is said to be wrong."""
        catalog.strategy.exists(catalog.config)
        found = catalog.strategy.unusable(catalog.config)
        require(not found, f"unusable() says of settings that work: {dict(found)}")
        catalog.sink()
        _expect(list((tmp_path / "catalog").iterdir()), [])
        require(not vars(catalog.strategy), "the strategy keeps something; what belongs to a run goes into the sink")

    def test_it_is_known_whether_there_is_a_catalog_to_read(self, catalog: Catalog) -> None:
        """After it was written to there is one."""
        catalog.write(FULL)
        require(catalog.strategy.exists(catalog.config), "exists() does not see a catalog that was written to")

    def test_a_rehearsal_has_the_outcomes_of_the_sink_and_leaves_the_catalog_as_it_is(
        self, catalog: Catalog, tmp_path: Path
    ) -> None:
        """``penstock plan`` shows what a sync would do."""
        catalog.write(_user("ada", age=36), _user("bob", age=1))
        catalog.write(_user("eve"), source="theirs")
        before = catalog.entities()
        folder = tmp_path / "rehearsal"
        folder.mkdir()
        try:
            rehearsed = asyncio.run(_rehearse(catalog, folder))
        except PluginError:
            pytest.skip("it offers no rehearse(), so that nobody can plan for it")
        _expect(catalog.entities(), before)
        _expect(rehearsed, asyncio.run(_act(catalog.sink())))


def _expect(found: object, expected: object) -> None:
    __tracebackhide__ = True
    require(found == expected, f"expected {expected!r}, found {found!r}")


def _user(identifier: str, **properties: JSON) -> Entity:
    return Entity("user", identifier, properties=properties)


def _keys(entities: Sequence[Entity | OwnedEntity]) -> list[tuple[str, str]]:
    return [(entity.blueprint, entity.identifier) for entity in entities]


def _forked() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does not need
        return os.fork()


async def _write_and_die(catalog: Catalog) -> None:
    code = 1
    try:
        sink = await catalog.sink().__aenter__()
        await sink.write(EntityBatch("/users", [_user("late", n=1)]))
        code = 0
    finally:
        os._exit(code)


async def _rehearse(catalog: Catalog, folder: Path) -> list[object]:
    return await _act(catalog.strategy.rehearse(catalog.config, Lent("ours", Secrets()), folder))


async def _act(sink: Sink) -> list[object]:
    """Do this and that with a sink, and return all that came of it."""
    async with sink:
        batch = EntityBatch("/k", [_user("ada", age=37), _user("cid"), _user("eve"), _user("bob")])
        written = await sink.write(batch)
        deleted = await sink.delete([EntityKey("user", name) for name in ("bob", "eve", "none")])
        kinds = [outcome.kind for outcome in (*written, *deleted)]
        return [kinds, await all_entities(sink), await all_owned(sink)]
