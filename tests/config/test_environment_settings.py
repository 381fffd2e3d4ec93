from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.configuring import MINIMAL, load, problems, warnings

FILE = "source: file\nconnection: {baseUrl: https://file.test, timeout: 1}\nsink: {path: file.db}\nresources: []\n"


def test_the_environment_wins_over_the_file_and_ours_over_oceans() -> None:
    ocean = {
        "OCEAN__INTEGRATION__CONFIG__TIMEOUT": "2",
        "OCEAN__INTEGRATION__CONFIG__BASE_URL": "https://ocean.test",
        "OCEAN__INTEGRATION__IDENTIFIER": "ocean",
    }
    ours = {"PENSTOCK__CONNECTION__TIMEOUT": "3"}

    assert load(FILE).connection.http.timeout == 1
    assert load(FILE, environ=ocean).connection.http.timeout == 2
    assert load(FILE, environ=ocean | ours).connection.http.timeout == 3
    assert load(FILE, environ=ocean | ours).connection.http.base_url == "https://ocean.test"


def test_the_top_level_and_its_blocks_come_from_the_environment() -> None:
    settings = load(
        environ={
            "PENSTOCK__SOURCE": "acme-hr",
            "PENSTOCK__STATE_DIR": "elsewhere/state",
            "PENSTOCK__SINK__TYPE": "jsonl",
            "PENSTOCK__SINK__PATH": "out",
            "PENSTOCK__EXPRESSIONS__TIMEOUT": "1.5",
            "PENSTOCK__EXPRESSIONS__MEMORY_BYTES": "100000000",
            "PENSTOCK__ENTITY_DELETION_THRESHOLD": "0.5",
            "PENSTOCK__ENABLE_MERGE_ENTITY": "no",
        }
    )

    assert settings.source == "acme-hr"
    assert str(settings.state_dir) == "elsewhere/state"
    assert (settings.sink.strategy.name, str(getattr(settings.sink.config, "path"))) == ("jsonl", "out")  # noqa: B009
    assert (settings.expressions.timeout, settings.expressions.memory_bytes) == (1.5, 100000000)
    assert (settings.flags.entity_deletion_threshold, settings.flags.enable_merge_entity) == (0.5, False)
    assert settings.warnings == ()


@pytest.mark.parametrize(("text", "number"), [("1e+06", 1_000_000), ("1.5e+03", 1500), ("2E2", 200)])
def test_a_large_number_may_be_written_as_helm_renders_it(text: str, number: int) -> None:
    environ = {"PENSTOCK__CONNECTION__PAGINATION_TYPE": "offset", "OCEAN__INTEGRATION__CONFIG__PAGE_SIZE": text}

    settings = load(environ=environ)

    assert settings.connection.pagination.config.model_dump()["page_size"] == number


@pytest.mark.parametrize("text", ["1.5e+00", "1e-3", "1e+999999999", "1e", "-1e+02", "0e+05"])
def test_what_an_exponent_does_not_make_whole_is_refused(text: str) -> None:
    environ = {"PENSTOCK__CONNECTION__PAGINATION_TYPE": "offset", "PENSTOCK__CONNECTION__PAGE_SIZE": text}

    [problem] = problems(environ=environ)

    assert "connection.pageSize: " in problem


@pytest.mark.parametrize("name", ["penstock__connection__timeout", "Penstock__Connection__TimeOut"])
def test_variable_names_ignore_case(name: str) -> None:
    assert load(environ={name: "9"}).connection.http.timeout == 9


def test_empty_variables_are_not_set() -> None:
    environ = {"PENSTOCK__CONNECTION__TIMEOUT": "", "OCEAN__INTEGRATION__CONFIG": "", "PENSTOCK__SOURCE": ""}
    settings = load(FILE, environ=environ)

    assert (settings.connection.http.timeout, settings.source) == (1, "file")


def test_a_longer_name_wins_over_the_json_object_it_is_part_of() -> None:
    blob = json.dumps({"base_url": "https://blob.test", "pageSize": 5, "paginationType": "offset", "timeout": 8})
    settings = load(
        None,
        environ={
            "OCEAN__INTEGRATION__CONFIG": blob,
            "OCEAN__INTEGRATION__CONFIG__TIMEOUT": "9",
            "PENSTOCK__RESOURCES": "[]",
        },
    )

    assert settings.connection.http.base_url == "https://blob.test"
    assert settings.connection.http.timeout == 9
    assert settings.connection.pagination.config.model_dump()["page_size"] == 5


def test_a_variable_that_should_hold_an_object_and_does_not_is_a_problem() -> None:
    assert problems(environ={"OCEAN__INTEGRATION__CONFIG": "not json", "PENSTOCK__SINK": "[1]"}) == [
        "environment PENSTOCK__SINK: sink: expected a JSON object",
        "environment OCEAN__INTEGRATION__CONFIG: integration.config: expected a JSON object",
    ]


def test_the_identifier_of_an_ocean_installation_is_only_the_default_of_the_source() -> None:
    environ = {"OCEAN__INTEGRATION__IDENTIFIER": "my-custom-integration"}

    assert load(environ=environ).source == "my-custom-integration"
    assert load(FILE, environ=environ).source == "file"
    assert load("integration: {identifier: in-file}\n" + MINIMAL, environ=environ).source == "in-file"


@pytest.mark.parametrize(
    ("written", "environ", "seconds"),
    [
        ("", {}, 30),
        ("", {"OCEAN__CLIENT_TIMEOUT": "60"}, 60),
        (", timeout: 5", {"OCEAN__CLIENT_TIMEOUT": "60"}, 5),
        ("", {"OCEAN__CLIENT_TIMEOUT": "60", "OCEAN__INTEGRATION__CONFIG__TIMEOUT": "7"}, 7),
    ],
)
def test_oceans_client_timeout_is_the_default_of_the_timeout(
    written: str, environ: dict[str, str], seconds: float
) -> None:
    text = f"connection: {{baseUrl: https://api.test{written}}}\nresources: []\n"

    assert load(text, environ=environ).connection.http.timeout == seconds


