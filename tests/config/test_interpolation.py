from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from support.configuring import load, problems, resources, warnings


def test_a_variable_is_put_into_any_value_of_our_file() -> None:
    text = (
        "source: ${TEAM}-hr\n"
        "connection: {baseUrl: 'https://${HOST}/v1', timeout: '${SECONDS}', verifySsl: '${VERIFY}'}\n"
        "sink: {type: '${SINK}'}\n"
        "resources: []\n"
    )
    environ = {"TEAM": "core", "HOST": "api.test", "SECONDS": "5", "VERIFY": "no", "SINK": "jsonl"}
    settings = load(text, environ=environ)

    assert settings.source == "core-hr"
    assert settings.connection.http.base_url == "https://api.test/v1"
    assert (settings.connection.http.timeout, settings.connection.http.verify_ssl) == (5, False)
    assert settings.sink.strategy.name == "jsonl"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$${NAME}", "${NAME}"),
        ("a$${NAME}b${NAME}", "a${NAME}bvalue"),
        ("$NAME", "$NAME"),
        ("{NAME}", "{NAME}"),
        ("$", "$"),
        ("${NAME}${NAME}", "valuevalue"),
    ],
)
def test_a_doubled_dollar_is_the_text_itself(written: str, meant: str) -> None:
    text = json.dumps({"source": written, "connection": {"baseUrl": "https://a.test"}, "resources": []})

    assert load(text, environ={"NAME": "value"}).source == meant


def test_what_a_variable_holds_is_not_searched_for_variables_again() -> None:
    text = 'source: "${A}"\nconnection: {baseUrl: https://a.test}\nresources: []\n'

    assert load(text, environ={"A": "${B}"}).source == "${B}"


def test_a_variable_that_is_not_set_is_one_problem_that_names_it_and_the_place() -> None:
    text = (
        "connection:\n"
        "  baseUrl: https://${HOST}\n"
        "  authType: bearer_token\n"
        "  apiToken: ${HR_TOKN}\n"
        "  timeout: ${SECONDS}\n"
        "resources: []\n"
    )

    assert problems(text, environ={"HR_TOKEN": "s3cret"}) == [
        "penstock.yml:2: connection.baseUrl: the environment variable HOST is not set",
        ('penstock.yml:4: connection.apiToken: the environment variable HR_TOKN is not set; did you mean "HR_TOKEN"?'),
        "penstock.yml:5: connection.timeout: the environment variable SECONDS is not set",
    ]


def test_what_is_no_name_of_a_variable_is_a_problem() -> None:
    assert problems("source: '${NAME:-x}'\nconnection: {baseUrl: https://a.test}\nresources: []\n") == [
        (
            "penstock.yml:1: source: expected the name of an environment variable within ${ }; "
            "write $${ for the text ${ itself"
        )
    ]


def test_below_resources_variables_are_put_in_where_no_jq_stands() -> None:
    selector = (
        "{query_params: {team: '${TEAM}'}, headers: {X-Team: '${TEAM}'}, method: '${METHOD}', body: {t: ['${TEAM}']}, "
        "query: '\"${TEAM}\" == \"${TEAM}\"', pagination: {paginationType: page, pageSize: '${SIZE}'}, "
        "incremental: {field: .at, param: '${TEAM}_since', lookback: '${LOOK}'}}"
    )
    environ = {"TEAM": "core", "METHOD": "post", "SIZE": "7", "LOOK": "90s"}
    settings = load(resources(selector, kind="/teams/${TEAM}/users"), environ=environ)
    resource = settings.resources[0]

    assert (resource.kind, resource.request.endpoint) == ("/teams/core/users",) * 2
    assert resource.request.method == "POST"
    assert resource.request.query_params == {"team": "core"}
    assert resource.request.headers == {"X-Team": "core"}
    assert resource.request.body == {"t": ["core"]}
    assert resource.request.pagination.config.model_dump()["page_size"] == 7
    assert resource.incremental is not None
    assert (resource.incremental.param, resource.incremental.lookback) == ("core_since", "90s")
    assert resource.query == '"${TEAM}" == "${TEAM}"'
    assert (
        "penstock.yml:4: resources[0].selector.query: ${TEAM} is the text itself here: no variables are put into jq"
        in (warnings(settings))
    )


