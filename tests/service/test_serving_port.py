"""A service whose catalog is Port: it syncs when somebody asks there, and says when Port cannot be reached."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from fakes.port import define, port
from penstock.demo.port.server import PortStandIn
from penstock.service.signatures import signature
from support.commands import config_for, write_config
from support.project import resource
from support.server import ApiServer, routes, serve
from support.service import PATIENCE, Service, eventually, serving

OURS = "ocean-custom"
PEOPLE = [{"id": number, "name": f"User {number}"} for number in range(1, 4)]


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        define(running, "user")
        running.integrations.create(
            {"installationId": OURS, "config": {"resources": [resource("/users")]}}, running.url
        )
        yield running


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": PEOPLE})) as server:
        yield server


def _environ(standin: PortStandIn, api: ApiServer, **listener: object) -> dict[str, str]:
    return {
        "OCEAN__PORT__CLIENT_ID": standin.client_id,
        "OCEAN__PORT__CLIENT_SECRET": standin.client_secret,
        "OCEAN__PORT__BASE_URL": standin.url,
        "OCEAN__INTEGRATION__IDENTIFIER": OURS,
        "OCEAN__EVENT_LISTENER": json.dumps({"type": "POLLING", "interval": 0.1, **listener}),
        "OCEAN__INTEGRATION__CONFIG__BASE_URL": api.url,
        "OCEAN__INTEGRATION__CONFIG__PAGINATION_TYPE": "none",
    }


def test_it_syncs_at_the_start_and_when_somebody_asks_at_port(
    tmp_path: Path, standin: PortStandIn, api: ApiServer
) -> None:
    standin.integrations.ask_for_resync(OURS)  # the sync at the start is the answer to it
    with serving(tmp_path, **_environ(standin, api)) as service:
        service.says("sync begins (start)")
        service.says("sync ends: complete")
        service.is_ready()
        assert list(standin.entities.of("user")) == ["1", "2", "3"]

        standin.integrations.ask_for_resync(OURS)
        service.says("somebody asks for it at Port")
        service.says("sync begins (request)")
        service.says("sync ends: complete")
        assert service.end() == 143
    assert sum("sync begins" in line for line in service.lines) == 2
    assert standin.client_secret not in "".join(service.lines)


def test_port_is_told_when_the_next_sync_is_due_by_a_service_with_a_schedule(
    tmp_path: Path, standin: PortStandIn, api: ApiServer
) -> None:
    before = datetime.now(UTC)
    with serving(tmp_path, **_environ(standin, api), OCEAN__SCHEDULED_RESYNC_INTERVAL="90") as service:
        service.says("sync ends: complete")
        assert service.end() == 143

    begun, ended = (json.loads(one.body) for one in standin.requests("/resync-state"))
    assert (begun["intervalInMinuets"], begun["status"]) == (90, "running")
    minutes = (datetime.fromisoformat(begun["nextResync"]) - before) / timedelta(minutes=1)
    assert 90 <= minutes <= 91
    assert ended == ended | {name: begun[name] for name in ("nextResync", "intervalInMinuets")}


def test_it_is_not_ready_before_port_is_reached_and_says_why(
    tmp_path: Path, standin: PortStandIn, api: ApiServer
) -> None:
    secret, standin.client_secret = standin.client_secret, "another-one"
    environ = _environ(standin, api) | {"OCEAN__PORT__CLIENT_SECRET": secret}
    with serving(tmp_path, **environ) as service:
        service.says("Port refuses the credentials")
        answer = service.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        assert answer.json()["problems"][0].startswith(f"{OURS}: the catalog ")
        assert service.get("/health/live").status_code == 200
        standin.client_secret = secret
        service.says("sync begins (start)")
        service.is_ready()


def test_two_files_that_write_as_one_integration_are_not_both_synced(
    tmp_path: Path, standin: PortStandIn, api: ApiServer
) -> None:
    """Each sync would find the entities of the other to be gone."""
    for name in ("a", "b", "c"):
        sink = {"type": "port"} | ({"integrationType": "other"} if name == "c" else {})
        config = config_for(api.url, [resource("/users")])
        write_config(tmp_path, {**config, "source": name, "sink": sink}, f"{name}.yml")
    with serving(tmp_path, "--sources", ".", **_environ(standin, api)) as service:
        said = service.says('another file, a.yml, writes entities that the catalog knows as those of "ocean-custom"')
        assert "sink.integrationIdentifier" in said
        assert said.rstrip().endswith("file=b.yml")
        for _ in "ac":
            service.says("sync ends: complete")
        assert service.get("/health/ready").json()["problems"][0].startswith("b.yml: ")
        assert {one["source"] for one in service.get("/sources").json()["sources"]} == {"a", "c"}


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ([resource("/users", selector={"query": ".x | |"})], "jq does not compile: `.x | |`"),
        ([], "keeps no resources for this source"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_told_at_port(
    resources: list[dict[str, object]], why: str, tmp_path: Path, standin: PortStandIn, api: ApiServer
) -> None:
    with serving(tmp_path, **_environ(standin, api), OCEAN__SCHEDULED_RESYNC_INTERVAL="90") as service:
        service.says("sync ends: complete")
        standin.integrations.change(OURS, {"config": {"resources": resources}})
        service.says("sync begins (request)")
        service.says(why)
        service.says("sync ends: ")

    state = standin.integrations.all[OURS]["resyncState"]
    assert (state["status"], state["intervalInMinuets"]) == ("failed", 90)
    assert state["nextResync"] is not None
    lines = [line for one in standin.requests(f"/ingest/{OURS}") for line in json.loads(one.body)["logs"]]
    assert [line["level"] for line in lines if why in line["message"]] == ["ERROR"]
    assert len(standin.entities.of("user")) == 3


def test_port_calls_and_is_obeyed_by_its_signature(tmp_path: Path, standin: PortStandIn, api: ApiServer) -> None:
    listener = {"type": "WEBHOOK", "app_host": "https://us.test"}
    with serving(tmp_path, **_environ(standin, api, **listener)) as service:
        service.is_ready()
        told = standin.integrations.all[OURS]["changelogDestination"]
        assert told == {"type": "WEBHOOK", "url": "https://us.test/resync"}

        other = json.dumps({"action": "RESYNC", "context": {"integrationId": "other"}}).encode()
        assert _called(service, other, standin.client_secret).json() == {OURS: "heard"}
        assert _called(service, b"", "somebody-else-altogether").status_code == 403
        ours = json.dumps({"action": "RESYNC", "context": {"integrationId": OURS}}).encode()
        assert _called(service, ours, standin.client_secret).status_code == 202
        service.says("the catalog calls for it")
        service.says("sync ends: complete")
        eventually(lambda: service.source(OURS)["running"] is False)
    assert sum("sync begins" in line for line in service.lines) == 1


def _called(service: Service, body: bytes, secret: str) -> httpx.Response:
    now = str(int(time.time()))
    headers = {"X-Port-Timestamp": now, "X-Port-Signature": signature(SecretStr(secret), now, body)}
    return httpx.post(service.url + "/resync", content=body, headers=headers, trust_env=False, timeout=PATIENCE)
