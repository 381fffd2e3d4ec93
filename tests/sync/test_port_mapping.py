"""A run from an Ocean environment alone: the mapping comes from Port, and what is missing there is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes.port import define, port
from penstock.cli.failures import Context
from penstock.cli.mapped import settings_to_look, settings_to_sync
from penstock.config.load import Inputs
from penstock.demo.port.faults import Fault
from penstock.demo.port.server import PortStandIn
from penstock.errors import ConfigurationError, PenstockError, SinkError
from support.commands import Ran, penstock
from support.project import resource
from support.server import ApiServer, routes, serve

PEOPLE = [{"id": number, "name": f"User {number}"} for number in range(1, 4)]
USERS = resource("/users")


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        define(running, "user")
        yield running


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": PEOPLE})) as server:
        yield server


@pytest.fixture
def environ(standin: PortStandIn, api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the published command passes with -e."""
    monkeypatch.chdir(tmp_path)
    return {
        "OCEAN__PORT__CLIENT_ID": standin.client_id,
        "OCEAN__PORT__CLIENT_SECRET": standin.client_secret,
        "OCEAN__PORT__BASE_URL": standin.url,
        "OCEAN__INITIALIZE_PORT_RESOURCES": "true",
        "OCEAN__SCHEDULED_RESYNC_INTERVAL": "60",
        "OCEAN__INTEGRATION__IDENTIFIER": "ocean-custom",
        "OCEAN__INTEGRATION__TYPE": "custom",
        "OCEAN__EVENT_LISTENER": '{"type":"ONCE"}',
        "OCEAN__INTEGRATION__CONFIG__BASE_URL": api.url,
        "OCEAN__INTEGRATION__CONFIG__AUTH_TYPE": "bearer_token",
        "OCEAN__INTEGRATION__SECRETS__AUTH_VALUE": "a-token-of-the-source",
        "OCEAN__INTEGRATION__CONFIG__PAGINATION_TYPE": "none",
    }


def keep(standin: PortStandIn, mapping: Mapping[str, Any], **more: object) -> dict[str, Any]:
    """Have an integration whose mapping somebody has written."""
    body = {"installationId": "ocean-custom", "config": dict(mapping), **more}
    return standin.integrations.create(body, standin.url)


def once(folder: Path, environ: Mapping[str, str]) -> Ran:
    return penstock("serve", "--once", folder=folder, variables=environ)


def read(environ: Mapping[str, str]) -> Any:  # noqa: ANN401
    return settings_to_sync(Context(), Inputs(environ=environ)).settings


def refusal(environ: Mapping[str, str]) -> str:
    with pytest.raises(PenstockError) as raised:
        read(environ)
    assert isinstance(raised.value, ConfigurationError | SinkError)
    return str(raised.value)


def test_the_environment_of_docker_run_is_enough(standin: PortStandIn, environ: dict[str, str], tmp_path: Path) -> None:
    keep(standin, {"resources": [USERS]})

    ran = once(tmp_path, environ)

    assert (ran.code, list(standin.entities.of("user"))) == (0, ["1", "2", "3"]), ran.err
    [owner] = {one.datasource for one in standin.entities.of("user").values()}
    assert owner.startswith("port-ocean/custom/")
    assert owner.endswith("/ocean-custom/exporter")


