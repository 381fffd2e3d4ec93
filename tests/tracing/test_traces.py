"""What a collector gets of a run: one trace, its spans below one another, and nothing that is secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from fakes.port import define, port
from fakes.port import settings as port_settings
from penstock.cli.running import Manner, run
from penstock.config.secrets import secrets_of
from penstock.errors import SinkError
from penstock.redaction import Secrets
from support.collector import Collector, collecting
from support.commands import config_for, penstock, start, write_config
from support.project import USER, Project, resource, user
from support.server import ApiServer, Received, Reply, routes, serve

SECRET = "s3cr3t-t0ken-of-ours"
PRIVATE = "salaries-of-everybody"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": {"users": [user(1), user(2)]}, "/teams": [{"id": 1, "name": "Core"}]})) as server:
        yield server


Sync: TypeAlias = Callable[..., int]


@pytest.fixture
def sync(tmp_path: Path) -> Sync:
    """Run a sync as the command does, in this process; give its exit code."""

    def synced(url: str, *resources: dict[str, Any], sink: Mapping[str, Any] | None = None, **connection: Any) -> int:  # noqa: ANN401
        project = Project(tmp_path, url, list(resources), **connection)
        if sink is not None:
            project.config["sink"] = sink
        settings = project.settings()
        return run(settings, Secrets(secrets_of(settings)), Manner(quiet=True))

    return synced


def test_each_kind_is_below_the_sync_and_its_requests_and_writes_below_it(
    collector: Collector, api: ApiServer, sync: Sync
) -> None:
    assert sync(api.url, USER, resource("/teams", blueprint="team")) == 0

    spans = collector.spans()
    assert sorted((span.name, span.parent) for span in spans) == [
        ("kind", "sync"),
        ("kind", "sync"),
        ("request", "kind"),
        ("request", "kind"),
        ("sync", ""),
        ("write", "kind"),
        ("write", "kind"),
    ]
    assert len({span.trace for span in spans}) == 1
    assert collector.service() == "penstock"
    (begin, end), kinds = collector.span("sync").nanoseconds, collector.spans("kind")
    assert all(begin <= kind.nanoseconds[0] <= kind.nanoseconds[1] <= end for kind in kinds)


def test_spans_tell_what_was_done(collector: Collector, api: ApiServer, sync: Sync) -> None:
    sync(api.url, USER)

    whole = collector.span("sync")
    assert len(whole["run"]) == 32
    assert (whole["source"], whole["status"], whole["exit_code"], whole.wrong) == ("test", "complete", 0, None)
    kind = collector.span("kind")
    assert (kind["kind"], kind["status"], kind["requests"], kind["fetched"], kind["created"]) == (
        "/users",
        "complete",
        1,
        2,
        2,
    )
    write = collector.span("write")
    assert (write["sink"], write["kind"], write["batch_size"], write["created"]) == ("sqlite", "/users", 2, 2)
    request = collector.span("request")
    assert request.client
    assert request.attributes == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": int(api.url.rpartition(":")[2]),
        "url.path": "/users",
        "http.response.status_code": 200,
    }


def test_a_request_that_is_sent_again_has_a_span_each_time_and_tells_how_often(
    collector: Collector, sync: Sync
) -> None:
    answers = iter([Reply(status=503), Reply(status=502), Reply({"users": [user(1)]})])
    with serve(lambda _: next(answers)) as server:
        assert sync(server.url, USER) == 0

    requests = collector.spans("request")
    told = [
        (
            span["http.response.status_code"],
            span.attributes.get("http.request.resend_count"),
            span.attributes.get("error.type"),
        )
        for span in requests
    ]
    assert told == [(503, None, "503"), (502, 1, "502"), (200, 2, None)]
    assert [span.wrong for span in requests] == ["503 Service Unavailable", "502 Bad Gateway", None]


def test_what_a_sink_and_an_auth_send_is_traced_too(collector: Collector, sync: Sync) -> None:
    def answer(request: Received) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": SECRET, "expires_in": 3600})
        return Reply({"users": [user(1)]})

    with serve(answer) as server, port() as standin:
        define(standin, "user", {"email": {"type": "string"}})
        auth = {
            "authType": "oauth2",
            "tokenEndpoint": f"{server.url}/token",
            "clientId": "us",
            "clientSecret": SECRET,
            "grantType": "client_credentials",
        }
        assert sync(server.url, USER, sink={"type": "port", **port_settings(standin)}, **auth) == 0
        hidden = standin.client_secret

    sent = {(span["url.path"], span.parent) for span in collector.spans("request")}
    assert {("/token", "kind"), ("/users", "kind")} <= sent
    assert any("/entities" in path and parent == "write" for path, parent in sent)
    assert SECRET.encode() not in collector.everything()
    assert hidden.encode() not in collector.everything()


def test_requests_and_writes_of_several_kinds_are_each_below_their_own(collector: Collector, sync: Sync) -> None:
    def answer(request: Received) -> Reply:
        offset = int(request.param("offset", "0"))
        records = [{"id": number, "name": "x"} for number in range(offset, min(offset + 50, 400))]
        return Reply(records)

    kinds = [resource(f"/kind{number}", blueprint=f"b{number}") for number in range(3)]
    with serve(answer) as server:
        assert sync(server.url, *kinds, paginationType="offset", pageSize=50) == 0

    count = {kind["kind"]: kind["requests"] for kind in collector.spans("kind")}
    requests = collector.spans("request")
    assert len(count) == 3
    assert {kind: [span.kind_above for span in requests].count(kind) for kind in count} == count
    assert all(span["url.path"] == span.kind_above for span in requests)
    assert all(span["kind"] == span.kind_above for span in collector.spans("write"))


def test_nothing_secret_and_no_query_is_sent_even_of_what_goes_wrong(collector: Collector, sync: Sync) -> None:
    def answer(request: Received) -> Reply:
        if request.path == "/users":
            return Reply({"users": [user(1)]})
        return Reply({"error": f"no {SECRET} for {request.target}"}, status=400)

    secret_path = resource(f"/{SECRET}/x", selector={"query_params": {"of": PRIVATE}})
    asked = resource(f"/payslips?of={PRIVATE}", blueprint="payslip")
    with serve(answer) as server:
        code = sync(f"{server.url}?key={SECRET}", USER, secret_path, asked, authType="bearer_token", apiToken=SECRET)

    assert code == 1
    assert len(collector.spans("request")) == 3
    assert collector.span("sync").wrong is not None
    everything = collector.everything()
    for hidden in (SECRET, PRIVATE):
        assert hidden.encode() not in everything
    assert all("?" not in span["url.path"] for span in collector.spans("request"))


def test_an_incomplete_kind_is_an_error_and_so_is_its_sync(collector: Collector, api: ApiServer, sync: Sync) -> None:
    assert sync(api.url, USER, resource("/nowhere")) == 1

    good, bad = collector.spans("kind")
    assert (good["status"], good.wrong) == ("complete", None)
    assert bad["status"] == "incomplete"
    assert bad.wrong is not None
    assert "404" in bad.wrong
    whole = collector.span("sync")
    assert (whole["status"], whole["exit_code"], whole.wrong) == ("incomplete", 1, "incomplete: /nowhere")


def test_no_answer_is_an_error_that_says_why(collector: Collector, sync: Sync) -> None:
    assert sync("http://127.0.0.1:9", USER, maxRetries=0) == 1

    request = collector.span("request")
    assert request["error.type"] == "SilenceError"
    assert str(request.wrong).startswith("cannot connect to 127.0.0.1:9: ")


def test_a_run_that_cannot_begin_is_told_with_its_exit_code(
    collector: Collector, api: ApiServer, sync: Sync, tmp_path: Path
) -> None:
    Project(tmp_path, api.url, [USER]).sync()
    catalog = tmp_path / "catalog.db"
    catalog.write_bytes(catalog.read_bytes()[:8192] + b"no database at all" * 1000)

    with pytest.raises(SinkError):
        sync(api.url, USER)

    whole = collector.span("sync")
    assert (whole["exit_code"], whole["error.type"]) == (1, "SinkError")
    assert whole.wrong is not None


def test_a_process_sends_its_spans_before_it_ends(api: ApiServer, tmp_path: Path) -> None:
    write_config(tmp_path, config_for(api.url, [USER]))
    with collecting() as collector:
        process = start("sync", folder=tmp_path, variables=collector.variables | {"OTEL_SERVICE_NAME": "hr"})
        _, said = process.communicate(timeout=60)

        assert (process.returncode, "warning" in said) == (0, False)
        assert len(collector.spans()) == 4
        assert collector.service() == "hr"


def test_a_plan_is_traced_as_a_sync_is(api: ApiServer, tmp_path: Path) -> None:
    write_config(tmp_path, config_for(api.url, [USER]))
    with collecting() as collector:
        assert penstock("plan", folder=tmp_path, variables=collector.variables).code == 0

    assert sorted((span.name, span.parent) for span in collector.spans()) == [
        ("kind", "plan"),
        ("plan", ""),
        ("request", "kind"),
        ("write", "kind"),
    ]
    whole = collector.span("plan")
    assert (whole["source"], whole["status"], whole["exit_code"], whole.wrong) == ("test", "complete", 0, None)
    assert (collector.span("kind")["created"], collector.span("write")["created"]) == (2, 2)
    assert not (tmp_path / "catalog.db").exists()


def test_what_an_apply_writes_is_beside_what_it_reads(api: ApiServer, tmp_path: Path) -> None:
    write_config(tmp_path, config_for(api.url, [USER]))
    assert penstock("plan", "--out", "plan.jsonl", folder=tmp_path).code == 0
    with collecting() as collector:
        assert penstock("apply", "plan.jsonl", folder=tmp_path, variables=collector.variables).code == 0
        whole = collector.span("apply")
        assert (whole["status"], whole["exit_code"], whole.wrong) == ("complete", 0, None)
        assert [span.parent for span in collector.spans("write")] == ["kind", "apply"]
        assert [span.parent for span in collector.spans("request")] == ["kind"]

    with collecting() as collector:
        assert penstock("apply", "plan.jsonl", folder=tmp_path, variables=collector.variables).code == 4
        whole = collector.span("apply")
        assert (whole["exit_code"], whole["error.type"]) == (4, "PlanMovedError")
        assert [span.parent for span in collector.spans("write")] == ["kind"]


@pytest.mark.parametrize("command", ["sync", "plan"])
def test_a_mapping_that_the_catalog_keeps_is_fetched_within_the_trace(
    api: ApiServer, tmp_path: Path, command: str
) -> None:
    with collecting() as collector, port(knows="ours") as standin:
        define(standin, "team")
        standin.integrations.all["ours"]["config"] = {"resources": [resource("/teams", blueprint="team")]}
        config: dict[str, Any] = {"source": "test", "connection": {"baseUrl": api.url}}
        config["sink"] = {"type": "port", "integrationIdentifier": "ours", **port_settings(standin)}
        write_config(tmp_path, config)
        assert penstock(command, folder=tmp_path, variables=collector.variables).code == 0
        hidden = standin.client_secret

    assert (collector.span("mapping").parent, collector.span("mapping")["sink"]) == (command, "port")
    asked = {
        (span["http.request.method"], span["url.path"])
        for span in collector.spans("request")
        if span.parent == "mapping"
    }
    assert ("GET", "/v1/integration/ours") in asked
    assert len({span.trace for span in collector.spans()}) == 1
    assert collector.span(command)["exit_code"] == 0
    assert hidden.encode() not in collector.everything()


def test_a_mapping_that_cannot_be_had_is_the_end_of_the_trace(api: ApiServer, tmp_path: Path) -> None:
    with collecting() as collector, port() as standin:
        config: dict[str, Any] = {"source": "test", "connection": {"baseUrl": api.url}}
        config["sink"] = {"type": "port", **port_settings(standin), "clientSecret": "wr0ng-secret-of-port"}
        write_config(tmp_path, config)
        assert penstock("sync", folder=tmp_path, variables=collector.variables).code == 1

    for span in (collector.span("mapping"), collector.span("sync")):
        assert (span["error.type"], "Port refuses the credentials" in str(span.wrong)) == ("SinkError", True)
    assert collector.span("sync")["exit_code"] == 1
    assert b"wr0ng-secret" not in collector.everything()


def test_each_sync_of_the_service_is_traced(api: ApiServer, tmp_path: Path) -> None:
    write_config(tmp_path, config_for(api.url, [USER]))
    with collecting() as collector:
        assert penstock("serve", "--once", folder=tmp_path, variables=collector.variables).code == 0

        assert collector.span("sync")["status"] == "complete"
