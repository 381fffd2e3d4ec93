"""Every variable of an Ocean installation works, or is said once to have no effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.config.load import load_calendar, load_service
from penstock.config.models import Settings
from penstock.config.ocean import EFFECTS, NOTICES, claims_of
from penstock.config.service import Calendar
from penstock.plugins import PluginManager
from penstock_sinks.port import PortConfig
from support.configuring import inputs, load, problems, warnings

NEEDED = {
    "OCEAN__PORT__CLIENT_ID": "an-id",
    "OCEAN__PORT__CLIENT_SECRET": "a-secret-of-port",
    "OCEAN__INTEGRATION__CONFIG__BASE_URL": "https://api.test",
    "PENSTOCK__RESOURCES": "[]",
}
"""The least that a ``docker run`` says; no file is needed."""


def run(**variables: str) -> Settings:
    return load(None, environ=NEEDED | variables)


def sink(name: str) -> Callable[..., object]:
    def read(**variables: str) -> object:
        value: Any = getattr(run(**variables).sink.config, name)
        return value.get_secret_value() if hasattr(value, "get_secret_value") else value

    return read


def http(name: str) -> Callable[..., object]:
    def read(**variables: str) -> object:
        return getattr(run(**variables).connection.http, name)

    return read


def service(name: str) -> Callable[..., object]:
    def read(**variables: str) -> object:
        return getattr(load_service(inputs(None, environ=NEEDED | variables)), name)

    return read


def calendar(**variables: str) -> Calendar:
    return load_calendar(inputs(None, environ=NEEDED | variables), PluginManager(disabled=()))


def interval(**variables: str) -> object:
    return calendar(**variables).interval


def listener(**variables: str) -> object:
    return calendar(**variables).listener.type


def source(**variables: str) -> object:
    return run(**variables).source


def resources(**variables: str) -> object:
    return run(**variables).resources


EFFECTIVE: list[tuple[str, str, Callable[..., object], object]] = [
    ("OCEAN__PORT__CLIENT_ID", "other", sink("client_id"), "other"),
    ("OCEAN__PORT__CLIENT_SECRET", "other", sink("client_secret"), "other"),
    ("OCEAN__PORT__BASE_URL", "https://api.us.getport.io/v1/", sink("base_url"), "https://api.us.getport.io"),
    ("OCEAN__INTEGRATION__IDENTIFIER", "ocean-custom", sink("integration_identifier"), "ocean-custom"),
    ("OCEAN__INTEGRATION__IDENTIFIER", "ocean-custom", source, "ocean-custom"),
    ("OCEAN__INTEGRATION__TYPE", "Generic-HTTP", sink("integration_type"), "generic-http"),
    ("OCEAN__INTEGRATION__CONFIG__NAME", "", http("timeout"), None),
    ("OCEAN__INTEGRATION__SECRETS__NAME", "", http("timeout"), None),
    ("OCEAN__INTEGRATION__CONFIG__MAPPINGS", "resources: []", resources, ()),
    ("OCEAN__CLIENT_TIMEOUT", "61", http("timeout"), 61),
    ("OCEAN__SSL__THIRD_PARTY__VERIFY", "false", http("verify_ssl"), False),
    ("OCEAN__SSL__THIRD_PARTY__X509__STRICT", "false", http("strict_x509"), False),
    ("OCEAN__SSL__PORT__VERIFY", "false", sink("verify_ssl"), False),
    ("OCEAN__SSL__PORT__X509__STRICT", "false", sink("strict_x509"), False),
    ("OCEAN__INITIALIZE_PORT_RESOURCES", "false", sink("initialize_port_resources"), False),
    ("OCEAN__CREATE_PORT_RESOURCES_ORIGIN", "Port", sink("resources_origin"), "Port"),
    ("OCEAN__RESOURCES_PATH", "mine", sink("resources_path"), Path("mine")),
    ("OCEAN__UPSERT_ENTITIES_BATCH_MAX_LENGTH", "7", sink("bulk_entities"), 7),
    ("OCEAN__UPSERT_ENTITIES_BATCH_MAX_SIZE_IN_BYTES", "5e+05", sink("bulk_bytes"), 500_000),
    ("OCEAN__SCHEDULED_RESYNC_INTERVAL", "60", interval, timedelta(hours=1)),
    ("OCEAN__EVENT_LISTENER", '{"type": "ONCE"}', listener, "ONCE"),
    ("OCEAN__EVENT_LISTENER__TYPE", "once", listener, "ONCE"),
    ("OCEAN__PATH_PREFIX", "/hr", service("path_prefix"), "/hr"),
    ("OCEAN__LOG_LEVEL", "DEBUG", service("log_level"), "DEBUG"),
    ("APPLICATION__LOG_LEVEL", "error", service("log_level"), "ERROR"),
    ("OCEAN__SEND_RAW_DATA_EXAMPLES", "false", sink("send_raw_data_examples"), False),
    ("APPLICATION__ENABLE_HTTP_LOGGING", "false", sink("send_logs"), False),
    ("OCEAN__STATUS_HEARTBEAT_INTERVAL_SECONDS", "9", sink("heartbeat_seconds"), 9.0),
    ("APPLICATION__PORT", "9000", service("port"), 9000),
]
"""Variable, value, what to look at, what is there."""


@pytest.mark.parametrize(
    ("variable", "value", "look", "seen"),
    [row for row in EFFECTIVE if row[1]],
    ids=[row[0] for row in EFFECTIVE if row[1]],
)
def test_a_variable_of_ocean_has_its_effect(
    variable: str, value: str, look: Callable[..., object], seen: object
) -> None:
    assert look(**{variable: value}) == seen
    assert not [told for told in warnings(run(**{variable: value})) if "no such" in told or "no effect" in told]


@pytest.mark.parametrize(
    ("variable", "value", "look", "seen", "says"),
    [
        ("MAX_LENGTH", "100", sink("bulk_entities"), 20, "is capped at 20, the most that the catalog takes"),
        ("MAX_LENGTH", "0", sink("bulk_entities"), 1, "is raised to 1, the least that the sink works with"),
        (
            "MAX_SIZE_IN_BYTES",
            "2097152",
            sink("bulk_bytes"),
            1 << 20,
            "is capped at 1,048,576, the most that the catalog takes",
        ),
        (
            "MAX_SIZE_IN_BYTES",
            "1e+07",
            sink("bulk_bytes"),
            1 << 20,
            "is capped at 1,048,576, the most that the catalog takes",
        ),
        (
            "MAX_SIZE_IN_BYTES",
            "1000",
            sink("bulk_bytes"),
            1024,
            "is raised to 1,024, the least that the sink works with",
        ),
    ],
)
def test_a_limit_beyond_what_is_possible_is_taken_as_the_nearest_and_told(
    variable: str, value: str, look: Callable[..., object], seen: object, says: str
) -> None:
    name = f"OCEAN__UPSERT_ENTITIES_BATCH_{variable}"

    assert look(**{name: value}) == seen
    assert warnings(run(**{name: value})) == [f"environment {name}: {says}"]


@pytest.mark.parametrize(("name", "level"), [("WARN", "WARNING"), ("warn", "WARNING"), ("FATAL", "CRITICAL")])
def test_levels_have_the_other_names_that_python_takes(name: str, level: str) -> None:
    assert service("log_level")(OCEAN__LOG_LEVEL=name) == level


@pytest.mark.parametrize("block", ["CONFIG", "SECRETS"])
def test_settings_of_the_connection_come_from_both_of_oceans_blocks(block: str) -> None:
    variables = {f"OCEAN__INTEGRATION__{block}__TIMEOUT": "9", f"OCEAN__INTEGRATION__{block}__PAGE_SIZ": "9"}
    settings = run(**variables)

    assert settings.connection.http.timeout == 9
    assert warnings(settings) == [
        (
            f"environment OCEAN__INTEGRATION__{block}__PAGE_SIZ: connection.pageSiz: "
            'there is no such setting; did you mean "pageSize"? (ignored)'
        )
    ]


@pytest.mark.parametrize("variable", NOTICES)
def test_a_variable_without_effect_is_told_once(variable: str) -> None:
    [notice] = warnings(run(**{variable: "1"}))

    assert notice == f"environment {variable}: has no effect: {NOTICES[variable]}"


def test_every_variable_has_a_row_here() -> None:
    rows = {row[0] for row in EFFECTIVE} - {"OCEAN__EVENT_LISTENER__TYPE"}

    assert rows == {*EFFECTS, *(claim.whole_name for claim in claims_of(PortConfig))}


def test_variables_of_the_specification_are_all_known() -> None:
    named = """
        PORT__CLIENT_ID PORT__CLIENT_SECRET PORT__BASE_URL PORT__PORT_APP_CONFIG_CACHE_TTL INTEGRATION__IDENTIFIER
        SEND_RAW_DATA_EXAMPLES INITIALIZE_PORT_RESOURCES RESOURCES_PATH CREATE_PORT_RESOURCES_ORIGIN
        INTEGRATION__TYPE EVENT_LISTENER SCHEDULED_RESYNC_INTERVAL ALLOW_ENVIRONMENT_VARIABLES_JQ_ACCESS
        CLIENT_TIMEOUT BASE_URL PATH_PREFIX RUNTIME CACHING_STORAGE_MODE
        PROCESS_IN_QUEUE_TIMEOUT PROCESS_IN_QUEUE_MAX_WORKERS YIELD_ITEMS_TO_PARSE_BATCH_SIZE
        UPSERT_ENTITIES_BATCH_MAX_LENGTH UPSERT_ENTITIES_BATCH_MAX_SIZE_IN_BYTES DELETE_ENTITIES_MAX_BATCH_SIZE
        METRICS__ENABLED METRICS__WEBHOOK_URL STATUS_HEARTBEAT_INTERVAL_SECONDS SSL__PORT__VERIFY
        SSL__PORT__X509__STRICT SSL__THIRD_PARTY__VERIFY SSL__THIRD_PARTY__X509__STRICT PROCESSING_MODE
        LAKEHOUSE_ENABLED STREAMING__ENABLED STREAMING__LOCATION LOG_LEVEL PROCESS_EXECUTION_MODE
        MAX_WAIT_SECONDS_BEFORE_SHUTDOWN DISABLE_IP_OUTBOUND_BLOCKER ACTIONS_PROCESSOR__ENABLED
    """
    known = {*EFFECTS, *NOTICES, *(claim.whole_name for claim in claims_of(PortConfig))}

    assert {f"OCEAN__{name}" for name in named.split()} <= known
    assert {"APPLICATION__LOG_LEVEL", "APPLICATION__PORT", "APPLICATION__ENABLE_HTTP_LOGGING"} <= known


def test_the_environment_alone_chooses_the_sink_and_keeps_what_ocean_calls_its_integration() -> None:
    settings = run()

    assert settings.sink.strategy.name == "port"
    assert getattr(settings.sink.config, "integration_identifier") == "my-custom-integration"  # noqa: B009
    assert warnings(settings) == []


@pytest.mark.parametrize(
    ("written", "environ"),
    [("sink: {type: sqlite}\n", {}), ("sink: {path: x.db}\n", {}), ("", {"PENSTOCK__SINK__TYPE": "sqlite"})],
)
def test_a_sink_that_is_written_wins_over_the_one_that_oceans_variables_mean(
    written: str, environ: dict[str, str]
) -> None:
    assert load(written + "resources: []\n", environ=NEEDED | environ).sink.strategy.name == "sqlite"


def test_our_variables_win_over_oceans_and_those_over_the_file() -> None:
    text = "sink: {type: port, baseUrl: https://file.test, clientId: file}\nresources: []\n"
    environ = NEEDED | {"OCEAN__PORT__BASE_URL": "https://ocean.test", "PENSTOCK__SINK__CLIENT_ID": "ours"}
    config: Any = load(text, environ=environ).sink.config

    assert (config.base_url, config.client_id.get_secret_value()) == ("https://ocean.test", "ours")
    assert config.integration_identifier is None  # Ocean's default is not for those who choose the sink themselves


def test_half_of_the_credentials_is_a_problem_that_names_the_other_half() -> None:
    environ = {name: value for name, value in NEEDED.items() if name != "OCEAN__PORT__CLIENT_SECRET"}

    assert problems(None, environ=environ) == [
        (
            "sink.clientSecret: is required by the sink port, here or as PENSTOCK__SINK__CLIENT_SECRET or "
            "OCEAN__PORT__CLIENT_SECRET"
        )
    ]


def test_members_of_a_json_object_are_known_by_their_whole_names() -> None:
    settings = load(
        None,
        environ={
            "OCEAN__PORT": '{"clientId": "id", "client_secret": "secret-of-port"}',
            "OCEAN__METRICS": '{"enabled": true}',
            **{name: value for name, value in NEEDED.items() if "__PORT__" not in name},
        },
    )

    assert settings.sink.strategy.name == "port"
    assert warnings(settings) == [
        f"environment OCEAN__METRICS: OCEAN__METRICS__ENABLED has no effect: {NOTICES['OCEAN__METRICS__ENABLED']}"
    ]


def test_a_misspelt_variable_of_ocean_is_told_with_the_nearest_name() -> None:
    assert warnings(run(OCEAN__SCHEDULED_RESYNC_INTERVALL="60")) == [
        (
            "environment OCEAN__SCHEDULED_RESYNC_INTERVALL: there is no such variable; "
            'did you mean "OCEAN__SCHEDULED_RESYNC_INTERVAL"? (ignored)'
        )
    ]


def test_the_cron_expression_of_a_job_is_not_for_us() -> None:
    variables = {"OCEAN__SCHEDULED_RESYNC_INTERVAL": "0 */1 * * *"}

    assert calendar(**variables).interval is None
    assert warnings(run(**variables)) == [
        (
            "environment OCEAN__SCHEDULED_RESYNC_INTERVAL: has no effect: a cron expression is for whatever starts the "
            "process"
        )
    ]