@pytest.mark.parametrize("place", [".port/resources", "app/.port/resources"])
def test_an_installation_that_is_new_brings_its_blueprints_and_its_mapping(
    standin: PortStandIn, environ: dict[str, str], tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / place
    monkeypatch.setattr("penstock_sinks._port_resources._OF_OCEAN", tmp_path / "app" / ".port" / "resources")
    folder.mkdir(parents=True)
    (folder / "blueprints.json").write_text(
        json.dumps({"blueprints": [{"identifier": "person", "title": "Person", "schema": {"properties": {}}}]})
    )
    mapping = json.dumps({"deleteDependentEntities": False, "resources": [resource("/users", blueprint="person")]})
    (folder / "port-app-config.yml").write_text(mapping)

    settings = read(environ)

    assert [one.kind for one in settings.resources] == ["/users"]
    assert settings.flags.delete_dependent_entities is False
    assert standin.blueprints.all["person"]["title"] == "Person"
    integration = standin.integrations.all["ocean-custom"]
    assert integration["installationAppType"] == "custom"
    assert integration["arePortResourcesInitialized"] is True

    standin.received.clear()
    read(environ)
    assert {one.method for one in standin.received if "/auth/" not in one.target} == {"GET"}  # all is as it should be


def test_a_mapping_that_port_makes_is_synced_by(standin: PortStandIn, environ: dict[str, str], tmp_path: Path) -> None:
    standin.integrations.provisioning.mapping = {"resources": [USERS]}
    standin.integrations.provisioning.looks = 0  # nothing is to be waited for

    ran = once(tmp_path, environ | {"OCEAN__CREATE_PORT_RESOURCES_ORIGIN": "Port"})

    assert (ran.code, list(standin.entities.of("user"))) == (0, ["1", "2", "3"]), ran.err


def test_an_integration_that_is_registered_empty_has_nothing_to_sync(
    standin: PortStandIn, environ: dict[str, str]
) -> None:
    said = refusal(environ | {"OCEAN__CREATE_PORT_RESOURCES_ORIGIN": "Empty"})

    assert said.startswith("the sink port keeps no resources for this source")
    assert standin.integrations.all["ocean-custom"]["createPortResourcesOrigin"] == "Empty"


def test_what_somebody_has_written_at_port_is_never_replaced(
    standin: PortStandIn, environ: dict[str, str], tmp_path: Path
) -> None:
    keep(standin, {"resources": [USERS]}, version="0.0.1")
    (tmp_path / ".port" / "resources").mkdir(parents=True)
    (tmp_path / ".port" / "resources" / "port-app-config.json").write_text('{"resources": []}')

    assert [one.kind for one in read(environ).resources] == ["/users"]
    assert standin.integrations.all["ocean-custom"]["config"] == {"resources": [USERS]}
    assert standin.integrations.all["ocean-custom"]["version"] != "0.0.1"
    assert not standin.integrations.resync_requests  # to tell of a version asks for no sync


def test_without_initialising_no_file_is_looked_at(
    standin: PortStandIn, environ: dict[str, str], tmp_path: Path
) -> None:
    keep(standin, {"resources": [USERS]})
    (tmp_path / ".port" / "resources").mkdir(parents=True)
    (tmp_path / ".port" / "resources" / "blueprints.json").write_text("nonsense: [")

    assert read(environ | {"OCEAN__INITIALIZE_PORT_RESOURCES": "false"}).resources
    assert "blueprints.json:1: " in refusal(environ)


def test_looking_changes_nothing_at_port(standin: PortStandIn, environ: dict[str, str]) -> None:
    keep(standin, {"resources": [USERS]})

    settings = settings_to_look(Context(), Inputs(environ=environ)).settings

    assert [one.kind for one in settings.resources] == ["/users"]
    assert {one.method for one in standin.received if "/auth/" not in one.target} == {"GET"}


def test_resources_that_are_written_here_win_and_port_is_not_asked(
    standin: PortStandIn, environ: dict[str, str]
) -> None:
    assert read(environ | {"PENSTOCK__RESOURCES": json.dumps([USERS])}).resources
    assert standin.received == []


NONSENSE: list[tuple[Any, str]] = [
    ([], "the sink port keeps no resources for this source"),
    (None, "the sink port keeps no resources for this source"),
    ([{"kind": "/users"}], "the mapping kept by the sink port: resources[0].port: is required"),
    (
        [resource("/users") | {"selector": {"query": ".a |"}}],
        "the mapping kept by the sink port: resources[0].selector.query: ",
    ),
    ("nonsense", "the mapping kept by the sink port: resources: "),
]


@pytest.mark.parametrize(("resources", "said"), NONSENSE, ids=["empty", "none", "incomplete", "jq", "text"])
def test_a_mapping_that_cannot_be_used_says_why(
    standin: PortStandIn,
    environ: dict[str, str],
    resources: object,
    said: str,
) -> None:
    keep(standin, {"resources": resources})

    assert said in refusal(environ)


def test_a_mapping_edited_into_nonsense_deletes_nothing(
    standin: PortStandIn, environ: dict[str, str], tmp_path: Path
) -> None:
    integration = keep(standin, {"resources": [USERS]})
    assert once(tmp_path, environ).code == 0
    integration["config"] = {"resources": [USERS | {"port": {"entity": {"mappings": {"identifier": ".id |"}}}}]}

    ran = once(tmp_path, environ)

    assert (ran.code, len(standin.entities.of("user"))) == (2, 3)
    assert "the mapping kept by the sink port: resources[0].port.entity.mappings" in ran.err


def test_an_integration_that_port_runs_is_left_alone(standin: PortStandIn, environ: dict[str, str]) -> None:
    keep(standin, {"resources": [USERS]}, installationType="Saas")

    assert "is one that Port itself runs" in refusal(environ)


def test_an_integration_that_was_made_in_between_is_taken(standin: PortStandIn, environ: dict[str, str]) -> None:
    keep(standin, {"resources": [USERS]})
    standin.faults.pending = [Fault("missing", "/integration/ocean-custom")]

    assert read(environ).resources
