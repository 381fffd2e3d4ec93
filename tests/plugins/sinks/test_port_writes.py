"""What the sink sends to Port, what it does not send, and what it makes of the answers."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.port import define, settings
from penstock import JSON, VERSION, Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Sink, WriteFlags
from penstock.demo.port.faults import Fault
from penstock.demo.port.wire import Received
from penstock.errors import SinkError
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock_sinks._port_compare import alike, is_held
from penstock_sinks.port import Port, PortConfig
from support.catalogs import all_owned, user
from support.ported import PortCatalog

AGENT = f"port-ocean/custom/{VERSION}/ours/exporter"


def bulks(catalog: PortCatalog) -> list[list[dict[str, Any]]]:
    """The entities of each bulk request so far."""
    return [json.loads(one.body)["entities"] for one in catalog.standin.requests("/entities/bulk")]


def writes(catalog: PortCatalog) -> list[Received]:
    found = catalog.standin.received
    return [one for one in found if one.target.partition("?")[0].endswith(("/entities/bulk", "/entities"))]


def datasources(catalog: PortCatalog, blueprint: str = "user") -> dict[str, str]:
    return {name: one.datasource for name, one in catalog.standin.entities.of(blueprint).items()}


def test_entities_go_in_bulk_signed_and_in_our_name(ported: PortCatalog) -> None:
    outcomes = ported.outcomes(*(user(f"u{number}", n=number) for number in range(45)))

    assert outcomes == ["created"] * 45
    assert sorted(map(len, bulks(ported))) == [5, 20, 20]
    sent = ported.standin.requests("/entities/bulk")[0]
    assert sent.parts == ("blueprints", "user", "entities", "bulk")
    assert {name: values[0] for name, values in sent.query.items()} == {
        "upsert": "true", "merge": "true", "create_missing_related_entities": "true", "validation_only": "false",
        "ocean_info_event_type": "resync", "ocean_info_resync_id": "r1",
    }  # fmt: skip
    assert sent.headers["user-agent"] == AGENT
    assert set(datasources(ported).values()) == {AGENT}
    assert ported.standin.requests("/access_token")[0].headers["user-agent"] == f"port-ocean/custom/{VERSION}/ours"


def test_only_what_is_mapped_is_sent_and_null_clears(ported: PortCatalog) -> None:
    ported.write(Entity("user", "ada", title=None, properties={"n": None}))

    assert bulks(ported) == [[{"identifier": "ada", "title": None, "properties": {"n": None}}]]


def test_a_second_unchanged_run_sends_no_entity(ported: PortCatalog) -> None:
    entities = [Entity("user", f"u{n}", "U", "User", ["b", "a"], {"n": n}, {"team": "x"}) for n in range(60)]
    ported.write(*entities)
    before = len(writes(ported))

    reordered = [replace(one, team=["a", "b"], properties={**one.properties, "age": None}) for one in entities]
    assert set(ported.outcomes(*reordered)) == {"unchanged"}
    assert len(writes(ported)) == before


MAIL = [Entity("user", f"u{number}", title="A", properties={"mail": "m"}) for number in range(25)]
ROLE = [Entity("user", f"u{number}", properties={"role": "r"}) for number in range(25)]


def in_one_run(ported: PortCatalog, *batches: Sequence[Entity]) -> list[set[str]]:
    """Write batch after batch, and return what became of each."""

    async def use(sink: Sink) -> list[set[str]]:
        return [{one.kind for one in await sink.write(EntityBatch("/users", batch))} for batch in batches]

    for batch in batches:
        ported.prepare(batch)
    return ported.run(use)


def test_what_two_kinds_complete_is_sent_once(ported: PortCatalog) -> None:
    assert in_one_run(ported, MAIL, ROLE) == [{"created"}, {"updated"}]
    sent = len(writes(ported))

    assert in_one_run(ported, MAIL, ROLE) == [{"unchanged"}, {"unchanged"}]
    assert len(writes(ported)) == sent


def test_where_one_of_two_kinds_has_changed_the_other_is_not_sent(ported: PortCatalog) -> None:
    in_one_run(ported, MAIL, ROLE)
    changed = [replace(one, title="B", properties={"mail": "n"}) for one in MAIL]

    assert in_one_run(ported, changed, ROLE, changed) == [{"updated"}, {"unchanged"}, {"unchanged"}]
    assert in_one_run(ported, MAIL, changed) == [{"updated"}, {"updated"}]
    stored = ported.standin.entities.of("user")["u7"]
    assert (stored.title, stored.properties) == ("B", {"mail": "n", "role": "r"})


def test_what_no_memory_can_hold_is_sent_again(ported: PortCatalog) -> None:
    large = [Entity("user", "u7", properties={"n": 2**70})]
    in_one_run(ported, MAIL)

    assert in_one_run(ported, large, MAIL[7:8], large) == [{"updated"}] * 3


def test_without_merging_each_of_two_kinds_clears_what_the_other_brings(ported: PortCatalog) -> None:
    cleared = PortCatalog(ported.standin, enableMergeEntity=False)
    in_one_run(cleared, MAIL, ROLE)

    assert in_one_run(cleared, MAIL, ROLE) == [{"updated"}, {"updated"}]
    assert ported.standin.entities.of("user")["u7"].properties == {"role": "r"}


def test_what_a_query_does_not_find_is_absent_by_every_way_to_port(ported: PortCatalog) -> None:
    query: dict[str, JSON] = {
        "combinator": "and",
        "rules": [{"property": "$identifier", "operator": "=", "value": "nobody"}],
    }
    in_one_run(ported, MAIL)
    ported.standin.faults.pending.append(Fault("too_large", "/entities/bulk", times=1000))

    assert in_one_run(ported, [Entity("user", "", title="B", search=query)]) == [{"absent"}]


def test_an_icon_that_changes_is_a_change(ported: PortCatalog) -> None:
    ported.write(replace(user("ada"), icon="User"))

    assert ported.outcomes(replace(user("ada"), icon="Team")) == ["updated"]


def test_what_somebody_changed_at_port_is_put_right(ported: PortCatalog) -> None:
    ported.write(user("ada", n=1), user("bob", n=2))
    ported.standin.entities.of("user")["ada"].properties["n"] = 7

    assert ported.outcomes(user("ada", n=1), user("bob", n=2)) == ["updated", "unchanged"]


SAME: list[tuple[JSON, JSON, bool]] = [
    (1, 1.0, True), (2**53 + 1, 2**53, True), (10**400, 10**401, True), (1, True, False), (0, None, False),
    ("1", 1, False), ([1, 2], [2, 1], False), ([1, [2]], [1.0, [2]], True), ({"a": 1}, {"a": 1.0}, True),
    ({"a": 1}, {"a": 1, "b": None}, False), (None, None, True), ("", None, False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "same"), SAME)
def test_values_are_compared_as_port_keeps_them(one: JSON, other: JSON, same: bool) -> None:  # noqa: FBT001
    for left, right in ((one, other), (other, one)):
        assert alike(left, right) is same
        entity = Entity("user", "ada", "A", properties={"n": left})
        assert is_held(entity, {"title": "A", "properties": {"n": right}}, merge=True) is same


@pytest.mark.parametrize(
    ("held", "merged", "replaced"),
    [
        ({}, False, False),
        ({"title": "A", "team": [], "properties": {"n": 1}, "relations": {"t": "x"}}, True, True),
        ({"title": "A", "properties": {"n": 1, "m": None}, "relations": {"t": ["x"], "u": []}}, True, True),
        ({"title": "A", "properties": {"n": 1, "m": 2}, "relations": {"t": "x"}}, True, False),
        ({"title": "A", "properties": {"n": 1}, "relations": {"t": "x", "u": "y"}}, True, False),
        ({"title": "A", "icon": "I", "properties": {"n": 1}, "relations": {"t": "x"}}, True, False),
        ({"title": "A", "team": ["a"], "properties": {"n": 1}, "relations": {"t": "x"}}, True, False),
        ({"title": "B", "properties": {"n": 1}, "relations": {"t": "x"}}, False, False),
    ],
)
def test_what_is_not_mapped_counts_only_where_it_would_be_cleared(
    held: dict[str, JSON],
    merged: bool,  # noqa: FBT001
    replaced: bool,  # noqa: FBT001
) -> None:
    entity = Entity("user", "ada", "A", properties={"n": 1}, relations={"t": "x"})

    assert is_held(entity, held, merge=True) is merged
    assert is_held(entity, held, merge=False) is replaced


def test_without_merging_what_is_not_mapped_is_cleared(ported: PortCatalog) -> None:
    ported.write(user("ada", n=1, age=36))
    replacing = PortCatalog(ported.standin, enableMergeEntity=False)

    assert replacing.outcomes(user("ada", n=1)) == ["updated"]
    assert ported.only().properties == {"n": 1}
    assert replacing.outcomes(user("ada", n=1)) == ["unchanged"]


@pytest.mark.parametrize(
    ("mapping", "own", "sent"),
    [
        (WriteFlags(), {}, ("true", "true", "true")),
        (WriteFlags(create_missing_related_entities=False), {}, ("false", "true", "true")),
        (WriteFlags(enable_merge_entity=False), {}, ("true", "false", "true")),
        (WriteFlags(delete_dependent_entities=False), {}, ("true", "true", "false")),
        (WriteFlags(delete_dependent_entities=False), {"deleteDependentEntities": True}, ("true", "true", "true")),
    ],
)
def test_the_flags_of_the_mapping_hold_unless_the_sink_says_otherwise(
    ported: PortCatalog, mapping: WriteFlags, own: dict[str, object], sent: tuple[str, ...]
) -> None:
    async def use() -> None:
        config = PortConfig.model_validate(settings(ported.standin, **own))
        async with Port().open(config, Lent("ours", Secrets(), flags=mapping)) as sink:
            await sink.write(EntityBatch("/users", [user("ada")]))
            await sink.delete([EntityKey("user", "ada")])

    asyncio.run(use())

    [written], [deleted] = ported.standin.requests("/entities/bulk"), ported.standin.requests("/entities/delete")
    query = {**written.query, **deleted.query}
    names = ("create_missing_related_entities", "merge", "delete_dependents")
    assert tuple(query[name][0] for name in names) == sent


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        ([45] * 20, 1),
        ([45] * 21, 2),
        ([600] * 3, 3),
        ([400, 400, 900, 50], 2),
        ([900, 108], 1),
        ([900, 109], 2),
    ],
)
def test_requests_are_packed_by_the_bytes_they_really_have(
    ported: PortCatalog, sizes: list[int], requests: int
) -> None:
    tight = PortCatalog(ported.standin, bulkBytes=1024)
    frame = len(b'{"identifier":"u00","title":""}')
    entities = [replace(user(f"u{n:02}"), title="x" * (size - frame)) for n, size in enumerate(sizes)]

    assert set(tight.outcomes(*entities)) == {"created"}
    assert len(bulks(ported)) == requests
    assert max(len(one.body) for one in ported.standin.requests("/entities/bulk")) <= 1024


def test_an_entity_that_is_too_large_alone_is_refused_alone(ported: PortCatalog) -> None:
    first, large, last = ported.write(user("a"), replace(user("b"), title="x" * 2**20), user("c"))

    assert (first.kind, last.kind) == ("created", "created")
    assert large.reason == "it has 1,048,605 bytes as JSON, and a request may have 1,048,576"


def test_one_that_just_fits_is_sent(ported: PortCatalog) -> None:
    room = 2**20 - len(b'{"entities":[]}') - len(b'{"identifier":"b","title":""}')

    assert ported.outcomes(replace(user("b"), title="x" * room)) == ["created"]
    assert len(ported.standin.requests("/entities/bulk")[0].body) == 2**20


PATTERN = "and Port allows letters, digits and @ _ . + : \\ / = - only"


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        (user("a b"), f'identifier has \' \', {PATTERN}; `gsub(" "; "-")` in the mapping replaces it'),
        (user("a(b"), f'identifier has \'(\', {PATTERN}; `gsub("\\\\("; "-")` in the mapping replaces it'),
        (user(".."), 'identifier is "..", which Port does not allow'),
        (user(""), "identifier is empty"),
        (user("x" * 1001), "identifier has 1001 characters, and Port allows 1000"),
        (user("b\0"), "identifier has a NUL character"),
        (user("b", n=float("nan")), "properties.n is nan, for which JSON has no number"),
        (Entity("user", "b", team=7), "team is neither text, nor a list of texts, nor a search query, but 7"),
        (Entity("user", "b", relations={"t": [1]}), "relations.t has a list of other things than texts"),
        (Entity("usr", "b"), 'Port has no blueprint "usr"; did you mean "user"?'),
        (Entity("a b", "b"), "Port does not allow a blueprint of this name"),
    ],
)
def test_what_port_cannot_take_is_refused_with_one_clear_message_and_the_rest_goes_on(
    ported: PortCatalog, entity: Entity, reason: str
) -> None:
    async def use(sink: Sink) -> Any:  # noqa: ANN401
        return await sink.write(EntityBatch("/users", [user("first"), entity, user("last")]))

    first, refused, last = ported.run(use)

    assert (first.kind, last.kind) == ("created", "created")
    assert refused == Outcome("refused", reason)


def test_an_entity_that_breaks_its_blueprint_is_refused_with_ports_words_and_a_hint(ported: PortCatalog) -> None:
    define(ported.standin, "user", {"created": {"type": "string"}, "n": {"type": "number"}, "on": {"type": "boolean"}})

    async def use(sink: Sink) -> Any:  # noqa: ANN401
        return await sink.write(
            EntityBatch("/users", [user("a", created=7), user("b", n="5"), user("c"), user("d", on="true")])
        )

    text, number, fine, boolean = ported.run(use)

    assert fine.kind == "created"
    assert text.reason == (
        "properties/created must be string (a number becomes text with `| tostring` in the mapping) "
        "(422 invalid_request)"
    )
    assert number.reason == (
        "properties/n must be number (text becomes a number with `| tonumber` in the mapping) (422 invalid_request)"
    )
    assert boolean.reason == (
        'properties/on must be boolean (text becomes a boolean with `| . == "true"` in the mapping) '
        "(422 invalid_request)"
    )


def test_names_with_slashes_and_letters_of_any_script_are_encoded(ported: PortCatalog) -> None:
    odd = "日本/a+b:c\\d=é@x_."
    entity = Entity("team/日本", odd, "T", None, None, {}, {})

    assert ported.outcomes(entity) == ["created"]
    assert ported.outcomes(entity) == ["unchanged"]
    assert [one.identifier for one in ported.entities()] == [odd]
    assert [one.kind for one in ported.delete(("team/日本", odd))] == ["deleted"]
    assert all("team%2F%E6%97%A5%E6%9C%AC" in one.target for one in ported.standin.requests("/entities/bulk"))


def test_what_was_written_in_the_same_run_is_known_whatever_its_name(ported: PortCatalog) -> None:
    names = ["ada", "a\\b", "\\u0041", "日本/é", "1", "-1", "null", "a.b", "a:b", "x=y"]
    entities = [Entity("user", name, properties={"n": len(name)}, relations={"team": name}) for name in names]

    async def use(sink: Sink) -> list[Sequence[Outcome]]:
        changed = [replace(one, properties={"n": 99}) for one in entities[:2]]
        return [await sink.write(EntityBatch("/users", batch)) for batch in (entities, entities, changed, entities)]

    ported.prepare(entities)
    kinds = [[one.kind for one in outcomes] for outcomes in ported.run(use)]

    assert kinds[1] == ["unchanged"] * len(names)
    assert kinds[2] == ["updated"] * 2
    assert kinds[3] == [*["updated"] * 2, *["unchanged"] * (len(names) - 2)]


def test_who_writes_an_entity_last_owns_it_unless_it_is_told_otherwise(ported: PortCatalog) -> None:
    ported.write(user("ada", n=1), source="theirs")
    apart = PortCatalog(ported.standin, sharedEntities=False)

    [refused, created] = apart.write(user("ada", n=2), user("bob"))
    assert refused.reason == "somebody else has written it, and sharedEntities is off"
    assert (created.kind, ported.outcomes(user("ada", n=2))) == ("created", ["updated"])
    assert [one.identifier for one in ported.owned()] == ["ada", "bob"]
    assert ported.owned("theirs") == []


def test_what_port_made_for_a_relation_is_not_missing(ported: PortCatalog) -> None:
    ada = Entity("user", "ada", relations={"team": "core", "more": ["x"]})

    async def use(sink: Sink) -> list[OwnedEntity]:
        await sink.write(EntityBatch("/users", [ada]))
        await sink.write(EntityBatch("/targets", [Entity("target", "x")]))
        return await all_owned(sink)

    ported.prepare([ada])
    assert ported.run(use) == [OwnedEntity("/targets", "target", "x"), OwnedEntity("/users", "user", "ada")]
    assert set(datasources(ported, "target")) == {"core", "x"}


def test_where_port_has_no_list_of_ours_each_blueprint_is_searched(ported: PortCatalog) -> None:
    ported.write(*(user(f"u{number:04}") for number in range(1500)))
    ported.write(user("theirs"), source="theirs")
    ported.standin.faults.pending.append(Fault("missing", "/datasource-entities"))

    assert [one.identifier for one in ported.owned()] == [f"u{number:04}" for number in range(1500)]


def test_a_search_names_a_relation_and_is_sent_every_time(ported: PortCatalog) -> None:
    query: JSON = {"combinator": "and", "rules": [{"property": "n", "operator": "=", "value": 7}]}
    define(ported.standin, "place", {"n": {"type": "number"}})
    define(ported.standin, "user", {}, {"at": {"target": "place"}})
    ported.write(Entity("place", "p7", properties={"n": 7}))

    assert ported.outcomes(Entity("user", "ada", relations={"at": query})) == ["created"]
    assert ported.outcomes(Entity("user", "ada", relations={"at": query})) == ["updated"]
    assert ported.standin.entities.of("user")["ada"].relations == {"at": "p7"}


def test_wrong_credentials_end_the_run_and_show_nothing(ported: PortCatalog) -> None:
    wrong = PortCatalog(ported.standin, clientSecret="not-the-s3cret")

    with pytest.raises(SinkError) as raised:
        wrong.write(user("ada"))

    assert str(raised.value).startswith("Port refuses the credentials: the client id or secret is wrong (x-trace-id ")
    assert "set sink.clientId and sink.clientSecret" in str(raised.value)
    assert "not-the-s3cret" not in str(raised.value)


@pytest.mark.parametrize("source", ["acme/hr", "acme hr", "größe"])
def test_a_source_that_cannot_name_an_integration_is_told_what_to_set(ported: PortCatalog, source: str) -> None:
    with pytest.raises(SinkError, match=r"cannot name an integration of Port.*: set sink\.integrationIdentifier"):
        ported.write(user("ada"), source=source)

    named = PortCatalog(ported.standin, integrationIdentifier="acme-hr")
    assert named.outcomes(user("ada"), source=source) == ["created"]
    assert datasources(ported) == {"ada": f"port-ocean/custom/{VERSION}/acme-hr/exporter"}


def test_what_a_run_remembers_has_no_name_on_the_disk(
    ported: PortCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()

    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user(f"u{number}") for number in range(100)]))
        assert list((tmp_path / "tmp").iterdir()) == []

    ported.run(use)


def test_where_nothing_can_be_remembered_the_run_does_not_begin(
    ported: PortCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    with pytest.raises(
        SinkError, match=r"nowhere: what the port sink has to remember of a run cannot be kept: No such"
    ):
        ported.write(user("ada"))


def test_nothing_is_asked_before_it_is_needed(ported: PortCatalog) -> None:
    async def use(sink: Sink) -> None:
        assert await sink.count() is None
        assert await sink.write(EntityBatch("/users", [])) == []

    ported.run(use)

    assert ported.standin.received == []


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://api.getport.io"),
        ({"region": "us"}, "https://api.us.getport.io"),
        ({"baseUrl": "https://port.acme.test/v1/"}, "https://port.acme.test"),
        ({"base_url": " https://port.acme.test// "}, "https://port.acme.test"),
        ({"baseUrl": "", "region": "us"}, "https://api.us.getport.io"),
    ],
)
def test_where_the_organisation_lives(given: dict[str, str], url: str) -> None:
    assert PortConfig.model_validate({"clientId": "a", "clientSecret": "b", **given}).url == url


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"baseUrl": "port.acme.test"}, "expected a URL such as https://api.getport.io"),
        ({"region": "moon"}, "'eu' or 'us'"),
        ({"integrationIdentifier": "a/b"}, "pattern"),
        ({"bulkEntities": 21}, "less than or equal to 20"),
        ({"clientSecret": ""}, "at least 1"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PortConfig.model_validate({"clientId": "a", "clientSecret": "b", **given})


def test_secrets_are_not_shown() -> None:
    config = PortConfig.model_validate({"clientId": "the-id", "clientSecret": "the-secret"})

    assert "the-" not in repr(config) + str(config.model_dump(mode="json"))


def _by_number(number: int) -> Entity:
    query: dict[str, JSON] = {"combinator": "and", "rules": [{"property": "n", "operator": "=", "value": number}]}
    return Entity("user", json.dumps(query), properties={"age": number}, search=query)


def test_an_entity_that_a_query_names_is_told_by_ports_name_for_it(ported: PortCatalog) -> None:
    ported.write(user("one", n=1), user("two", n=2), user("twin", n=2))

    found, nothing, several, plain = ported.write(_by_number(1), _by_number(7), _by_number(2), user("three"))

    assert found == Outcome("updated", identifier="one")
    assert (nothing, plain) == (Outcome("absent"), Outcome("created"))
    assert several.kind in {"absent", "refused"}  # Port's word for both
    assert ported.standin.entities.of("user")["one"].properties == {"n": 1, "age": 1}
