"""A sync that is told to stop ends soon, whatever Port does just then, and Port is told that it was stopped."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from fakes.port import PEOPLE
from penstock.demo.port.faults import Fault
from penstock.demo.port.server import PortStandIn
from support.commands import start, write_config
from support.project import Project
from support.server import ApiServer, routes
from support.service import eventually

_FAULTS: Final = {
    "entities are refused for now": Fault("unavailable", "/bulk", times=99),
    "Port asks to wait a minute": Fault("limited", "/bulk", times=99, seconds=60),
    "no answer comes to entities": Fault("slow", "/bulk", times=99, seconds=30),
    "the news is slow to be taken": Fault("slow", "/resync-state", seconds=30),
    "what is ours cannot be listed": Fault("unavailable", "/datasource-entities", times=99),
}


@pytest.mark.parametrize("fault", _FAULTS.values(), ids=_FAULTS)
def test_a_run_that_waits_for_port_ends_when_told_to(fault: Fault, project: Project, standin: PortStandIn) -> None:
    standin.faults.pending.append(fault)
    code, seconds, said = _stopped(project, standin, fault.path)

    assert (code, seconds < 8) == (143, True), said
    assert "\ninterrupted: " in said
    assert _states(standin)[-1] == "aborted"


def test_nothing_is_deleted_by_a_run_that_was_told_to_stop(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    project.config |= {"entityDeletionThreshold": 1, "deleteAfterAbsentRuns": 1}
    assert project.sync().exit_code == 0
    api.handler = routes({"/users": PEOPLE[:5]})
    standin.received.clear()
    standin.faults.pending.append(Fault("slow", "/datasource-entities", seconds=3))

    code, _, _ = _stopped(project, standin, "/datasource-entities")

    assert (code, len(standin.entities.of("user"))) == (143, 8)
    project.sync()  # it was broken off, so that it takes one more to be sure
    assert (project.sync().exit_code, len(standin.entities.of("user"))) == (0, 5)


def test_what_could_not_be_delivered_is_told_and_comes_with_the_next_run(
    project: Project, standin: PortStandIn, tmp_path: Path
) -> None:
    standin.faults.pending.append(Fault("unavailable", "/bulk", times=99))
    _, _, said = _stopped(project, standin, "/bulk")
    standin.faults.pending.clear()

    assert "error: /users: POST" in said
    [kind] = json.loads((tmp_path / "report.json").read_text())["kinds"]
    assert "/bulk: 503" in kind["errors"][0]["message"]
    assert (kind["status"], kind["created"]) == ("interrupted", 0)
    report = project.sync()
    assert (report.resumed, report.exit_code, len(standin.entities.of("user"))) == (True, 0, 8)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_counts_before_the_mapping_is_there(
    project: Project, standin: PortStandIn, number: signal.Signals, code: int
) -> None:
    """The first process of a container ignores signals for which it has no handler."""
    del project.config["resources"]
    standin.faults.pending.append(Fault("unavailable", "/access_token", times=99))

    ended, seconds, _ = _stopped(project, standin, "/access_token", number)

    assert (ended, seconds < 3) == (code, True)
    assert _states(standin) == []


def _stopped(
    project: Project, standin: PortStandIn, path: str, number: signal.Signals = signal.SIGTERM
) -> tuple[int, float, str]:
    """Return how a sync ended that got a signal after it had asked for the path, how long it took, what it said."""
    project.config["sink"]["maxRetries"] = 10
    write_config(project.folder, project.config)
    with start("sync", "--report", "report.json", folder=project.folder) as process:
        eventually(lambda: bool(standin.requests(path)))
        time.sleep(0.3)
        process.send_signal(number)
        told = time.monotonic()
        _, said = process.communicate(timeout=60)
        return process.returncode, time.monotonic() - told, said


def _states(standin: PortStandIn) -> list[str]:
    return [json.loads(one.body)["status"] for one in standin.requests("/resync-state")]