@pytest.mark.parametrize(
    ("written", "variable", "verify", "strict"),
    [
        ("", {}, True, True),
        ("", {"OCEAN__SSL__THIRD_PARTY__VERIFY": "true"}, True, True),
        ("", {"OCEAN__SSL__THIRD_PARTY__VERIFY": "false"}, False, True),
        (", verifySsl: true", {"OCEAN__SSL__THIRD_PARTY__VERIFY": "0"}, False, True),
        (", verifySsl: false", {"OCEAN__SSL__THIRD_PARTY__VERIFY": "true"}, False, True),
        ("", {"OCEAN__SSL__THIRD_PARTY__X509__STRICT": "false"}, True, False),
        ("", {"OCEAN__SSL": '{"third_party": {"verify": false}}'}, False, True),
    ],
)
def test_each_of_the_switches_for_certificates_works(
    written: str,
    variable: dict[str, str],
    verify: bool,  # noqa: FBT001
    strict: bool,  # noqa: FBT001
) -> None:
    text = f"connection: {{baseUrl: https://api.test{written}}}\nresources: []\n"
    http = load(text, environ=variable).connection.http

    assert (http.verify_ssl, http.strict_x509) == (verify, strict)


def test_a_switch_that_is_no_boolean_is_a_problem() -> None:
    assert problems(environ={"OCEAN__SSL__THIRD_PARTY__VERIFY": "perhaps"}) == [
        "environment OCEAN__SSL__THIRD_PARTY__VERIFY: ssl.third_party.verify: expected true or false"
    ]


def test_unknown_variables_of_ours_are_warned_of_with_the_nearest_name() -> None:
    settings = load(
        environ={
            "PENSTOCK__CONECTION__BASE_URL": "https://x.test",
            "PENSTOCK__SOURC": "x",
            "PENSTOCK__CONNECTION__TIMEOT": "1",
            "PENSTOCK__SINK__PAHT": "x.db",
            "PENSTOCK__EXPRESSIONS__MEMORY": "1",
            "PENSTOCK__FROBNICATE": "1",
        }
    )

    none = "there is no such setting"
    assert sorted(warnings(settings)) == [
        f'environment PENSTOCK__CONECTION__BASE_URL: {none}; did you mean "PENSTOCK__CONNECTION__BASE_URL"? (ignored)',
        f'environment PENSTOCK__CONNECTION__TIMEOT: connection.timeot: {none}; did you mean "timeout"? (ignored)',
        f'environment PENSTOCK__EXPRESSIONS__MEMORY: expressions.memory: {none}; did you mean "memoryBytes"? (ignored)',
        f"environment PENSTOCK__FROBNICATE: {none} (ignored)",
        f'environment PENSTOCK__SINK__PAHT: sink.paht: {none}; did you mean "path"? (ignored)',
        f'environment PENSTOCK__SOURC: {none}; did you mean "PENSTOCK__SOURCE"? (ignored)',
    ]


def test_unknown_variables_of_oceans_configuration_are_warned_of_and_others_ignored() -> None:
    settings = load(
        environ={
            "OCEAN__INTEGRATION__CONFIG__PAGE_SIZ": "1",
            "OCEAN__INTEGRATION__SECRETS__API_TOKN": "s3cret",
            "OCEAN__SOMETHING_ELSE": "id",
            "OCEAN__EVENT_LISTENER": '{"type": "ONCE"}',
            "OCEAN__INTEGRATION__TYPE": "custom",
            "OCEAN__LOG_LEVEL": "DEBUG",
            "PENSTOCK_DISABLE_PLUGINS": "none",
            "PATH": "/bin",
        }
    )

    assert warnings(settings) == [
        (
            "environment OCEAN__INTEGRATION__CONFIG__PAGE_SIZ: connection.pageSiz: "
            'there is no such setting; did you mean "pageSize"? (ignored)'
        ),
        (
            "environment OCEAN__INTEGRATION__SECRETS__API_TOKN: connection.apiTokn: "
            'there is no such setting; did you mean "apiToken"? (ignored)'
        ),
    ]


def test_a_dotenv_file_is_read_and_the_real_environment_wins() -> None:
    dotenv = "# comment\nexport PENSTOCK__SOURCE='from dotenv'\nPENSTOCK__CONNECTION__TIMEOUT=5\nNAME=dotenv\n"
    text = "connection: {baseUrl: 'https://${NAME}.test'}\nresources: []\n"
    settings = load(text, dotenv=dotenv, environ={"penstock__connection__timeout": "6"})

    assert settings.source == "from dotenv"
    assert settings.connection.http.timeout == 6
    assert settings.connection.http.base_url == "https://dotenv.test"


def test_a_mistake_in_a_dotenv_file_is_reported_with_its_line() -> None:
    settings = load(dotenv="PENSTOCK__SOURCE=x\nthis is no assignment\n")

    assert warnings(settings) == [".env:2: this line is not NAME=VALUE (ignored)"]
    assert problems(dotenv="\nPENSTOCK__CONNECTION__TIMEOUT=soon\n") == [
        ".env:2 PENSTOCK__CONNECTION__TIMEOUT: connection.timeout: expected a number"
    ]


def test_a_dotenv_file_that_is_no_text_is_a_problem() -> None:
    Path(".env").write_bytes(b"A=\xff\n")

    assert problems() == [".env: the file is not UTF-8 text"]