def test_the_keys_of_entities_may_have_any_name_and_hold_jq() -> None:
    port = "{entity: {mappings: {identifier: .id, blueprint: '\"u\"', properties: {kind: '\"${TEAM}\"', body: .b}}}}"
    text = f"connection: {{baseUrl: https://api.test}}\nresources:\n  - kind: /users\n    port: {port}\n"
    settings = load(text, environ={"TEAM": "core"})

    assert settings.resources[0].entities[0].properties == {"kind": '"${TEAM}"', "body": ".b"}
    assert [warning.partition(": ${")[0] for warning in warnings(settings)] == [
        "penstock.yml:4: resources[0].port.entity.mappings.properties.kind"
    ]


def test_path_parameters_may_be_called_like_settings() -> None:
    selector = "{path_parameters: {kind: {endpoint: '/${TEAM}/kinds', field: '\"${TEAM}\\(.id)\"'}}}"
    resource = load(resources(selector, kind="'/u/{kind}'"), environ={"TEAM": "core"}).resources[0]

    assert resource.path_parameters[0].request.endpoint == "/core/kinds"
    assert resource.path_parameters[0].field == '"${TEAM}\\(.id)"'


@pytest.mark.parametrize(
    ("selector", "kind", "place"),
    [
        ("{}", "/users/${NONE}", "kind"),
        ("{endpoint: '/${NONE}'}", "/users", "selector.endpoint"),
        ("{pagination: {paginationType: '${NONE}'}}", "/users", "selector.pagination.paginationType"),
        ("{path_parameters: {a: {endpoint: '/${NONE}', field: .x}}}", "'/{a}'", "selector.path_parameters.a.endpoint"),
    ],
)
def test_a_variable_of_resources_that_is_not_set_is_a_problem(selector: str, kind: str, place: str) -> None:
    [problem] = problems(resources(selector, kind=kind))
    assert problem.partition(": ")[2] == f"resources[0].{place}: the environment variable NONE is not set"


def test_discovery_requests_take_variables_too() -> None:
    selector = "{path_parameters: {t: {endpoint: /t, field: .id, headers: {X: '${TEAM}'}}}}"
    resource = load(resources(selector, kind="'/u/{t}'"), environ={"TEAM": "core"}).resources[0]

    assert resource.path_parameters[0].request.headers == {"X": "core"}


def test_a_mapping_file_is_left_as_it_is() -> None:
    mapping = (
        "resources:\n"
        "  - kind: /users\n"
        "    selector: {query_params: {a: '${TEAM}'}}\n"
        "    port: {entity: {mappings: {identifier: .id, blueprint: '\"u\"'}}}\n"
    )
    settings = load("connection: {baseUrl: https://a.test}\n", mapping=mapping, environ={"TEAM": "core"})

    assert settings.resources[0].request.query_params == {"a": "${TEAM}"}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("place", ["connection", "integration", "environment"])
def test_in_custom_headers_a_variable_that_is_not_set_stays_as_it_is_written(place: str, as_text: bool) -> None:  # noqa: FBT001
    headers: dict[str, object] = {"X-A": "Bearer ${SET}", "X-B": "${UNSET}", "X-C": "$${SET}", "X-N": 5}
    written: object = json.dumps(headers) if as_text else headers
    content: dict[str, object] = {"connection": {"baseUrl": "https://a.test"}, "resources": []}
    environ = {"SET": "s3cret"}
    if place == "connection":
        content["connection"] = {"baseUrl": "https://a.test", "customHeaders": written}
    elif place == "integration":
        content["integration"] = {"config": {"customHeaders": written}}
    else:
        environ["OCEAN__INTEGRATION__CONFIG__CUSTOM_HEADERS"] = json.dumps(headers)
    found = load(json.dumps(content), environ=environ).connection.http.custom_headers

    assert {name: _open(value) for name, value in found.items()} == {
        "X-A": "Bearer s3cret",
        "X-B": "${UNSET}",
        "X-C": "${SET}",
        "X-N": "5",
    }


def _open(secret: SecretStr) -> str:
    return secret.get_secret_value()
