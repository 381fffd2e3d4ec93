"""Port is told how syncs go, where it knows the integration; a report that fails harms nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from fakes.port import PEOPLE
from penstock.demo.port.faults import Fault, Name
from penstock.demo.port.server import PortStandIn
from penstock.errors import SinkError
from support.project import Project, resource
from support.server import ApiServer, Received, Reply, routes


@pytest.fixture(autouse=True)
def five_people_of_whom_four_are_wanted(api: ApiServer, project: Project) -> None:
    api.handler = routes({"/users": PEOPLE[:5]})
    project.config["resources"] = [resource("/users") | {"selector": {"query": ".id != 5"}}]


def state(standin: PortStandIn) -> dict[str, Any]:
    found: dict[str, Any] = standin.integrations.all["ours"]["resyncState"]
    return found


def told(standin: PortStandIn, ending: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in standin.requests(ending)]


def test_port_is_told_of_the_beginning_and_of_what_came(project: Project, standin: PortStandIn) -> None:
    standin.faults.rejected["4"] = "it does not please"
    report = project.sync()

    begun, ended = told(standin, "/resync-state")
    assert (begun["status"], begun["lastResyncEnd"], ended["status"]) == ("running", None, "failed")
    assert begun["lastResyncStart"] < ended["lastResyncEnd"]
    assert {one[name] for one in (begun, ended) for name in ("nextResync", "intervalInMinuets")} == {None}
    first, last = told(standin, "/syncMetrics")
    assert [(one["kindIdentifier"], one["syncState"]) for one in first["syncKindsMetrics"]] == [
        ("/users-0", "pending"),
        ("__runtime__", "syncing"),
    ]
    assert [(one["kindIdentifier"], one["syncState"]) for one in last["syncKindsMetrics"]] == [
        ("__runtime__", "failed"),
        ("__reconciliation__", "failed"),
    ]
    begun, read, kind = told(standin, f"/syncMetrics/resync/{report.run}/kind/%2Fusers-0")
    assert begun["syncKindMetrics"]["syncState"] == "syncing"
    assert begun["syncKindMetrics"]["metrics"] == {"phase": {}}
    assert read["syncKindMetrics"] == kind["syncKindMetrics"]  # nothing was settled or deleted after it was read
    phases = kind["syncKindMetrics"]["metrics"]["phase"]
    assert {
        (phase, name): count["object_count"]
        for phase in ("extract", "transform", "load")
        for name, count in phases[phase]["object_count_type"].items()
    } == {
        ("extract", "raw_extracted"): 5,
        ("transform", "transformed"): 4,
        ("transform", "filtered_out"): 1,
        ("transform", "failed"): 0,
        ("load", "loaded"): 3,
        ("load", "failed"): 1,
        ("load", "skipped"): 0,
    }


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (['"user"'], '"user"'),
        ([".sort | ascii_downcase"], ".sort | ascii_downcase"),
        (['"user"', '"user"'], '"user"'),
        (['"user"', '.sort | "us" + .'], '("user"), (.sort | "us" + .)'),
    ],
    ids=["constant", "dynamic", "the same twice", "several"],
)
def test_port_is_told_the_blueprint_of_each_kind_as_the_mapping_writes_it(
    written: list[str], told: str, project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    api.handler = routes({"/users": [{"id": 1, "name": "Ada", "sort": "er"}]})
    [users] = project.config["resources"]
    entity = users["port"]["entity"]["mappings"]
    users["port"]["entity"]["mappings"] = [
        {**entity, "identifier": f'"{place}"', "blueprint": one} for place, one in enumerate(written)
    ]
    project.config["resources"] = [{**users, "kind": "/unread"}, users]
    project.sync(only=["/users"])

    [pending, *_] = [json.loads(one.body)["syncKindsMetrics"] for one in standin.requests("/syncMetrics")]
    ended = [json.loads(one.body)["syncKindMetrics"] for one in standin.received if one.method == "PUT"]
    assert len(ended) == 3  # when it begins, when it has been read, when the run ends
    assert [one.get("blueprint") for one in (*pending, *ended)] == [told, None, told, told, told]


def test_a_kind_is_told_by_its_place_in_the_mapping_where_only_it_is_read(
    project: Project, standin: PortStandIn
) -> None:
    project.config["resources"].insert(0, resource("/teams"))
    standin.faults.rejected["4"] = "it does not please"
    project.sync(only=["/users"])

    figures = [json.loads(one.body)["syncKindMetrics"] for one in standin.requests() if one.method == "PUT"]
    assert {(one["kindIdentifier"], one["kindIndex"]) for one in figures} == {("/users-1", 1)}
    lines = [line for one in standin.requests("/ingest/ours") for line in json.loads(one.body)["logs"]]
    assert {one["extra"]["resourceIndex"] for one in lines if "resourceKind" in one["extra"]} == {1}


def test_port_is_told_what_reading_each_kind_has_cost(project: Project, standin: PortStandIn) -> None:
    project.config["resources"].append({**project.config["resources"][0], "kind": "/users?again=1"})
    project.sync()

    sent = [json.loads(one.body)["syncKindMetrics"] for one in standin.received if one.method == "PUT"]
    costs = [
        (one["kindIndex"], {name: number for name, number in one["metrics"].items() if name != "phase"})
        for one in sent
        if one["syncState"] == "completed"
    ]
    assert [place for place, _ in costs] == [0, 1, 0, 1]
    assert costs[:2] == costs[2:]  # at the end they are told as they were
    for _, figures in costs:
        assert 0 < figures["memory_avg_bytes"] <= figures["memory_max_bytes"]
        assert 0 < figures["memory_median_bytes"] <= figures["memory_max_bytes"]
        assert figures["cpu_avg_percent"] > 0
        assert 0 <= figures["cpu_median_percent"] <= figures["cpu_max_percent"]
    assert [one["metrics"] for one in sent if one["syncState"] == "syncing"] == [{"phase": {}}] * 2


def test_port_hears_of_each_kind_when_it_is_read(project: Project, standin: PortStandIn) -> None:
    project.config["resources"].append({**project.config["resources"][0], "kind": "/users?again=1"})
    project.sync()

    sent = [one for one in standin.received if one.method == "PUT" or one.target.endswith("/bulk")]
    states = [
        (figures["kindIndex"], figures["syncState"])
        for one in sent
        if one.method == "PUT"
        for figures in [json.loads(one.body)["syncKindMetrics"]]
    ]
    assert states[:4] == [(0, "syncing"), (0, "completed"), (1, "syncing"), (1, "completed")]


def test_port_hears_that_a_run_goes_on(project: Project, api: ApiServer, standin: PortStandIn) -> None:
    project.config["sink"]["heartbeatSeconds"] = 0.01
    answer = api.handler

    def wait_for_a_beat(request: Received) -> Reply:
        deadline = time.monotonic() + 10
        while not standin.requests("/heartbeat") and time.monotonic() < deadline:
            time.sleep(0.01)
        return answer(request)

    api.handler = wait_for_a_beat
    report = project.sync()

    assert told(standin, "/heartbeat")[0] == {"eventId": report.run}
    assert report.exit_code == 0


def test_no_beat_is_sent_where_none_is_wanted(project: Project, standin: PortStandIn) -> None:
    project.config["sink"]["heartbeatSeconds"] = 0

    assert project.sync().exit_code == 0
    assert told(standin, "/heartbeat") == []


def test_what_was_deleted_is_told_with_the_reconciliation(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.sync()
    api.handler = routes({"/users": PEOPLE[1:5]})
    standin.received.clear()
    project.sync()

    reconciled = told(standin, "/syncMetrics")[-1]["syncKindsMetrics"][1]
    assert reconciled["metrics"]["phase"]["delete"]["object_count_type"]["deleted"]["object_count"] == 1
    assert state(standin)["status"] == "completed"


def test_an_integration_that_port_does_not_know_is_not_reported(project: Project, standin: PortStandIn) -> None:
    standin.integrations.all.clear()

    assert project.sync().exit_code == 0
    assert [one.method for one in standin.received if "/integration" in one.target] == ["GET"]
    assert standin.integrations.all == {}


@pytest.mark.parametrize("path", ["/integration/ours", "/resync-state", "/syncMetrics", "%2Fusers-0"])
@pytest.mark.parametrize("name", ["broken", "missing", "dropped"])
def test_a_report_that_fails_harms_nothing(
    project: Project,
    standin: PortStandIn,
    path: str,
    name: Name,
    caplog: pytest.LogCaptureFixture,
) -> None:
    standin.faults.pending = [Fault(name, path, times=100)]

    assert project.sync().exit_code == 0
    assert len(standin.entities.of("user")) == 4
    assert "could not be told" in caplog.text or (name, path) == ("missing", "/integration/ours")


def test_a_run_that_cannot_go_on_is_told_as_failed(project: Project, standin: PortStandIn) -> None:
    standin.faults.pending = [Fault("unavailable", "/entities/bulk", times=100)]

    with pytest.raises(SinkError):
        project.sync()

    assert state(standin)["status"] == "failed"


def test_a_report_that_port_does_not_take_is_not_waited_for(
    project: Project, standin: PortStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_sinks._port_news._PATIENCE", 0.05)
    project.config["sink"]["maxRetries"] = 10
    standin.faults.pending.append(Fault("broken", "/resync-state", times=1000))

    report = project.sync()

    assert report.exit_code == 0
    assert report.kinds[0].created == 4
    assert len(told(standin, "/resync-state")) < 10
