from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from penstock.config.problems import Findings
from penstock.config.schema import json_schema
from penstock.config.yaml_source import parse_yaml
from penstock.plugins import PluginManager
from support.configuring import with_acme


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    schema = json_schema(with_acme())
    Draft202012Validator.check_schema(schema)
    return schema


def _errors(schema: dict[str, Any], text: str) -> list[tuple[list[str | int], str]]:
    """Return path and message of everything in a YAML text that the schema refuses."""
    node = parse_yaml(text, "sample.yml", Findings())
    assert node is not None
    validator: Any = Draft202012Validator(schema)
    return [(list(error.absolute_path), error.message) for error in validator.iter_errors(node.plain())]


SAMPLE = """
source: acme-hr
connection:
  baseUrl: https://hr.acme.test
  authType: bearer_token
  apiToken: ${HR_TOKEN}
  paginationType: page
  pageSize: 200
  timeout: '5'
  verifySsl: ${VERIFY}
  customHeaders: {X-A: b}
  allowed_origins: [https://files.acme.test]
sink: {type: sqlite, path: catalog.db}
expressions: {timeout: 2}
entityDeletionThreshold: 0.5
stateDir: .penstock
resources:
  - kind: /api/v1/users/{id}
    selector:
      query: true
      data_path: .users
      queryParams: {a: [1, b]}
      pagination: {paginationType: offset, page_size: 5}
      path_parameters: {id: {endpoint: /ids, field: .id}}
    port:
      itemsToParse: .roles
      entity:
        mappings:
          identifier: {combinator: '"and"', rules: [{property: '"a"', operator: '"="', value: .a}]}
          title: .name
          blueprint: '"user"'
          properties: {email: .email, level: 5, title: .title}
          relations: {team: .team}
"""


def test_a_good_file_is_valid(schema: dict[str, Any]) -> None:
    assert _errors(schema, SAMPLE) == []


@pytest.mark.parametrize(
    "text",
    [
        "connection: {base_url: https://a.test, auth_type: acme, acme_ticket: t, acmeRealm: south}",
        "connection: {authValue: x, token: y}",
        "connection: {pagination: {pagination_type: cursor, cursor_query_param: after, limit: 5}}",
        "connection: {authType: bearer}",
        "connection: {authType: '${AUTH}'}",
        "sink: {path: x.db}",
        "sink: {type: acme, url: https://x.test}",
        "sink: {type: jsonl, path: out}",
        "integration: {identifier: x, config: {baseUrl: https://a.test}}",
        (
            "resources: [{kind: api_resource, selector: {query: {endpoint: /x}}, "
            "port: {entity: {mappings: [{identifier: .i, blueprint: .b}]}}}]"
        ),
    ],
)
def test_other_spellings_and_strangers_settings_are_valid(schema: dict[str, Any], text: str) -> None:
    assert _errors(schema, text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sorce: x", []),
        ("connection: {apiTokn: x}", ["connection"]),
        ("connection: {authType: kerberos}", ["connection", "authType"]),
        ("connection: {pageSize: 0}", ["connection", "pageSize"]),
        ("connection: {acmeRealm: nort}", ["connection", "acmeRealm"]),
        ("sink: {type: kafka}", ["sink"]),
        ("sink: {type: sqlite, url: x}", ["sink"]),
        ("expressions: {timeout: 0}", ["expressions", "timeout"]),
        ("resources: {}", ["resources"]),
        ("resources: [{kind: /x}]", ["resources", 0]),
        (
            (
                "resources: [{kind: /x, selector: {method: FETCH}, port: "
                "{entity: {mappings: {identifier: .i, blueprint: .b}}}}]"
            ),
            ["resources", 0, "selector", "method"],
        ),
        (
            (
                "resources: [{kind: /x, selector: {pagination: {pageSiz: 1}}, port: "
                "{entity: {mappings: {identifier: .i, blueprint: .b}}}}]"
            ),
            ["resources", 0, "selector", "pagination"],
        ),
    ],
)
def test_mistakes_are_invalid_at_their_place(schema: dict[str, Any], text: str, path: list[str | int]) -> None:
    assert [where for where, _ in _errors(schema, text)] == [path]


def _connection(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"]["connection"]["properties"]
    return found


PORT = "port: {entity: {mappings: {identifier: .id, blueprint: .b}}}"
BLANKS = [
    "source: %\nresources: []",
    "connection: {baseUrl: 'https://a.test', timeout: %, pageSize: %, apiToken: %, authType: %, customAuthRequest: %}",
    "sink: {path: %}",
    "expressions: {timeout: %}\nentityDeletionLimit: %",
    f"resources: [{{kind: /u, selector: {{query: %, method: %, data_path: %, headers: %, queryParams: %}}, {PORT}}}]",
    f"resources: [{{kind: /u, selector: {{incremental: {{field: .a, param: p, lookback: %, timezone: %}}}}, {PORT}}}]",
    f"resources: [{{kind: /u, {PORT.replace('{entity', '{itemsToParse: %, itemsToParseName: %, entity')}}}]",
]


@pytest.mark.parametrize("blank", ["null", "''"])
@pytest.mark.parametrize("text", BLANKS)
def test_null_and_empty_text_mean_not_set(schema: dict[str, Any], text: str, blank: str) -> None:
    assert _errors(schema, text.replace("%", blank)) == []


@pytest.mark.parametrize("place", ["connection: {pagination: }", f"resources: [{{kind: /u, selector: , {PORT}}}]"])
def test_a_block_within_another_may_be_null(schema: dict[str, Any], place: str) -> None:
    assert _errors(schema, place) == []


@pytest.mark.parametrize("block", ["connection", "sink", "expressions", "tokens", "service", "eventListener"])
def test_a_block_without_anything_in_it_is_valid(schema: dict[str, Any], block: str) -> None:
    assert _errors(schema, f"{block}:\nresources: []\n") == []


def test_every_setting_is_described_and_says_which_plugin_it_belongs_to(schema: dict[str, Any]) -> None:
    connection = _connection(schema)

    assert connection["acmeTicket"]["description"] == "proof of who we are (authType acme)"
    assert connection["acme_ticket"]["description"] == "The same as acmeTicket."
    assert connection["pageSize"]["description"].endswith("(paginationType cursor, offset, page)")
    assert connection["pageSize"]["default"] == 100
    assert [
        name for name, setting in connection.items() if "description" not in setting and "$ref" not in setting
    ] == []


def test_the_types_are_those_of_the_installed_plugins(schema: dict[str, Any]) -> None:
    connection = _connection(schema)

    assert "acme" in connection["authType"]["anyOf"][0]["enum"]
    assert {"offset", "custom", "skip_token"} <= set(connection["paginationType"]["anyOf"][0]["enum"])


def test_a_broken_plugin_is_left_out_of_the_schema() -> None:
    schema: dict[str, Any] = json_schema(PluginManager(disabled=["basic"]))

    assert "basic" not in schema["$defs"]["connection"]["properties"]["authType"]["anyOf"][0]["enum"]


def test_the_default_sink_needs_no_type_and_the_others_do(schema: dict[str, Any]) -> None:
    needs = {choice["properties"]["type"]["const"]: choice["required"] for choice in schema["$defs"]["sink"]["oneOf"]}

    assert (needs["sqlite"], needs["jsonl"]) == ([], ["type"])
    assert needs["acme"] == ["type"]
