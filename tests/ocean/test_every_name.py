"""Every name that Ocean and its chart have: what it changes here, or what is said of it.

The names were listed from what is published, not from our own table: a name that is forgotten there fails here. Each is
imported beside the least that an installation says, so that what is loaded and what is told can both be looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from penstock.config.load import Inputs, load_calendar, load_service, load_settings
from penstock.config.models import Settings
from penstock.errors import ConfigurationError
from penstock.migration.fate import Fate
from penstock.migration.ocean import Places, import_ocean
from penstock.plugins import PluginManager
from support.published import CONFIG, SECRETS

NEEDED: Mapping[str, str] = {
    "OCEAN__PORT__CLIENT_ID": "an-id",
    "OCEAN__PORT__CLIENT_SECRET": "a-secret-of-port",
    f"{CONFIG}BASE_URL": "https://api.test",
    f"{CONFIG}MAPPINGS": "resources: []",
}
CONFIGURED: Mapping[str, Any] = {
    "port": {"clientId": "an-id", "clientSecret": "a-secret-of-port"},
    "integration": {"config": {"baseUrl": "https://api.test", "mappings": "resources: []"}},
}


@cache
def plugins() -> PluginManager:
    return PluginManager(disabled=())


def state(environ: Mapping[str, str]) -> dict[str, object]:
    """Return everything that a run or the service is told, by name."""
    inputs = Inputs(environ=environ)
    settings = load_settings(inputs, plugins())
    calendar, service = load_calendar(inputs, plugins()), load_service(inputs)
    connection = settings.connection
    models = {
        "connection": (connection.http, connection.auth.config, connection.pagination.config),
        "sink": (settings.sink.config,),
        "eventListener": (calendar.listener,),
        "service": (service,),
        "": (settings.flags,),
    }
    said: dict[str, object] = {
        f"{block}.{name}": getattr(model, name)
        for block, all_of_it in models.items()
        for model in all_of_it
        for name in type(model).model_fields
    }
    return said | {
        "source": settings.source,
        "interval": calendar.interval,
        "auth": connection.auth.strategy.name,
        "pagination": connection.pagination.strategy.name,
        "resources": settings.resources,
        "sink": settings.sink.strategy.name,
    }


def changed(environ: Mapping[str, str], beside: Mapping[str, str]) -> dict[str, object]:
    """Return what is otherwise with these variables than without them."""
    before, after = state(beside), state({**beside, **environ})
    return {name: value for name, value in after.items() if before.get(name) != value}


def told(environ: Mapping[str, str]) -> list[str]:
    """Return what is said of these variables when a command starts."""
    settings = load_settings(Inputs(environ={**NEEDED, **environ}), plugins())
    return [one.message for one in settings.warnings if any(name in one.source for name in environ)]


class Row(NamedTuple):
    """A variable, a value of it, and one setting that it changes."""

    variable: str
    value: str
    setting: str
    beside: Mapping[str, str] = {}
    """What else must be said for the setting to exist."""


CURSOR = {f"{CONFIG}PAGINATION_TYPE": "cursor"}
PAGE = {f"{CONFIG}PAGINATION_TYPE": "page"}
OFFSET = {f"{CONFIG}PAGINATION_TYPE": "offset"}
BEARER = {f"{CONFIG}AUTH_TYPE": "bearer_token", f"{CONFIG}API_TOKEN": "first"}
USER = {f"{CONFIG}USERNAME": "joe", f"{CONFIG}PASSWORD": "first"}
BASIC = {f"{CONFIG}AUTH_TYPE": "basic", f"{CONFIG}USERNAME": "joe", f"{CONFIG}PASSWORD": "first"}
KEY = {f"{CONFIG}AUTH_TYPE": "api_key", f"{CONFIG}API_KEY": "first"}
REQUEST = '{"endpoint": "/t", "body": {"a": "1"}}'
TEMPLATE = '{"headers": {"Authorization": "Bearer {{.t}}"}}'
CUSTOM = {
    f"{CONFIG}AUTH_TYPE": "custom",
    f"{CONFIG}CUSTOM_AUTH_REQUEST": REQUEST,
    f"{CONFIG}CUSTOM_AUTH_REQUEST_TEMPLATE": TEMPLATE,
}
OTHER_REQUEST = '{"endpoint": "/other", "body": {"a": "1"}}'
OTHER_TEMPLATE = '{"headers": {"X-Token": "{{.t}}"}}'
WITHOUT_TEMPLATE = {name: value for name, value in CUSTOM.items() if not name.endswith("TEMPLATE")}

CONNECTION: tuple[Row, ...] = (
    Row("BASE_URL", "https://other.test", "connection.base_url"),
    Row("AUTH_TYPE", "basic", "auth", USER),
    Row("AUTH_TYPE", "basic_auth", "auth", USER),
    Row("API_TOKEN", "second", "connection.api_token", BEARER),
    Row("USERNAME", "ann", "connection.username", BASIC),
    Row("PASSWORD", "second", "connection.password", BASIC),
    Row("API_KEY", "second", "connection.api_key", KEY),
    Row("API_KEY_HEADER", "X-Other", "connection.api_key_header", KEY),
    Row("CUSTOM_AUTH_REQUEST", OTHER_REQUEST, "connection.custom_auth_request", CUSTOM),
    Row("CUSTOM_AUTH_REQUEST_TEMPLATE", OTHER_TEMPLATE, "connection.custom_auth_request_template", CUSTOM),
    Row("CUSTOM_HEADERS", '{"X-A": "1"}', "connection.custom_headers"),
    Row("PAGINATION_TYPE", "header_link", "pagination"),
    Row("PAGINATION_TYPE", "skip_token", "pagination"),
    Row("PAGE_SIZE", "7", "connection.page_size", CURSOR),
    Row("PAGINATION_PARAM", "at", "connection.pagination_param", CURSOR),
    Row("SIZE_PARAM", "many", "connection.size_param", CURSOR),
    Row("START_PAGE", "0", "connection.start_page", PAGE),
    Row("CURSOR_PATH", "a.b", "connection.cursor_path", CURSOR),
    Row("HAS_MORE_PATH", "a.b", "connection.has_more_path", CURSOR),
    Row("LAST_PAGE_PATH", "a.b", "connection.last_page_path", PAGE),
    Row("NEXT_LINK_PATH", "a.b", "connection.next_link_path", {f"{CONFIG}PAGINATION_TYPE": "next_link"}),
    Row("HEADER_LINK_REL", "more", "connection.header_link_rel", {f"{CONFIG}PAGINATION_TYPE": "header_link"}),
    Row("TIMEOUT", "9", "connection.timeout"),
    Row("VERIFY_SSL", "false", "connection.verify_ssl"),
    Row("MAX_CONCURRENT_REQUESTS", "3", "connection.max_concurrent_requests"),
    Row("OFFSET_PARAM", "at", "connection.pagination_param", OFFSET),
    Row("PAGE_PARAM", "at", "connection.pagination_param", PAGE),
    Row("CURSOR_PARAM", "at", "connection.pagination_param", CURSOR),
    Row("LIMIT_PARAM", "many", "connection.size_param", CURSOR),
    Row("PAGINATION", '{"pagination_type": "cursor", "limit": 9}', "pagination"),
    Row("MAPPINGS", "resources: []\nentityDeletionThreshold: 0.5", ".entity_deletion_threshold"),
)
"""Settings of the connection, each without ``OCEAN__INTEGRATION__CONFIG__``."""

SPELLINGS: tuple[Row, ...] = (
    Row("AUTH_VALUE", "second", "connection.api_token", {f"{CONFIG}AUTH_TYPE": "bearer_token"}),
    Row("AUTH_VALUE", "second", "connection.api_key", {f"{CONFIG}AUTH_TYPE": "api_key"}),
    Row("AUTH_VALUE", "ann:second", "connection.username", {f"{CONFIG}AUTH_TYPE": "basic"}),
    Row("TOKEN", "second", "connection.api_token", {f"{CONFIG}AUTH_TYPE": "bearer"}),
    Row("CUSTOM_AUTH_RESPONSE", TEMPLATE, "connection.custom_auth_request_template", WITHOUT_TEMPLATE),
    Row(
        "AUTH_ENDPOINT",
        "https://api.test/token",
        "connection.auth_endpoint",
        {f"{CONFIG}AUTH_TYPE": "oauth2", f"{CONFIG}CLIENT_ID": "me", f"{CONFIG}CLIENT_SECRET": "first"},
    ),
)
"""Names without which the rest would not load: looked at with them only."""

OCEANS: tuple[Row, ...] = (
    Row("OCEAN__PORT__CLIENT_ID", "other", "sink.client_id"),
    Row("OCEAN__PORT__CLIENT_SECRET", "other", "sink.client_secret"),
    Row("OCEAN__PORT__BASE_URL", "https://api.us.getport.io", "sink.base_url"),
    Row("OCEAN__PORT__PORT_APP_CONFIG_CACHE_TTL", "61", ""),
    Row("OCEAN__INTEGRATION__IDENTIFIER", "mine", "sink.integration_identifier"),
    Row("OCEAN__INTEGRATION__TYPE", "generic-http", "sink.integration_type"),
    Row("OCEAN__INTEGRATION__CONFIG", '{"timeout": 9}', "connection.timeout"),
    Row("OCEAN__INTEGRATION__SECRETS", '{"timeout": 9}', "connection.timeout"),
    Row("OCEAN__EVENT_LISTENER", '{"type": "ONCE"}', "eventListener.type"),
    Row("OCEAN__SCHEDULED_RESYNC_INTERVAL", "60", "interval"),
    Row("OCEAN__INITIALIZE_PORT_RESOURCES", "false", "sink.initialize_port_resources"),
    Row("OCEAN__SEND_RAW_DATA_EXAMPLES", "false", ""),
    Row("OCEAN__ALLOW_ENVIRONMENT_VARIABLES_JQ_ACCESS", "false", ""),
    Row("OCEAN__CLIENT_TIMEOUT", "61", "connection.timeout"),
    Row("OCEAN__RESOURCES_PATH", "mine", "sink.resources_path"),
    Row("OCEAN__CREATE_PORT_RESOURCES_ORIGIN", "Empty", "sink.create_port_resources_origin"),
    Row("OCEAN__BASE_URL", "https://us.test", ""),
    Row("OCEAN__PATH_PREFIX", "/hr", "service.path_prefix"),
    Row("OCEAN__RUNTIME", "Saas", ""),
    Row("OCEAN__CACHING_STORAGE_MODE", "memory", ""),
    Row("OCEAN__PROCESS_IN_QUEUE_TIMEOUT", "9", ""),
    Row("OCEAN__PROCESS_IN_QUEUE_MAX_WORKERS", "9", ""),
    Row("OCEAN__YIELD_ITEMS_TO_PARSE_BATCH_SIZE", "9", ""),
    Row("OCEAN__UPSERT_ENTITIES_BATCH_MAX_LENGTH", "9", "sink.bulk_entities"),
    Row("OCEAN__UPSERT_ENTITIES_BATCH_MAX_SIZE_IN_BYTES", "5e+05", "sink.bulk_bytes"),
    Row("OCEAN__DELETE_ENTITIES_MAX_BATCH_SIZE", "9", ""),
    Row("OCEAN__METRICS__ENABLED", "true", ""),
    Row("OCEAN__METRICS__WEBHOOK_URL", "https://us.test", ""),
    Row("OCEAN__STATUS_HEARTBEAT_INTERVAL_SECONDS", "9", ""),
    Row("OCEAN__SSL__PORT__VERIFY", "false", "sink.verify_ssl"),
    Row("OCEAN__SSL__PORT__X509__STRICT", "false", "sink.strict_x509"),
    Row("OCEAN__SSL__THIRD_PARTY__VERIFY", "false", "connection.verify_ssl"),
    Row("OCEAN__SSL__THIRD_PARTY__X509__STRICT", "false", "connection.strict_x509"),
    Row("OCEAN__PROCESSING_MODE", "dsp", ""),
    Row("OCEAN__LAKEHOUSE_ENABLED", "true", ""),
    Row("OCEAN__STREAMING__ENABLED", "true", ""),
    Row("OCEAN__STREAMING__LOCATION", "/tmp/x", ""),
    Row("OCEAN__LOG_LEVEL", "DEBUG", "service.log_level"),
    Row("OCEAN__PROCESS_EXECUTION_MODE", "multi_process", ""),
    Row("OCEAN__MAX_WAIT_SECONDS_BEFORE_SHUTDOWN", "9", ""),
    Row("OCEAN__DISABLE_IP_OUTBOUND_BLOCKER", "false", ""),
    Row("OCEAN__ACTIONS_PROCESSOR__ENABLED", "true", ""),
    Row("APPLICATION__LOG_LEVEL", "ERROR", "service.log_level"),
    Row("APPLICATION__PORT", "9000", "service.port"),
    Row("APPLICATION__ENABLE_HTTP_LOGGING", "false", ""),
)
"""All other variables; the setting is empty where a notice is expected, and any change will do."""

LISTENER: tuple[tuple[str, str], ...] = (
    ("TYPE", "ONCE"),
    ("INTERVAL", "30"),
    ("RESYNC_ON_START", "false"),
    ("BROKERS", "b-1:9196"),
    ("SECURITY_PROTOCOL", "PLAINTEXT"),
    ("AUTHENTICATION_MECHANISM", "PLAIN"),
    ("KAFKA_SECURITY_ENABLED", "false"),
    ("CONSUMER_POLL_TIMEOUT", "2"),
    ("APP_HOST", "https://us.test"),
)
"""Fields of the event listener."""


def _whole(row: Row, block: str) -> Row:
    return row._replace(variable=block + row.variable)


EVERY = (*(_whole(row, CONFIG) for row in CONNECTION), *OCEANS)


@pytest.mark.parametrize("row", EVERY, ids=[f"{row.variable}={row.value}" for row in EVERY])
def test_a_variable_changes_its_setting_or_is_told_to_change_nothing(row: Row) -> None:
    differing = changed({row.variable: row.value}, {**NEEDED, **row.beside})
    if row.setting:
        assert row.setting in differing
    assert differing or told({row.variable: row.value})


@pytest.mark.parametrize("block", [CONFIG, SECRETS])
@pytest.mark.parametrize("row", SPELLINGS, ids=[row.variable for row in SPELLINGS])
def test_another_spelling_is_understood(row: Row, block: str) -> None:
    said = state({**NEEDED, **row.beside, block + row.variable: row.value})

    with pytest.raises(ConfigurationError):
        state({**NEEDED, **row.beside})
    assert said[row.setting] is not None


@pytest.mark.parametrize(("field", "value"), LISTENER)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_field_of_the_listener_changes_it_or_is_told_to_change_nothing(
    field: str, value: str, *, as_json: bool
) -> None:
    environ = {f"OCEAN__EVENT_LISTENER__{field}": value}
    if as_json:
        environ = {"OCEAN__EVENT_LISTENER": json.dumps({field.lower(): value})}

    assert changed(environ, NEEDED) or told(environ)


@pytest.mark.parametrize(
    ("kind", "understood"),
    [(kind, kind) for kind in ("POLLING", "ONCE", "WEBHOOK", "KAFKA", "WEBHOOKS_ONLY", "ACTIONS_ONLY")],
)
def test_every_type_of_listener_is_accepted(kind: str, understood: str) -> None:
    extra = {"OCEAN__EVENT_LISTENER__APP_HOST": "https://us.test", "OCEAN__EVENT_LISTENER__BROKERS": "b-1:9196"}

    said = state({**NEEDED, **extra, "OCEAN__EVENT_LISTENER__TYPE": kind.lower()})

    assert said["eventListener.type"] == understood


# config.yaml

_IN_FILE = {
    row.variable: row for row in EVERY if row.variable.startswith("OCEAN__") and not row.variable.startswith(SECRETS)
}


def _steps(variable: str, *, camel: bool) -> list[str]:
    words = [step.lower() for step in variable.removeprefix("OCEAN__").split("__")]
    return [_camel(word) if camel else word for word in words]


def _camel(word: str) -> str:
    first, *rest = word.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _document(variables: Mapping[str, str], *, camel: bool) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for variable, value in variables.items():
        *outer, last = _steps(variable, camel=camel)
        here = document
        for step in outer:
            here = here.setdefault(step, {})
        parsed = json.loads(value) if value.startswith("{") else value
        here[last] = {**here.get(last, {}), **parsed} if isinstance(parsed, dict) else parsed
    return document


@pytest.mark.parametrize("camel", [True, False])
@pytest.mark.parametrize("row", _IN_FILE.values(), ids=_IN_FILE)
def test_a_key_of_config_yaml_is_what_its_variable_is(tmp_path: Path, row: Row, *, camel: bool) -> None:
    environ = {**NEEDED, **row.beside, row.variable: row.value}
    document = _document(environ, camel=camel)
    if row.variable in {"OCEAN__INTEGRATION__CONFIG", "OCEAN__INTEGRATION__SECRETS"}:
        document["integration"]["config"] |= {"timeout": 9}
    (tmp_path / "config.yaml").write_text(json.dumps(document))

    result = import_ocean(Places(tmp_path), plugins())

    assert _said(result.settings) == _said(load_settings(Inputs(environ=environ), plugins()))
    assert not [one for one in result.fates if one.outcome == "unknown"]
    read = load_settings(Inputs(ocean_config=tmp_path / "config.yaml"), plugins())
    assert _said(read) == _said(result.settings)
    assert [one for one in read.warnings if "there is no such" in one.message] == []


def _said(settings: Settings) -> tuple[object, ...]:
    return settings.source, settings.connection, settings.sink, settings.resources, settings.flags


# the chart


class Value(NamedTuple):
    """A value of the chart, and what its fate is."""

    name: str
    value: object
    outcome: str
    target: str = ""


CHART: tuple[Value, ...] = (
    Value("port.clientId", "other", "kept", "sink.clientId"),
    Value("port.clientSecret", "other", "kept", "sink.clientSecret"),
    Value("port.baseUrl", "https://api.us.getport.io", "kept", "sink.baseUrl"),
    Value("integration.identifier", "mine", "renamed", "source, sink.integrationIdentifier"),
    Value("integration.type", "generic-http", "renamed", "sink.integrationType"),
    Value("integration.version", "0.6.1", "no effect"),
    Value("integration.eventListener", {"type": "POLLING", "brokers": "b-1:9196"}, "kept", "eventListener.type"),
    Value("integration.config.timeout", 9, "kept", "connection.timeout"),
    Value("integration.config.max_concurrent_requests", 9, "kept", "connection.maxConcurrentRequests"),
    Value("integration.config.customHeaders", {"X-A": "b"}, "kept", "connection.customHeaders"),
    Value("integration.secrets.timeout", 9, "kept", "connection.timeout"),
    Value("integration.extraConfig.HTTPS_PROXY", "http://proxy.test", "kept", "HTTPS_PROXY"),
    Value("integration.extraConfig.OCEAN__CLIENT_TIMEOUT", 61, "renamed", "connection.timeout"),
    Value("scheduledResyncInterval", 60, "kept", "scheduledResyncInterval"),
    Value("initializePortResources", "false", "kept", "sink.initializePortResources"),
    Value("sendRawDataExamples", "true", ""),
    Value("allowEnvironmentVariablesJqAccess", "true", "no effect"),
    Value("clientTimeout", 61, "renamed", "connection.timeout"),
    Value("createPortResourcesOrigin", "Default", "kept", "sink.createPortResourcesOrigin"),
    Value("processingMode", "dsp", "no effect"),
    Value("lakehouseEnabled", "true", "no effect"),
    Value("streamingEnabled", "true", "no effect"),
    Value("actionsProcessor.enabled", "true", "no effect"),
    Value("integration.processExecution.mode", "multi_process", "no effect"),
    Value("liveEvents.baseUrl", "https://us.test", "no effect"),
    Value("workload", {"kind": "Deployment", "cron": {"resyncTimeoutMinutes": 5}}, "no effect"),
    Value("service", {"type": "ClusterIP", "port": 8000}, "no effect"),
    Value("ingress", {"enabled": False}, "no effect"),
    Value("livenessProbe", {"enabled": True}, "no effect"),
    Value("readinessProbe", {"enabled": True}, "no effect"),
    Value("resources", {"limits": {"cpu": "500m"}}, "no effect"),
    Value("selfSignedCertificate", {"enabled": False}, "no effect"),
    Value("extraEnv", [{"name": "OCEAN__CLIENT_TIMEOUT", "value": "61"}], "", "connection.timeout"),
    Value("extraVolumes", [], "no effect"),
    Value("extraVolumeMounts", [], "no effect"),
    Value("podSecurityContext", {}, "no effect"),
    Value("containerSecurityContext", {}, "no effect"),
    Value("nodeSelector", {}, "no effect"),
    Value("tolerations", [], "no effect"),
    Value("affinity", {}, "no effect"),
    Value("imagePullSecrets", [], "no effect"),
    Value("dnsPolicy", "Default", "no effect"),
    Value("terminationGracePeriodSeconds", 30, "no effect"),
    Value("imageRegistry", "registry.test", "no effect"),
)
"""The values of the published chart; an empty outcome is any but unknown."""


def _values(name: str, value: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(CONFIGURED))
    *outer, last = name.split(".")
    here = document
    for step in outer:
        here = here.setdefault(step, {})
    here[last] = value
    return document


def _fates(folder: Path, values: Mapping[str, Any]) -> tuple[Fate, ...]:
    (folder / "values.yaml").write_text(json.dumps(values))
    return import_ocean(Places(folder), plugins()).fates


@pytest.mark.parametrize("row", CHART, ids=[row.name for row in CHART])
def test_a_value_of_the_chart_has_its_fate(tmp_path: Path, row: Value) -> None:
    [fate] = [one for one in _fates(tmp_path, _values(row.name, row.value)) if one.setting.startswith(row.name)]

    assert fate.outcome == row.outcome or (not row.outcome and fate.outcome != "unknown")
    assert fate.target.startswith(row.target)
    assert fate.target or fate.remark
    assert fate.where.startswith(f"{tmp_path / 'values.yaml'}:")


def test_a_cron_job_syncs_once_and_its_schedule_is_for_the_chart(tmp_path: Path) -> None:
    values = _values("workload", {"kind": "CronJob"}) | {"scheduledResyncInterval": "0 */1 * * *"}
    (tmp_path / "values.yaml").write_text(json.dumps(values))

    result = import_ocean(Places(tmp_path), plugins())

    document = yaml.safe_load(result.text)
    assert document["eventListener"] == {"type": "ONCE"}
    assert "scheduledResyncInterval" not in document
    [schedule] = [one for one in result.fates if one.setting == "scheduledResyncInterval"]
    assert "schedule of the CronJob" in schedule.remark


def test_a_value_that_the_chart_has_not_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    [fate] = [one for one in _fates(tmp_path, _values("integration.identifer", "x")) if one.outcome == "unknown"]

    assert (fate.setting, fate.remark) == (
        "integration.identifer",
        'the chart has no such value; did you mean "integration.identifier"?',
    )


@pytest.mark.parametrize(
    ("written", "expected"), [("60", timedelta(hours=1)), ("1h", timedelta(hours=1)), ("1e+02", timedelta(minutes=100))]
)
def test_the_interval_is_understood_in_each_of_its_forms(written: str, expected: timedelta) -> None:
    assert state({**NEEDED, "OCEAN__SCHEDULED_RESYNC_INTERVAL": written})["interval"] == expected
