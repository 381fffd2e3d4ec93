"""What happens in a run is in the event log of Port's page while the run goes on, and nobody waits for it."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from fakes.port import PEOPLE
from penstock.demo.port.faults import Fault, Name
from penstock.demo.port.server import PortStandIn
from penstock.errors import SinkError
from support.project import Project
from support.server import ApiServer, Received, Reply, routes


def logged(standin: PortStandIn) -> list[dict[str, Any]]:
    """The lines, as they came."""
    return [line for one in standin.requests("/ingest/ours") for line in json.loads(one.body)["logs"]]


def test_what_each_kind_came_to_is_in_ports_event_log(project: Project, standin: PortStandIn) -> None:
    standin.faults.rejected["4"] = "it does not please"
    report = project.sync()

    lines = logged(standin)
    assert [(one["level"], re.sub(r"[\d.]+ s\b", "N s", one["message"])) for one in lines] == [
        ("INFO", "the sync begins: /users"),
        ("INFO", "/users begins"),
        ("ERROR", "/users user/4: the sink refused it: it does not please (422 invalid_request)"),
        ("INFO", "/users read in N s: 8 fetched, 0 filtered, 7 written, 0 unchanged, 0 failed, 1 refused"),
        ("ERROR", "/users failed: 8 fetched, 0 filtered, 7 written, 0 unchanged, 0 failed, 1 refused, 0 deleted"),
        ("ERROR", "the sync failed after N s"),
    ]
    assert [one["extra"].get("resourceKind") for one in lines] == [None, *["/users"] * 4, None]
    assert {one["extra"]["eventId"] for one in lines} == {report.run}


def test_what_goes_wrong_is_in_the_event_log_while_the_run_goes_on(
    project: Project, api: ApiServer, standin: PortStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_sinks._port_logs._SECONDS", 0.01)
    standin.faults.rejected["4"] = "it does not please"
    project.config["resources"].append({**project.config["resources"][0], "kind": "/later"})
    answer = api.handler

    def wait_for_the_line(request: Received) -> Reply:
        deadline = time.monotonic() + 10
        while request.path == "/later" and time.monotonic() < deadline:
            if any("does not please" in one["message"] for one in logged(standin)):
                return Reply(b"[]")
            time.sleep(0.01)
        return answer(request)

    api.handler = wait_for_the_line

    assert [one.status for one in project.sync().kinds] == ["incomplete", "complete"]
    assert [one["level"] for one in logged(standin) if "does not please" in one["message"]] == ["ERROR"]


def test_a_run_that_cannot_go_on_sends_what_it_has_said(project: Project, standin: PortStandIn) -> None:
    standin.faults.pending = [Fault("unavailable", "/entities/bulk", times=100)]

    with pytest.raises(SinkError):
        project.sync()

    assert [one["message"].partition(" after")[0] for one in logged(standin)][-1] == "the sync failed"


def test_no_secret_is_in_the_event_log(project: Project, api: ApiServer, standin: PortStandIn) -> None:
    project.config["connection"] |= {"authType": "bearer_token", "apiToken": "tok-5e0d1c77"}

    def repeat_the_token(request: Received) -> Reply:
        return Reply(b'"' + request.headers["authorization"].encode() + b'"', status=500)

    api.handler = repeat_the_token
    project.config["connection"]["maxRetries"] = 0
    project.sync()

    assert any("500" in one["message"] for one in logged(standin))
    assert all(b"5e0d1c77" not in one.body for one in standin.received)


def test_a_refusal_that_repeats_what_looks_like_a_secret_is_told_without_it(
    project: Project, standin: PortStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    token = f"ghp_{'a1B2' * 9}"
    standin.faults.rejected["4"] = f"{token} is no number"
    report = project.sync()

    told = "the sink refused it: *** is no number (422 invalid_request)"
    assert [one.message for one in report.kinds[0].errors] == [told]
    assert [one["message"] for one in logged(standin) if "no number" in one["message"]] == [f"/users user/4: {told}"]
    assert token not in caplog.text


@pytest.mark.parametrize("name", ["broken", "missing", "dropped", "limited"])
def test_a_log_that_port_does_not_take_harms_nothing(
    project: Project, standin: PortStandIn, name: Name, caplog: pytest.LogCaptureFixture
) -> None:
    standin.faults.pending.append(Fault(name, "/ingest/ours", times=100))

    assert project.sync().exit_code == 0
    assert caplog.text.count("the event log at Port lacks 5 lines of this run") == 1


def test_a_place_for_the_log_that_is_no_url_harms_nothing(
    project: Project, standin: PortStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    attributes = standin.integrations.all["ours"]["logAttributes"]
    standin.integrations.all["ours"]["logAttributes"] = {**attributes, "ingestUrl": f"{attributes['ingestUrl']}\n"}

    assert project.sync().exit_code == 0
    assert "the event log at Port lacks 5 lines of this run: POST" in caplog.text
    assert "it is no URL: Invalid non-printable ASCII character" in caplog.text


def test_a_log_that_port_does_not_answer_is_not_waited_for(
    project: Project, standin: PortStandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("penstock_sinks._port_logs._PATIENCE", 0.05)
    project.config["sink"]["maxRetries"] = 10
    standin.faults.pending.append(Fault("broken", "/ingest/ours", times=1000))

    assert project.sync().exit_code == 0
    assert "lacks 5 lines of this run: Port has not taken the last ones within 0.05 seconds" in caplog.text


@pytest.mark.parametrize("path", ["/ingest/ours", "/syncMetrics"])
def test_no_entity_waits_for_what_takes_in_news(
    project: Project, api: ApiServer, standin: PortStandIn, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may want no requests for an hour; were it heeded for all of Port, the sync would end here."""
    monkeypatch.setattr("penstock_sinks._port_logs._SECONDS", 0.01)
    project.config["resources"].append({**project.config["resources"][0], "kind": "/later"})
    fault = Fault("limited", path, seconds=3600)
    standin.faults.pending.append(fault)

    def wait_for_the_fault(request: Received) -> Reply:
        deadline = time.monotonic() + 10
        while fault.times and time.monotonic() < deadline:
            time.sleep(0.01)
        return Reply(PEOPLE[:4] if request.path == "/users" else PEOPLE[4:])

    api.handler = wait_for_the_fault

    assert [one.status for one in project.sync().kinds] == ["complete", "complete"]
    assert (fault.times, len(standin.entities.of("user"))) == (0, len(PEOPLE))


def test_many_and_long_lines_go_in_several_requests_within_ports_limits(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    api.handler = routes({"/users": [{"id": f"{number} {'x' * 6000}", "name": "n"} for number in range(150)]})
    project.config["resources"] += [{**project.config["resources"][0], "kind": f"/users?{n}"} for n in range(4)]
    project.sync()

    sent = standin.requests("/ingest/ours")
    assert len(sent) > 1
    assert len(logged(standin)) == 2 + 5 * (50 + 3)
    assert all(len(one.body) < 1024 * 1024 and len(json.loads(one.body)["logs"]) <= 100 for one in sent)
    assert all(len(line["message"]) <= 4003 for one in sent for line in json.loads(one.body)["logs"])


def test_no_log_is_sent_where_none_is_wanted(project: Project, standin: PortStandIn) -> None:
    project.config["sink"]["sendLogs"] = False
    project.sync()

    assert standin.requests("/ingest/ours") == []
