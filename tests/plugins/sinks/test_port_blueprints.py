"""Blueprints are made so that they may lead to each other, and what exists is never changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from fakes.port import define, port, settings
from penstock import JSON, ClientSettings
from penstock.demo.port.faults import Fault
from penstock.demo.port.server import PortStandIn
from penstock.errors import SinkError
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock_sinks._port_api import Api
from penstock_sinks._port_blueprints import Blueprint, Made, blueprints_in, create_blueprints
from penstock_sinks.port import PortConfig

SERVICE: Blueprint = {
    "identifier": "service",
    "title": "Service",
    "schema": {"properties": {"url": {"type": "string", "format": "url"}}},
    "relations": {"team": {"title": "Team", "target": "team"}},
    "mirrorProperties": {"size": {"title": "Size", "path": "team.size"}},
    "calculationProperties": {"link": {"calculation": ".properties.url", "type": "string"}},
}
TEAM: Blueprint = {
    "identifier": "team",
    "title": "Team",
    "schema": {"properties": {"size": {"type": "number"}}},
    "relations": {"main": {"target": "service"}, "parent": {"target": "team"}},
    "aggregationProperties": {"services": {"target": "service", "calculationSpec": {"func": "count"}}},
}


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        yield running


def create(standin: PortStandIn, *blueprints: Blueprint) -> Made:
    async def run() -> Made:
        config = PortConfig.model_validate(settings(standin))
        context = Lent("ours", Secrets())
        client_settings = ClientSettings(base_url=config.url, max_retries=1)
        async with context.client(client_settings) as client:
            return await create_blueprints(Api(client, config, context), blueprints)

    return asyncio.run(run())


@pytest.mark.parametrize("order", [(SERVICE, TEAM), (TEAM, SERVICE)])
def test_blueprints_that_lead_to_each_other_are_made_in_any_order(
    standin: PortStandIn, order: Sequence[Blueprint]
) -> None:
    assert create(standin, *order) == Made([str(one["identifier"]) for one in order], [])

    made = standin.blueprints.all
    assert all(made[name][part] == one[part] for name, one in (("service", SERVICE), ("team", TEAM)) for part in one)


def test_what_exists_is_left_as_it_is_and_the_rest_is_made(standin: PortStandIn) -> None:
    define(standin, "team", {"size": {"type": "string"}})

    assert create(standin, SERVICE, TEAM) == Made(["service"], ["team"])
    assert standin.blueprints.all["team"]["schema"]["properties"] == {"size": {"type": "string"}}
    assert create(standin, SERVICE, TEAM) == Made([], ["service", "team"])


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (
            {**TEAM, "relations": {"main": {"target": "nowhere"}}},
            'Port does not take the blueprint "team": relations/main: target blueprint "nowhere" does not exist',
        ),
        (
            {**TEAM, "schema": {"properties": {"day": {"type": "string", "format": "date"}}}},
            'Port does not take the blueprint "team": schema/properties/day/format must be equal to one of',
        ),
        (
            {**TEAM, "mirrorProperties": {"x": {"path": "boss.title"}}},
            'Port does not take the blueprint "team": mirrorProperties/x: there is no relation "boss"',
        ),
    ],
)
def test_when_one_cannot_be_made_none_is(standin: PortStandIn, bad: Blueprint, says: str) -> None:
    with pytest.raises(SinkError) as raised:
        create(standin, SERVICE, bad)

    assert str(raised.value).startswith(says)
    assert standin.blueprints.all == {}


def test_what_could_not_be_removed_again_is_told(standin: PortStandIn) -> None:
    bad: Blueprint = {**TEAM, "relations": {"main": {"target": "nowhere"}}}
    standin.faults.pending.append(Fault("broken", "/blueprints/service", times=99, holding='"relations":{}'))

    with pytest.raises(SinkError) as raised:
        create(standin, SERVICE, bad)

    [note] = raised.value.__notes__
    assert note.startswith('the blueprint "service", made a moment ago, could not be removed again: told to: broken')


@pytest.mark.parametrize("document", [[SERVICE, TEAM], {"blueprints": [SERVICE, TEAM]}])
def test_a_file_is_a_list_or_has_one(document: JSON) -> None:
    assert blueprints_in(document) == [SERVICE, TEAM]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("text", "blueprints: expected a list of blueprints, or {blueprints: [...]}"),
        ({"blueprint": []}, "blueprints: expected a list of blueprints, or {blueprints: [...]}"),
        ([SERVICE, 7], "blueprints[1]: expected an object with an identifier"),
        ([{"title": "x"}], "blueprints[0]: expected an object with an identifier"),
        ([TEAM, SERVICE, TEAM], 'blueprints: "team" comes twice'),
    ],
)
def test_a_file_of_something_else_is_told_where(document: JSON, says: str) -> None:
    with pytest.raises(SinkError) as raised:
        blueprints_in(document)

    assert str(raised.value) == says
