"""Who makes the resources of an integration: nobody, we from a folder, or Port; each as it is written."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from fakes.port import port, settings
from penstock.config.load import Inputs, load_settings
from penstock.demo.port.faults import Fault
from penstock.demo.port.server import PortStandIn
from penstock.errors import ConfigurationError, SinkError
from penstock.http.lending import Lent
from penstock.plugins import PluginManager
from penstock.redaction import Secrets
from penstock_sinks.port import Port, PortConfig
from support.clock import FakeClock
from support.project import resource

PERSON: dict[str, Any] = {"identifier": "person", "title": "Person", "schema": {"properties": {}}}
OF_FOLDER = {"resources": [resource("/people", blueprint="person")]}
OF_PORT = {"resources": [resource("/made-by-port")]}
Kept: TypeAlias = "tuple[list[str], Any, bool]"
"""Blueprints, the resources of the mapping, and whether that was all to be made."""

FROM_FOLDER: Kept = (["person"], OF_FOLDER["resources"], True)
UNMADE: Kept = ([], [], False)


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        running.integrations.provisioning.mapping = OF_PORT
        running.integrations.provisioning.blueprints = [{**PERSON, "identifier": "ports-own"}]
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blueprints.json").write_text(json.dumps([PERSON]))
    (tmp_path / "port-app-config.json").write_text(json.dumps(OF_FOLDER))
    return tmp_path


def make_ready(standin: PortStandIn, folder: Path, **written: object) -> FakeClock:
    """Have the integration seen to, as at the start of a sync; the clock knows how long that took."""
    more = {"integrationIdentifier": "ours", "resourcesPath": str(folder), "maxRetries": 0, **written}
    config = PortConfig.model_validate(settings(standin, **more))
    clock = FakeClock()
    asyncio.run(Port().make_ready(config, Lent("test", Secrets(()), clock=clock)))
    return clock


def registered(standin: PortStandIn) -> tuple[str, Mapping[str, Any]]:
    """Return the query and the body with which the integration was registered."""
    [request] = [one for one in standin.requests("/integration") if one.method == "POST"]
    return request.target.partition("?")[2], json.loads(request.body)


def kept(standin: PortStandIn) -> Kept:
    """Return what there is at Port."""
    integration = standin.integrations.all["ours"]
    mapping: dict[str, Any] = integration["config"]
    return list(standin.blueprints.all), mapping.get("resources"), integration["arePortResourcesInitialized"]


@pytest.mark.parametrize(
    ("written", "told", "made"),
    [
        ({"createPortResourcesOrigin": "Default"}, "Default", FROM_FOLDER),
        ({"createPortResourcesOrigin": "Ocean"}, "Default", FROM_FOLDER),
        ({"initializePortResources": True}, "Default", FROM_FOLDER),
        ({"createPortResourcesOrigin": "Empty"}, "Empty", UNMADE),
        ({"createPortResourcesOrigin": "Empty", "initializePortResources": True}, "Empty", UNMADE),
        ({"createPortResourcesOrigin": "Empty", "initializePortResources": False}, "Empty", UNMADE),
        ({"createPortResourcesOrigin": "Default", "initializePortResources": False}, "Default", UNMADE),
        ({"createPortResourcesOrigin": "Port", "initializePortResources": False}, "Default", UNMADE),
        ({}, "Default", UNMADE),
    ],
)
def test_an_integration_is_registered_with_what_is_made_here(
    written: dict[str, object], told: str, made: Kept, standin: PortStandIn, folder: Path
) -> None:
    clock = make_ready(standin, folder, **written)

    query, body = registered(standin)
    assert (query, body["createPortResourcesOrigin"]) == ("", told)
    assert body["config"]["resources"] == made[1]
    assert kept(standin) == made
    assert clock.sleeps == []


@pytest.mark.parametrize("written", [{}, {"initializePortResources": True}])
@pytest.mark.parametrize("looks", [0, 1, 4])
def test_what_port_makes_is_waited_for_and_no_file_is_looked_at(
    written: dict[str, object], looks: int, standin: PortStandIn, tmp_path: Path
) -> None:
    (tmp_path / "blueprints.json").write_text("nonsense: [")
    standin.integrations.provisioning.looks = looks

    clock = make_ready(standin, tmp_path, createPortResourcesOrigin="Port", **written)

    query, body = registered(standin)
    assert (query, body["createPortResourcesOrigin"]) == ("integration_modes=create_resources", "Port")
    assert "config" not in body
    assert kept(standin) == (["ports-own"], OF_PORT["resources"], True)
    assert clock.sleeps == pytest.approx([3 * 1.55**poll for poll in range(looks)])


def test_what_port_never_makes_is_an_error_that_says_what_to_do(standin: PortStandIn, folder: Path) -> None:
    standin.integrations.provisioning.looks = 99
    clock = FakeClock()
    config = PortConfig.model_validate(
        settings(standin, integrationIdentifier="ours", createPortResourcesOrigin="Port", resourcesPath=str(folder))
    )

    with pytest.raises(SinkError) as raised:
        asyncio.run(Port().make_ready(config, Lent("test", Secrets(()), clock=clock)))

    assert str(raised.value) == (
        'the integration "ours" was registered for Port to make its resources, and after 13 minutes Port has made no '
        "mapping: write one there, on the integration's page, or set sink.createPortResourcesOrigin: Default, which "
        "takes the files of sink.resourcesPath"
    )
    assert len(clock.sleeps) == 30
    assert sum(clock.sleeps) < 850  # plugins.timeout would end the call after 900, with fewer words
    assert kept(standin) == ([], None, False)

    make_ready(standin, folder, createPortResourcesOrigin="Default")
    assert kept(standin) == FROM_FOLDER


@pytest.mark.parametrize("written", [{"createPortResourcesOrigin": "Port"}, {"initializePortResources": True}])
def test_a_wait_that_was_broken_off_goes_on(written: dict[str, object], standin: PortStandIn, folder: Path) -> None:
    standin.integrations.provisioning.looks = 3
    body = {"installationId": "ours", "createPortResourcesOrigin": "Port"}
    standin.integrations.create(body, standin.url, ["create_resources"])

    clock = make_ready(standin, folder, **written)

    assert len(clock.sleeps) == 2  # the look before it was one
    assert kept(standin) == (["ports-own"], OF_PORT["resources"], True)

    standin.received.clear()
    assert make_ready(standin, folder, **written).sleeps == []
    assert {one.method for one in standin.received if "/auth/" not in one.target} == {"GET"}


@pytest.mark.parametrize("unseen", [0, 1], ids=["seen", "registered meanwhile"])
@pytest.mark.parametrize("config", [{}, OF_PORT])
def test_port_makes_nothing_of_what_is_registered_already(
    config: dict[str, Any], unseen: int, standin: PortStandIn, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    standin.integrations.create({"installationId": "ours", "config": config}, standin.url)
    standin.faults.pending = [Fault("missing", "/integration/ours", times=unseen)]

    clock = make_ready(standin, folder, createPortResourcesOrigin="Port")

    assert clock.sleeps == []
    assert kept(standin) == ([], config.get("resources"), False)
    assert ['"ours" already was' in one.message for one in caplog.records if one.levelno == logging.WARNING] == (
        [] if config else [True]
    )


def test_what_is_not_to_be_made_is_not_made_by_port_either(
    standin: PortStandIn, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_ready(standin, folder, createPortResourcesOrigin="Port", initializePortResources=False)

    assert "has no effect: sink.initializePortResources is false" in caplog.text


@pytest.mark.parametrize(
    ("kinds", "flags", "written", "told"),
    [
        (["custom"], ["USE_PROVISIONED_DEFAULTS"], {}, "Port"),
        (["custom"], [], {}, "Default"),
        (["github"], ["USE_PROVISIONED_DEFAULTS"], {}, "Default"),
        (["github"], ["USE_PROVISIONED_DEFAULTS"], {"integrationType": "github"}, "Port"),
        (["custom"], ["USE_PROVISIONED_DEFAULTS"], {"createPortResourcesOrigin": "Default"}, "Default"),
        (["custom"], ["USE_PROVISIONED_DEFAULTS"], {"initializePortResources": False}, "Default"),
    ],
)
def test_where_nobody_says_who_the_organisation_decides(
    kinds: list[str], flags: list[str], written: dict[str, object], told: str, standin: PortStandIn, folder: Path
) -> None:
    standin.integrations.provisioning.kinds, standin.flags = kinds, flags

    make_ready(standin, folder, **{"initializePortResources": True, **written})

    assert registered(standin)[1]["createPortResourcesOrigin"] == told


def test_a_port_that_knows_no_such_rule_makes_nothing_by_itself(standin: PortStandIn, folder: Path) -> None:
    standin.faults.pending = [Fault("missing", "/integration/provision-enabled")]

    make_ready(standin, folder, initializePortResources=True)

    assert registered(standin)[1]["createPortResourcesOrigin"] == "Default"


def test_whether_port_makes_them_is_not_guessed(standin: PortStandIn, folder: Path) -> None:
    standin.faults.pending = [Fault("broken", "/integration/provision-enabled", times=99)]

    with pytest.raises(SinkError) as raised:
        make_ready(standin, folder, initializePortResources=True)

    assert str(raised.value) == (
        "Port does not say whether it makes the resources of the integration: told to: broken (x-trace-id "
        "trace-of-a-fault) (500 internal_error); with sink.createPortResourcesOrigin set it is not asked"
    )
    assert standin.integrations.all == {}


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("Defualt", 'expected one of Empty, Default, Ocean, Port; did you mean "Default"?'),
        ("empty", 'expected one of Empty, Default, Ocean, Port; did you mean "Empty"?'),
        ("nobody", "expected one of Empty, Default, Ocean, Port"),
    ],
)
def test_another_word_is_refused_with_the_nearest_one(word: str, says: str) -> None:
    environ = {
        "OCEAN__PORT__CLIENT_ID": "an-id",
        "OCEAN__PORT__CLIENT_SECRET": "a-secret-of-port",
        "OCEAN__INTEGRATION__CONFIG__BASE_URL": "https://api.test",
        "OCEAN__CREATE_PORT_RESOURCES_ORIGIN": word,
    }

    with pytest.raises(ConfigurationError) as raised:
        load_settings(Inputs(environ=environ), PluginManager(disabled=()))

    assert str(raised.value) == (
        f"environment OCEAN__CREATE_PORT_RESOURCES_ORIGIN: sink.createPortResourcesOrigin: {says}"
    )
