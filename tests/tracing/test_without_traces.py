"""Traces do a sync no harm: where nobody wants them, and where they cannot be sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from penstock.cli.traces import traces_wanted
from penstock.redaction import Redactor
from penstock.strategies import Sink
from penstock.sync.forwarding import ForwardingSink
from penstock.tracing.sink import TracedSink
from penstock.tracing.words import Words
from support.collector import collecting
from support.commands import Ran, config_for, environment, penstock, write_config
from support.project import USER, user
from support.server import Received, Reply, routes, serve

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
AWAY = {ENDPOINT: "http://127.0.0.1:9"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with serve(routes({"/users": {"users": [user(1)]}})) as server:
        write_config(tmp_path, config_for(server.url, [USER]))
        yield tmp_path


def _warnings(ran: Ran) -> list[str]:
    return [line for line in ran.err.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"}, False),
        ({ENDPOINT: "http://c:4318", "OTEL_SDK_DISABLED": "True"}, False),
        ({ENDPOINT: "http://c:4318", "OTEL_SDK_DISABLED": "false"}, True),
        ({ENDPOINT: "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://c:4318", "OTEL_TRACES_EXPORTER": ""}, True),
        ({ENDPOINT: "http://c:4318", "OTEL_TRACES_EXPORTER": "console, otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SERVICE_NAME": "hr"}, False),
    ],
)
def test_the_standard_variables_switch_traces_on(variables: dict[str, str], wanted: bool) -> None:  # noqa: FBT001
    assert traces_wanted(variables) is wanted


def test_a_collector_that_is_down_costs_one_warning(folder: Path) -> None:
    ran = penstock("sync", folder=folder, variables=AWAY)

    [warning] = _warnings(ran)
    assert ran.code == 0
    assert "complete: 1 entities" in ran.err
    assert warning.startswith("warning: 4 of 4 spans of the trace were not sent: ")
    assert "Connection refused" in warning


def test_a_collector_that_refuses_is_told(folder: Path) -> None:
    with collecting(lambda _: Reply(b"", status=401)) as collector:
        headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20wrong-key-of-ours"}
        ran = penstock("sync", folder=folder, variables=collector.variables | headers)

        assert [request.headers["authorization"] for request in collector.server.received] == [
            "Bearer wrong-key-of-ours"
        ]
    [warning] = _warnings(ran)
    assert ran.code == 0
    assert "401" in warning
    assert "wrong-key-of-ours" not in ran.err


def test_a_collector_that_hangs_does_not_hold_a_run_up(folder: Path) -> None:
    ended = Event()

    def hang(_: Received) -> Reply:
        ended.wait()
        return Reply(b"")

    patient = {"OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
    with collecting(hang) as collector:
        try:
            ran = penstock("sync", folder=folder, variables=collector.variables | patient)  # else it has a minute
            [warning] = _warnings(ran)
            assert ran.code == 0
            assert warning == (
                "warning: 4 of 4 spans of the trace were not sent: the collector did not take them within 3 s"
            )
        finally:
            ended.set()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "by http/protobuf only, and OpenTelemetry's variables say grpc"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OpenTelemetry cannot use its variables: "),
    ],
)
def test_variables_that_cannot_be_followed_cost_the_traces_alone(
    folder: Path, variables: dict[str, str], said: str
) -> None:
    ran = penstock("sync", folder=folder, variables=AWAY | variables)

    [warning] = _warnings(ran)
    assert ran.code == 0
    assert warning.startswith("warning: no traces: ")
    assert said in warning


def test_where_the_extra_is_not_installed_one_warning_names_it(folder: Path) -> None:
    script = """
import sys
sys.modules["opentelemetry"] = None
from penstock.__main__ import run
sys.argv = ["penstock", "sync"]
run()
"""
    command = [sys.executable, "-c", script]
    ran = subprocess.run(
        command, cwd=folder, env=environment(**AWAY), capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 0
    assert "complete: 1 entities" in ran.stderr
    assert ran.stderr.count("warning") == 1
    assert "pip install 'penstock[otel]'" in ran.stderr


def test_the_traced_sink_hands_on_every_method_a_sink_has() -> None:
    assert issubclass(TracedSink, ForwardingSink)
    methods = {name for name, member in vars(Sink).items() if callable(member) and not name.startswith("_abc")}

    assert methods - vars(ForwardingSink).keys() == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://a.test/users?team=core: answered 500", "GET https://a.test/users?***: answered 500"),
        ('"/users?team=core" (page 3)', '"/users?***" (page 3)'),
        ("/teams/{team}?q=a&r=b", "/teams/{team}?***"),
        ("/users?active", "/users?***"),
        ('did you mean "users"? No', 'did you mean "users"? No'),
        ("the token is t0ken-of-ours", "the token is ***"),
        ("half a character: \ud800", "half a character: ?"),
        ("x" * 2000, "x" * 1000),
    ],
)
def test_words_of_spans_have_neither_secrets_nor_queries(text: str, shown: str) -> None:
    assert Words(Redactor(["t0ken-of-ours"]))(text) == shown
