"""How a service is told when to sync, and where it can be reached."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.config.load import Inputs, load_calendar, load_service, load_settings
from penstock.config.service import Calendar, ServiceDocument
from penstock.errors import ConfigurationError
from penstock.plugins import PluginManager
from support.project import USER

URL = {"OCEAN__INTEGRATION__CONFIG__BASE_URL": "https://hr.acme.test"}


def _calendar(environ: dict[str, str] | None = None, file: Path | None = None) -> Calendar:
    return load_calendar(Inputs(config_file=file, environ=URL | (environ or {})), PluginManager(disabled=()))


def _service(environ: dict[str, str] | None = None, file: Path | None = None) -> ServiceDocument:
    return load_service(Inputs(config_file=file, environ=environ or {}))


def _problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        _calendar(environ)
    return [str(problem) for problem in caught.value.problems]


def _file(folder: Path, **settings: Any) -> Path:  # noqa: ANN401
    file = folder / "penstock.yml"
    file.write_text(json.dumps({"connection": {"baseUrl": "https://hr.acme.test"}, "resources": [USER], **settings}))
    return file


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("60", timedelta(hours=1)),
        ("1440", timedelta(days=1)),
        ("1.44e+03", timedelta(days=1)),
        ("0.5", timedelta(seconds=30)),
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("1H", timedelta(hours=1)),
        ("1 d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_an_interval_is_minutes_or_a_number_with_a_unit(written: str, span: timedelta) -> None:
    assert _calendar({"OCEAN__SCHEDULED_RESYNC_INTERVAL": written}).interval == span


@pytest.mark.parametrize("written", ["soon", "1 fortnight", "nan", "inf", "1e400", "0 */1 * * *", "true"])
def test_what_is_no_interval_is_refused_with_what_is(written: str) -> None:
    [problem] = _problems({"PENSTOCK__SCHEDULED_RESYNC_INTERVAL": written})

    assert "scheduledResyncInterval: expected minutes, or a number with a unit such as 30m" in problem


@pytest.mark.parametrize("written", ["0", "-5", "0s", "0.001"])
def test_an_interval_is_a_second_at_least(written: str) -> None:
    [problem] = _problems({"PENSTOCK__SCHEDULED_RESYNC_INTERVAL": written})

    assert "must be at least a second" in problem


def test_nothing_is_scheduled_by_default_and_empty_text_is_not_set() -> None:
    assert _calendar().interval is None
    assert _calendar({"OCEAN__SCHEDULED_RESYNC_INTERVAL": ""}).interval is None


def test_a_listener_is_given_as_json_or_by_its_fields_and_keeps_quiet_about_the_brokers_of_charts() -> None:
    whole = {"OCEAN__EVENT_LISTENER": '{"type": "once", "brokers": "b-1.acme.test:9196", "resyncOnStart": false}'}
    listener = _calendar(whole).listener
    assert (listener.type, listener.resync_on_start) == ("ONCE", False)

    parts = {"OCEAN__EVENT_LISTENER__TYPE": "WEBHOOK", "OCEAN__EVENT_LISTENER__RESYNC_ON_START": "false"}
    assert _calendar(whole | parts).listener.type == "WEBHOOK"
    assert _calendar().listener.type == "POLLING"


def test_the_environment_is_stronger_than_the_file_and_our_names_than_oceans(tmp_path: Path) -> None:
    file = _file(tmp_path, scheduledResyncInterval="1d", service={"port": 8001, "pathPrefix": "/hr"})
    assert _calendar(file=file).interval == timedelta(days=1)

    ocean = {"OCEAN__SCHEDULED_RESYNC_INTERVAL": "60"}
    assert _calendar(ocean, file).interval == timedelta(hours=1)
    assert _calendar(ocean | {"PENSTOCK__SCHEDULED_RESYNC_INTERVAL": "2h"}, file).interval == timedelta(hours=2)
    served = _service({"PENSTOCK__SERVICE__PORT": "9000"}, file)
    assert (served.port, served.path_prefix) == (9000, "/hr")


def test_everything_wrong_is_named_with_its_place() -> None:
    [problem] = _problems({"PENSTOCK__EVENT_LISTENER__TYPE": "POLL"})
    assert "PENSTOCK__EVENT_LISTENER__TYPE: eventListener.type: expected one of POLLING, ONCE" in problem

    with pytest.raises(ConfigurationError) as caught:
        _service(
            {
                "PENSTOCK__SERVICE__PORT": "70000",
                "PENSTOCK__SERVICE__PATH_PREFIX": "hr/",
                "PENSTOCK__SERVICE__SECRET": "pa55word",
                "PENSTOCK__SERVICE__LONGEST_RUN": "-1",
            }
        )
    said = "\n".join(str(problem) for problem in caught.value.problems)
    assert "PENSTOCK__SERVICE__PORT: service.port: must be at most 65535" in said
    assert "service.pathPrefix: " in said
    assert "service.secret: " in said
    assert "service.longestRun: must be at least a second" in said
    assert "pa55word" not in said


def test_a_sync_checks_them_too(tmp_path: Path) -> None:
    file = _file(tmp_path, service={"prot": 1}, eventListener={"type": "ONCE"})

    with pytest.raises(ConfigurationError) as caught:
        load_settings(Inputs(config_file=file), PluginManager(disabled=()))

    [problem] = caught.value.problems
    assert 'service.prot: there is no such setting; did you mean "port"?' in str(problem)
