"""Ocean's ``config.yaml`` is read where Ocean reads it: the weakest of its sources, and only without a file of ours."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from penstock.cli.settings import OCEAN_FILE
from penstock.cli.settings import inputs as inputs_here
from penstock.errors import ConfigurationError
from penstock.service.configuration import Files, Snapshot
from support.commands import penstock
from support.configuring import load, problems, warnings
from support.project import USER, user
from support.server import routes, serve

BASE_URL = "integration: {config: {baseUrl: https://api.test, mappings: 'resources: []'"


def test_it_is_enough_with_the_variables_it_refers_to() -> None:
    text = """
scheduledResyncInterval: 60
integration:
  identifier: ocean-hr
  config:
    baseUrl: https://api.test
    auth_type: bearer_token
    apiToken: '{{ from env HR_TOKEN }}'
    customHeaders: {X-Key: '{{ from env HR_KEY }}', X-Plain: 'a {{ b }}'}
    mappings: 'resources: []'
port:
  clientId: '{{ from env OCEAN__PORT__CLIENT_ID }}'
  clientSecret: '{{from env OCEAN__PORT__CLIENT_SECRET}}'
eventListener: {type: ONCE}
"""
    dotenv = "HR_KEY=the-key\n"
    environ = {"HR_TOKEN": "the-token", "OCEAN__PORT__CLIENT_ID": "an-id", "OCEAN__PORT__CLIENT_SECRET": "a-secret"}
    settings = load(None, ocean_config=text, dotenv=dotenv, environ=environ)

    assert (settings.source, settings.sink.strategy.name, settings.listening.way) == ("ocean-hr", "port", "none")
    http, auth = settings.connection.http, settings.connection.auth
    assert {name: value.get_secret_value() for name, value in http.custom_headers.items()} == {
        "X-Key": "the-key",
        "X-Plain": "a {{ b }}",
    }
    assert auth.config.model_dump()["api_token"].get_secret_value() == "the-token"
    assert settings.sink.config.model_dump()["client_secret"].get_secret_value() == "a-secret"
    assert warnings(settings) == []


@pytest.mark.parametrize(
    ("dotenv", "environ", "timeout", "page_size"),
    [
        ("", {}, 5, 7),
        ("OCEAN__INTEGRATION__CONFIG__TIMEOUT=6\n", {}, 6, 7),
        ("OCEAN__INTEGRATION__CONFIG__TIMEOUT=6\n", {"OCEAN__INTEGRATION__CONFIG__TIMEOUT": "8"}, 8, 7),
        ("", {"OCEAN__INTEGRATION__CONFIG": '{"timeout": 9}'}, 9, 7),
        ("", {"OCEAN__INTEGRATION__CONFIG": '{"pageSize": 3}'}, 5, 3),
        ("", {"PENSTOCK__CONNECTION": '{"timeout": 4}'}, 4, 7),
    ],
)
def test_every_other_source_is_stronger(dotenv: str, environ: dict[str, str], timeout: int, page_size: int) -> None:
    text = BASE_URL + ", timeout: 5, paginationType: offset, pageSize: 7}}\n"
    settings = load(None, ocean_config=text, dotenv=dotenv, environ=environ)

    assert settings.connection.http.timeout == timeout
    assert settings.connection.pagination.config.model_dump()["page_size"] == page_size


def test_what_it_refers_to_need_not_be_there_where_something_stronger_says_it() -> None:
    text = BASE_URL + ", timeout: '{{ from env NO_SUCH }}'}}\n"

    assert load(None, ocean_config=text, environ={"OCEAN__INTEGRATION__CONFIG__TIMEOUT": "3"})
    assert problems(None, ocean_config=text, environ={"NO_SUCHE": "1"})[0] == (
        "config.yaml:1: integration.config.timeout: the environment variable NO_SUCH is not set; "
        'did you mean "NO_SUCHE"?'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "config.yaml:2: the file is not YAML"),
        ("- 1\n", "config.yaml:1: expected a mapping of settings"),
        (
            BASE_URL + ", pageSize: 5,\n page_size: 6}}",
            "config.yaml:2: integration.config.page_size: differs from integration.config.pageSize (config.yaml:1)",
        ),
        ("\n" + BASE_URL + ", timeout: soon}}", "config.yaml:2: connection.timeout: expected a number"),
    ],
)
def test_what_is_wrong_with_it_names_the_file_and_the_line(text: str, message: str) -> None:
    assert problems(None, ocean_config=text)[0].startswith(message)


def test_what_it_should_not_say_is_a_warning_with_the_nearest_name() -> None:
    text = (
        BASE_URL
        + ", pageSiz: 1}}\nschedledResyncInterval: 5\nlogging: {level: 1}\nport: 8080\nlakehouseEnabled: true\n"
    )
    settings = load(None, ocean_config=text)

    assert warnings(settings) == [
        "config.yaml:4: port: expected a mapping of settings (ignored)",
        'config.yaml:1: connection.pageSiz: there is no such setting; did you mean "pageSize"? (ignored)',
        (
            "config.yaml:2: schedledResyncInterval: there is no such setting; "
            'did you mean "scheduledResyncInterval"? (ignored)'
        ),
        'config.yaml:3: logging.level: there is no such setting; did you mean "logLevel"? (ignored)',
        "config.yaml:5: OCEAN__LAKEHOUSE_ENABLED has no effect: records are mapped here, as in the mode ocean-core",
    ]


def test_what_is_of_a_sink_that_is_not_used_or_not_whole_is_no_unknown_setting() -> None:
    text = BASE_URL + "}}\nport: {clientId: an-id, clientSecret: a-secret, clientIt: x}\n"
    unknown = 'config.yaml:2: port.clientIt: there is no such setting; did you mean "port.clientId"? (ignored)'

    assert warnings(load(None, ocean_config=text, sink="sqlite")) == [unknown]
    with pytest.raises(ConfigurationError) as caught:
        load(None, ocean_config=BASE_URL + "}}\nport: {clientId: an-id}\n")

    assert list(caught.value.warnings) == []


def test_with_a_file_of_ours_it_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert inputs_here(None, None).ocean_config == OCEAN_FILE
    assert inputs_here(Path("other.yml"), None).ocean_config is None
    Path("penstock.yml").touch()
    assert inputs_here(None, None).ocean_config is None


def test_a_service_keeps_to_what_it_held(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(BASE_URL + "}}")
    snapshot = Snapshot.from_json(Files(None, None, None, file).read().to_json())
    file.write_text("nonsense")

    assert snapshot.inputs(os.environ).text_of(file) == BASE_URL + "}}"
    assert snapshot.inputs(os.environ).ocean_config == file
    file.unlink()
    assert Files(None, None, None, file).read().files == Files(None)


def test_a_folder_of_ocean_syncs_as_it_is(tmp_path: Path) -> None:
    with serve(routes({"/users": {"users": [user(1), user(2)]}})) as api:
        (tmp_path / "config.yaml").write_text(
            f"integration: {{identifier: hr, config: {{baseUrl: {api.url}, authType: bearer_token, "
            "apiToken: '{{ from env HR_TOKEN }}', paginationType: none}}\n"
        )
        (tmp_path / "port-app-config.yml").write_text(json.dumps({"resources": [USER]}))
        ran = penstock(
            *("sync", "--mapping", "port-app-config.yml"), folder=tmp_path, variables={"HR_TOKEN": "tok-19283746"}
        )

    assert (ran.code, "2 created" in ran.err) == (0, True), ran.err
    assert {request.headers["authorization"] for request in api.received} == {"Bearer tok-19283746"}
