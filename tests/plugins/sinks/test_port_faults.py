"""Port fails in every way that it can: nothing is lost, nothing is told twice, one entity never fails others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fakes.port import define, settings
from penstock import Entity, EntityBatch, EntityKey, Settled, Sink
from penstock.demo.port.faults import Fault
from penstock.errors import SinkError
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock_sinks.port import Port, PortConfig
from support.catalogs import user
from support.ported import PortCatalog

USERS = [user(f"u{number:02}", n=number) for number in range(50)]


async def _settled(sink: Sink) -> list[Settled]:
    return [one async for chunk in sink.settle() for one in chunk]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("limited", "/entities/bulk", seconds=0.05),
        Fault("broken", "/entities/bulk"),
        Fault("unavailable", "/entities/bulk"),
        Fault("expired", "/entities/bulk"),
        Fault("slow", "/entities/bulk", seconds=0.2),
        Fault("too_large", "/entities/bulk"),
        Fault("broken", "/access_token"),
        Fault("unavailable", "/blueprints/user"),
        Fault("expired", "/entities/search"),
        Fault("missing", "/entities/search"),
    ],
    ids=lambda fault: f"{fault.name} {fault.path}",
)
def test_what_passes_costs_nothing(ported: PortCatalog, fault: Fault) -> None:
    ported.standin.faults.pending.append(replace(fault))

    assert ported.outcomes(*USERS) == ["created"] * 50
    assert set(ported.outcomes(*USERS)) == {"unchanged"}


def test_a_connection_that_breaks_after_all_was_done_loses_nothing(ported: PortCatalog) -> None:
    ported.standin.faults.pending.append(Fault("dropped", "/entities/bulk"))

    assert sorted(ported.outcomes(*USERS)) == ["created"] * 30 + ["updated"] * 20
    assert len(ported.entities()) == 50


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("unavailable", "/v1/blueprints/user/entities/bulk: 503 told to: unavailable (x-trace-id trace-of-a-fault)"),
        ("limited", "/v1/blueprints/user/entities/bulk: 429 told to: limited (x-trace-id trace-of-a-fault)"),
        ("broken", "Port fails with every entity of user: told to: broken (x-trace-id trace-of-a-fault) (500)"),
    ],
)
def test_what_does_not_pass_ends_the_run_with_its_name(ported: PortCatalog, name: str, says: str) -> None:
    ported.standin.faults.pending += [
        Fault(name, path, times=1000)  # type: ignore[arg-type]
        for path in ("/entities/bulk", "/blueprints/user/entities")
    ]

    with pytest.raises(SinkError) as raised:
        ported.write(*USERS[:20])

    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["too_large", "broken"])
def test_one_entity_that_fails_its_request_is_found_and_fails_alone(ported: PortCatalog, name: str) -> None:
    ported.standin.faults.pending.append(Fault(name, "", times=1000, holding='"u33"'))  # type: ignore[arg-type]

    outcomes = ported.write(*USERS)
    settled = ported.run(_settled)

    [(place, outcome)] = [(place, one) for place, one in enumerate(outcomes) if one.kind != "created"]
    assert place == 33
    assert (outcome.kind, "told to" in outcome.reason) == ("deferred" if name == "broken" else "refused", True)
    assert settled == []  # of another run


def test_one_that_is_rejected_is_refused_with_ports_words(ported: PortCatalog) -> None:
    ported.standin.faults.rejected["u07"] = "it does not please"

    outcomes = ported.write(*USERS)

    assert [one.kind for one in outcomes].count("created") == 49
    assert outcomes[7].reason == "it does not please (422 invalid_request)"


@pytest.mark.parametrize("path", ["", "/entities/search"])
def test_nothing_is_deleted_from_a_blueprint_that_port_does_not_let_us_see(ported: PortCatalog, path: str) -> None:
    ported.write(*USERS[:3], Entity("team", "t1"))
    ported.standin.faults.pending.append(Fault("forbidden", f"/blueprints/user{path}", times=1000))

    async def use(sink: Sink) -> tuple[list[str], list[str]]:
        written = await sink.write(EntityBatch("/users", USERS[:3]))
        keys = [EntityKey("user", "u00"), EntityKey("team", "t1"), EntityKey("user", "u01")]
        return [one.kind for one in written], [one.kind for one in await sink.delete(keys)]

    assert ported.run(use) == (["refused"] * 3, ["refused", "deleted", "refused"])
    assert set(ported.standin.entities.of("user")) == {"u00", "u01", "u02"}


def test_a_blueprint_that_may_not_be_listed_is_named(ported: PortCatalog) -> None:
    ported.write(USERS[0])
    ported.standin.faults.pending.append(Fault("forbidden", "/blueprints/user/entities/search"))

    with pytest.raises(SinkError, match="Port does not list the entities of user: told to: forbidden"):
        ported.entities("user")


def test_what_expires_while_requests_are_in_flight_is_renewed_once(ported: PortCatalog) -> None:
    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user("first")]))
        ported.standin.expire_tokens()
        outcomes = await sink.write(EntityBatch("/users", [user(f"x{number}") for number in range(100)]))
        assert {one.kind for one in outcomes} == {"created"}

    ported.run(use)

    assert len(ported.standin.requests("/access_token")) == 2


def test_a_token_is_replaced_before_it_expires(ported: PortCatalog) -> None:
    class Clock(Lent):
        now = 1000.0

        def time(self) -> float:
            return self.now

    context = Clock("ours", Secrets())
    ported.standin.token_seconds = 600

    async def use() -> list[int]:
        counts: list[int] = []
        async with Port().open(PortConfig.model_validate(settings(ported.standin)), context) as sink:
            for now in (1000.0, 1539.0, 1541.0):
                context.now = now
                await sink.write(EntityBatch("/users", [user(f"at{now:.0f}")]))
                counts.append(len(ported.standin.requests("/access_token")))
        return counts

    assert asyncio.run(use()) == [1, 1, 2]
    assert len(ported.entities()) == 3


def test_never_more_requests_are_in_flight_than_allowed(ported: PortCatalog) -> None:
    ported.standin.faults.pending.append(Fault("slow", "/entities/bulk", times=1000, seconds=0.02))
    few = PortCatalog(ported.standin, maxConcurrentRequests=3, bulkEntities=1)

    assert few.outcomes(*USERS[:12]) == ["created"] * 12
    assert ported.standin.traffic.most_in_flight == 3


def test_what_waits_for_another_one_is_settled_in_the_order_of_what_leads_where(ported: PortCatalog) -> None:
    define(ported.standin, "node", {}, {"parent": {"target": "node"}, "more": {"target": "node", "many": True}})
    chain = [Entity("node", f"n{number}", relations={"parent": f"n{number + 1}"}) for number in range(30)]
    chain += [Entity("node", "n30", relations={"more": ["n31"]})]
    strict = PortCatalog(ported.standin, createMissingRelatedEntities=False)

    async def use(sink: Sink) -> tuple[list[str], list[Settled]]:
        first = await sink.write(EntityBatch("/nodes", chain))
        await sink.write(EntityBatch("/nodes", [Entity("node", "n31")]))
        return [one.kind for one in first], await _settled(sink)

    first, settled = strict.run(use)

    assert set(first) == {"deferred"}
    assert {(one.kind, one.outcome.kind) for one in settled} == {("/nodes", "created")}
    assert [one.identifier for one in settled] == [f"n{number}" for number in range(30, -1, -1)]
    assert len(strict.entities()) == 32


def test_what_goes_round_in_a_circle_or_leads_nowhere_is_refused_at_the_end(ported: PortCatalog) -> None:
    define(ported.standin, "node", {}, {"parent": {"target": "node"}})
    nodes = [Entity("node", name, relations={"parent": parent}) for name, parent in ("ab", "ba", "cx")]
    strict = PortCatalog(ported.standin, createMissingRelatedEntities=False)

    async def use(sink: Sink) -> list[Settled]:
        await sink.write(EntityBatch("/nodes", nodes))
        return await _settled(sink)

    settled = {one.identifier: one.outcome for one in strict.run(use)}

    assert {name: one.kind for name, one in settled.items()} == dict.fromkeys("abc", "refused")
    assert settled["c"].reason == 'target entity "x" of blueprint "node" does not exist (404 not_found)'


def test_what_comes_again_after_it_was_deferred_is_told_once_and_keeps_what_came_last(ported: PortCatalog) -> None:
    define(ported.standin, "node", {"n": {"type": "number"}}, {"parent": {"target": "node"}})
    strict = PortCatalog(ported.standin, createMissingRelatedEntities=False)

    async def use(sink: Sink) -> list[Settled]:
        await sink.write(EntityBatch("/n", [Entity("node", "a", properties={"n": 1}, relations={"parent": "b"})]))
        await sink.write(EntityBatch("/n", [Entity("node", "b")]))
        await sink.write(EntityBatch("/n", [Entity("node", "a", properties={"n": 2}, relations={"parent": "b"})]))
        return await _settled(sink)

    assert [(one.identifier, one.outcome.kind) for one in strict.run(use)] == [("a", "unchanged")]
    assert ported.standin.entities.of("node")["a"].properties == {"n": 2}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("limited", "/delete", seconds=0.05),
        Fault("unavailable", "/delete"),
        Fault("dropped", "/delete"),
        Fault("expired", "/delete"),
    ],
    ids=lambda fault: fault.name,
)
def test_deletions_survive_what_passes(ported: PortCatalog, fault: Fault) -> None:
    ported.write(*USERS)
    ported.standin.faults.pending.append(replace(fault))

    outcomes = ported.delete(*(("user", one.identifier) for one in USERS[:30]), ("user", "nobody"))

    assert [one.kind for one in outcomes] == ["deleted"] * 30 + ["absent"]
    assert len(ported.entities()) == 20


def _with_dependents(ported: PortCatalog) -> None:
    define(ported.standin, "badge", {}, {"owner": {"target": "user", "required": True}})
    ported.write(*USERS, Entity("badge", "b1", relations={"owner": "u03"}))


def test_without_dependents_one_that_is_required_stays_and_the_others_go(ported: PortCatalog) -> None:
    _with_dependents(ported)
    careful = PortCatalog(ported.standin, deleteDependentEntities=False, createMissingRelatedEntities=False)

    outcomes = careful.delete(*(("user", one.identifier) for one in USERS))

    assert [one.kind for one in outcomes].count("deleted") == 49
    assert outcomes[3].kind == "refused"
    assert outcomes[3].reason.startswith('"b1" of "badge" requires it (x-trace-id ')


def test_what_is_required_goes_after_what_requires_it(ported: PortCatalog) -> None:
    _with_dependents(ported)
    careful = PortCatalog(ported.standin, deleteDependentEntities=False)

    outcomes = careful.delete(("user", "u03"), ("badge", "b1"))

    assert [one.kind for one in outcomes] == ["deleted", "deleted"]


def test_what_somebody_else_wrote_since_is_not_deleted(ported: PortCatalog) -> None:
    ported.write(user("ada"))
    ported.write(user("ada", n=1), source="theirs")

    [outcome] = ported.delete(("user", "ada"))

    assert (outcome.kind, outcome.reason) == ("refused", "somebody else has written it since")
    assert len(ported.entities()) == 1


def test_a_list_that_does_not_end_is_an_error_not_the_end(ported: PortCatalog) -> None:
    from penstock.demo.port.wire import Answer, Received  # noqa: PLC0415

    def answer(request: Received) -> Answer:
        if request.target.endswith("/datasource-entities"):
            return Answer({"ok": True, "entities": [{"identifier": "a", "blueprint": "user"}], "next": "same"})
        return honest(request)

    honest, ported.standin.answer = ported.standin.answer, answer  # type: ignore[method-assign]

    with pytest.raises(SinkError, match="does not end: it names the same page twice"):
        ported.owned()


def test_a_read_of_keys_finds_whoever_owns_them(ported: PortCatalog) -> None:
    ported.write(user("ada", n=1))
    ported.write(user("bob", n=2), source="theirs")

    keys = [EntityKey("user", name) for name in ("bob", "nobody", "a b", "ada")]
    held = ported.run(lambda sink: sink.read(keys))

    assert [one and one.entity.properties for one in held] == [{"n": 2}, None, None, {"n": 1}]
