"""The service as a process: real files, real requests, real signals."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.commands import config_for, penstock, write_config
from support.project import USER, user
from support.server import Received, Reply, serve
from support.service import PATIENCE, SECRET, eventually, serving


class Api:
    """Users; ``held`` requests wait until ``release``."""

    def __init__(self) -> None:
        self.users = [user(1), user(2)]
        self.asked = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()

    def __call__(self, request: Received) -> Reply:
        del request
        self.asked.release()
        assert self.go.wait(PATIENCE)
        return Reply({"users": self.users})


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.go.set()


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    with serve(api) as server:
        yield server.url
        api.go.set()


def _config(url: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    return {**config_for(url, [USER]), "service": {"secret": SECRET}, **settings}


def test_a_service_syncs_at_the_start_when_asked_and_when_the_configuration_changes(
    tmp_path: Path, api: Api, url: str
) -> None:
    write_config(tmp_path, _config(url))
    with serving(tmp_path) as service:
        assert "fetched 2, created 2" in service.says("sync ends: complete")
        assert service.get("/health/ready").json()["status"] == "healthy"

        api.users.append(user(3))
        assert service.ask(b'{"only": ["/users"]}').json() == {"test": "begins"}
        assert "fetched 3, created 1, unchanged 2" in service.says("sync ends: complete")

        write_config(tmp_path, {**_config(url), "resources": [{"kind": "/users", "prot": {}}]})
        service.says('there is no such setting; did you mean "port"?')
        service.says("the source goes on with the one before")
        assert service.metric('penstock_configuration_sound{source="test"}') == 0
        assert service.get("/health/ready").status_code == 200
        service.ask()
        service.says("sync ends: complete")

        changed = json.loads(json.dumps(USER).replace('".name"', '"\\"Dr \\" + .name"'))
        write_config(tmp_path, {**_config(url), "resources": [changed]})
        assert "updated 3" in service.says("sync ends: complete")
        assert service.metric('penstock_configuration_sound{source="test"}') == 1

        assert service.metric('penstock_runs_total{source="test",status="complete"}') == 4
        assert service.metric('penstock_records_total{kind="/users",outcome="created",source="test"}') == 3
        assert service.metric('penstock_requests_total{kind="/users",source="test"}') == 4
        assert service.source()["last"]["kinds"][0]["updated"] == 3
        assert service.end() == 143
    assert SECRET not in "".join(service.lines)


def test_a_request_for_a_sync_must_be_signed_small_and_make_sense(tmp_path: Path, url: str) -> None:
    write_config(tmp_path, _config(url, eventListener={"type": "WEBHOOK"}))
    with serving(tmp_path) as service:
        service.is_ready()
        once = service.ask(b'{"source": "tset"}')

        assert once.status_code == 422
        assert once.json() == {"error": "there is no source 'tset'; did you mean \"test\"?"}
        assert service.ask(headers={}).status_code == 401
        signed = {name: value for name, value in once.request.headers.items() if name.startswith("x-penstock")}
        again = service.ask(once.request.content, signed)
        assert (again.status_code, again.json()) == (401, {"error": "it came before"})
        assert service.ask(b"[]").json() == {"error": "expected a JSON object, or nothing"}
        assert service.ask(b'{"only": "x"}').json() == {"error": "only: expected a list of kinds"}
        assert service.ask(b" " * 70_000).status_code == 413
        assert service.source()["last"] is None

        identified = httpx.get(service.url + "/docs", headers={"X-Request-ID": "abc-1"}, trust_env=False)
        assert identified.headers["X-Request-ID"] == "abc-1"
        assert float(identified.headers["X-Process-Time"]) >= 0


def test_a_request_that_was_obeyed_is_not_obeyed_again_after_a_restart(tmp_path: Path, url: str) -> None:
    write_config(tmp_path, _config(url, eventListener={"type": "WEBHOOK"}))
    with serving(tmp_path) as service:
        service.is_ready()
        once = service.ask()
        assert once.status_code == 202
        service.says("sync ends: complete")
    signed = {name: value for name, value in once.request.headers.items() if name.startswith("x-penstock")}
    eventually(lambda: time.time() > int(signed["x-penstock-timestamp"]) + 2)
    with serving(tmp_path) as service:
        service.is_ready()
        again = service.ask(once.request.content, signed)
        assert (again.status_code, "before the service began" in again.json()["error"]) == (401, True)
        assert service.ask().status_code == 202


def test_without_a_secret_nobody_can_ask_for_a_sync(tmp_path: Path, url: str) -> None:
    write_config(tmp_path, config_for(url, [USER]))
    with serving(tmp_path) as service:
        assert service.ask(headers={}).status_code == 403


def test_a_schedule_is_kept_and_skips_while_a_sync_is_under_way(tmp_path: Path, api: Api, url: str) -> None:
    api.go.clear()
    write_config(tmp_path, _config(url, scheduledResyncInterval="1s"))
    with serving(tmp_path) as service:
        assert api.asked.acquire(timeout=PATIENCE)
        service.says("left out, for one is under way")
        assert service.ask().json() == {"test": "queued"}
        assert service.get("/health/live").status_code == 200
        api.go.set()
        service.says("sync begins (request)")
        service.says("sync begins (schedule)")
        assert service.metric('penstock_runs_skipped_total{source="test"}') >= 1


def test_a_sync_that_takes_too_long_is_stopped_and_the_one_that_is_due_begins(
    tmp_path: Path, api: Api, url: str
) -> None:
    api.go.clear()
    service_block = {"secret": SECRET, "longestRun": "1s"}
    write_config(tmp_path, _config(url, scheduledResyncInterval="4s", service=service_block))
    with serving(tmp_path) as service:
        service.says("sync begins (start)")
        service.says("the sync takes too long and is stopped")
        service.says("another sync is asked for (schedule) and follows the one under way")
        service.says("sync ends: interrupted")
        api.go.set()
        service.says("sync begins (schedule)")
        service.says("sync ends: complete")
        assert not any("left out" in line for line in service.lines)


def test_the_schedule_waits_while_the_source_wants_no_requests(tmp_path: Path) -> None:
    quota = [Reply({"message": "quota"}, 429, {"Retry-After": "4"})]
    with serve(lambda _: quota.pop() if quota else Reply({"users": []})) as server:
        config = _config(server.url, scheduledResyncInterval="1s")
        config["connection"]["maxRetryWait"] = 1
        write_config(tmp_path, config)
        with serving(tmp_path) as service:
            service.says("the source wants no requests for")
            service.says("left out, for the source wants no requests yet")
            assert len(server.received) == 1
            service.says("sync begins (quota of the source renewed)")
            service.says("sync begins (schedule)")
            assert sum("sync begins" in line for line in service.lines) == 3


def test_stopped_in_the_middle_of_a_sync_it_delivers_what_was_read(tmp_path: Path, api: Api, url: str) -> None:
    paged = {**USER, "selector": {"data_path": ".users", "query_params": {"p": "1"}}}
    write_config(tmp_path, _config(url) | {"resources": [USER, paged | {"kind": "/more"}]})
    with serving(tmp_path) as service:
        assert api.asked.acquire(timeout=PATIENCE)
        api.go.clear()
        service.says("sync begins")
        service.process.send_signal(signal.SIGTERM)
        service.says("stopping")
        api.go.set()
        assert service.process.wait(PATIENCE) == 143
        service.says("sync ends: interrupted")


def test_every_file_of_a_folder_is_a_source_of_its_own(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("hr", "it"):
        write_config(folder, {**config_for(url, [USER]), "source": name}, f"{name}.yml")
    write_config(folder, {**config_for(url, [USER]), "source": "hr"}, "twin.yml")
    with serving(tmp_path, "--sources", "sources", "--log-format", "json") as service:
        lines = [json.loads(service.says("sync ends")) for _ in range(2)]
        assert {line["source"] for line in lines} == {"hr", "it"}
        assert all(re.fullmatch("[0-9a-f]{32}", line["run"]) for line in lines if "complete" in line["message"])
        eventually(lambda: any("another file" in line for line in service.lines))
        said = json.loads(next(line for line in service.lines if "another file" in line))
        assert (said["level"], said["file"]) == ("error", "sources/twin.yml")
        assert service.get("/health/ready").status_code == 503

        (folder / "twin.yml").unlink()
        (folder / "it.yml").unlink()
        service.says("its file is gone")
        service.is_ready()
        assert [one["source"] for one in service.get("/sources").json()["sources"]] == ["hr"]


def test_a_file_takes_over_a_source_when_the_other_that_describes_it_is_gone(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("a", "b"):
        write_config(folder, {**config_for(url, [USER]), "source": "same"}, f"{name}.yml")
    with serving(tmp_path, "--sources", "sources") as service:
        said = service.says("another file, sources/a.yml,")
        assert said.rstrip().endswith("file=sources/b.yml")
        (folder / "a.yml").unlink()
        service.says("its file is gone")
        service.says("sync ends: complete")
        service.is_ready()

        write_config(folder, {**config_for(url, [USER]), "source": "same"}, "a.yml")
        service.says("another file, sources/b.yml,")
        write_config(folder, {**config_for(url, [USER]), "source": "other"}, "b.yml")
        eventually(lambda: len(service.get("/sources").json()["sources"]) == 2)
        service.is_ready()


def test_a_configuration_that_is_wrong_from_the_start_keeps_it_from_being_ready(tmp_path: Path, url: str) -> None:
    write_config(tmp_path, _config(url, sink={"type": "sqllite"}))
    with serving(tmp_path) as service:
        service.says("sqllite")
        assert service.get("/health/ready").status_code == 503
        assert service.get("/health/live").status_code == 200
        assert service.ask().status_code == 503

        write_config(tmp_path, _config(url))
        service.says("sync ends: complete")
        assert service.get("/health/ready").status_code == 200


def test_a_sync_that_dies_is_told_and_the_service_goes_on(tmp_path: Path, api: Api, url: str) -> None:
    write_config(tmp_path, _config(url))
    api.go.clear()
    with serving(tmp_path) as service:
        assert api.asked.acquire(timeout=PATIENCE)
        subprocess.run(["pkill", "-KILL", "-P", str(service.process.pid)], check=True)
        service.says("sync ends: failed (exit code -9)")
        api.go.set()
        service.ask()
        service.says("sync ends: complete")


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path, url: str) -> None:
    write_config(tmp_path, _config(url))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        variables = {"PENSTOCK__SERVICE__HOST": "127.0.0.1"}
        ran = penstock("serve", "--port", str(port), folder=tmp_path, variables=variables)

    assert ran.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ran.err


@pytest.mark.parametrize("settings", [{"eventListener": {"type": "ONCE"}}, {}])
def test_once_ends_with_the_exit_code_of_its_sync(settings: dict[str, Any], tmp_path: Path, api: Api, url: str) -> None:
    option = [] if settings else ["--once"]
    write_config(tmp_path, _config(url, **settings))
    assert penstock("serve", *option, folder=tmp_path).code == 0

    api.users = [{"name": "nobody"}]
    write_config(
        tmp_path,
        _config(url + "/nowhere:1", **settings) | {"connection": {"baseUrl": "http://127.0.0.1:9", "maxRetries": 0}},
    )
    ran = penstock("serve", *option, folder=tmp_path)
    assert ran.code == 1
    assert "incomplete" in ran.err


@pytest.mark.parametrize(
    ("listener", "problem"),
    [
        ({"type": "ONCE"}, "OCEAN__SCHEDULED_RESYNC_INTERVAL"),
        ({"type": "once", "interval": "abc"}, "OCEAN__EVENT_LISTENER"),
        ({"type": "POLLING"}, "OCEAN__SCHEDULED_RESYNC_INTERVAL"),
        ({"type": "SOMETIMES"}, "OCEAN__EVENT_LISTENER"),
    ],
)
def test_an_environment_that_is_wrong_ends_the_process_with_all_problems(
    listener: dict[str, str], problem: str, tmp_path: Path, url: str
) -> None:
    """It cannot change while the process runs, so that nothing is worth waiting for."""
    variables = {
        "OCEAN__EVENT_LISTENER": json.dumps(listener),
        "OCEAN__SCHEDULED_RESYNC_INTERVAL": "@hourly",
        "OCEAN__INTEGRATION__CONFIG__BASE_URL": url,
        "OCEAN__INTEGRATION__CONFIG__PAGE_SIZE": "many",
        "PENSTOCK__SERVICE__PORT": "0",
    }
    ran = penstock("serve", folder=tmp_path, variables=variables, seconds=20)

    assert ran.code == 2
    assert problem in ran.err
    assert "PAGE_SIZE" in ran.err


def test_once_ends_with_what_is_wrong_in_a_file_that_would_be_looked_at_again(tmp_path: Path, url: str) -> None:
    write_config(tmp_path, _config(url, eventListener={"type": "ONCE"}, scheduledResyncInterval=0))
    ran = penstock("serve", folder=tmp_path, seconds=20)

    assert (ran.code, "scheduledResyncInterval" in ran.err) == (2, True)


def test_options_that_contradict_are_refused(tmp_path: Path) -> None:
    ran = penstock("serve", "--sources", "x", "--once", folder=tmp_path)
    assert (ran.code, "leave out --config, --mapping and --once" in ran.err) == (2, True)

    write_config(tmp_path, {})
    ran = penstock("serve", "--log-format", "xml", folder=tmp_path)
    assert (ran.code, "--log-format: expected one of text, json" in ran.err) == (2, True)
