"""Each mistake has one clear message with its place, and all of them come at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.config.load import Inputs, load_settings
from penstock.errors import ConfigurationError
from penstock.plugins import PluginManager
from support.configuring import AUTH_TYPES, load, problems, resources, with_acme

PORT = "{entity: {mappings: {identifier: .i, blueprint: .b}}}"
CONNECTION = "connection: {baseUrl: https://api.test}\n"


def test_all_problems_come_at_once_by_file_and_line() -> None:
    text = """\
sorce: acme-hr
connection:
  baseUrl: hr.acme.test
  authType: baerer_token
  apiTokn: ${HR_TOKEN}
  paginationType: pages
  timeout: soon
sink: {type: sqlit}
expressions: {timout: 3}
resources:
  - kind: /users/{team}
    selector: {query: '.active |', methd: GET, method: FETCH}
    port:
      entity:
        mappings: {blueprint: user, titel: .name, properties: {mail: {x: 1}, age: '.age |'}}
  - selector: {path_parameters: {a: {endpoint: /x}}}
    port: {}
"""
    none = "there is no such setting"
    selector, mappings = "resources[0].selector", "resources[0].port.entity.mappings"

    assert [problem.removeprefix("penstock.yml:") for problem in problems(text, environ={"HR_TOKN": "s3cret"})] == [
        f'1: sorce: {none}; did you mean "source"?',
        "3: connection.baseUrl: expected a URL with scheme and host, such as https://api.example.com",
        (
            '4: connection.authType: no auth plugin is called "baerer_token"; did you mean "bearer_token"? '
            f"(installed: {AUTH_TYPES})"
        ),
        '5: connection.apiTokn: the environment variable HR_TOKEN is not set; did you mean "HR_TOKN"?',
        f'5: connection.apiTokn: {none}; did you mean "apiToken"?',
        (
            '6: connection.paginationType: no pagination plugin is called "pages"; did you mean "page"? '
            "(installed: cursor, custom, header_link, next_link, none, offset, page)"
        ),
        "7: connection.timeout: expected a number",
        '8: sink.type: no sink plugin is called "sqlit"; did you mean "sqlite"? (installed: jsonl, port, sqlite)',
        f'9: expressions.timout: {none}; did you mean "timeout"?',
        f"11: {selector}.path_parameters.team: nothing says where the values of {{team}} come from",
        f'12: {selector}.methd: {none}; did you mean "method"?',
        f'12: {selector}.method: expected one of GET, POST, PUT, PATCH, DELETE; did you mean "PATCH"?',
        (
            f"12: {selector}.query: jq does not compile: `.active |`: "
            "syntax error, unexpected end of file (line 1, column 9)"
        ),
        f'15: {mappings}.titel: {none}; did you mean "title"?',
        f"15: {mappings}.identifier: is required",
        f"15: {mappings}.properties.mail: expected a jq expression, or a number or boolean as a constant",
        (
            f"15: {mappings}.blueprint: jq does not compile: `user`: user/0 is not defined (line 1, column 1); "
            "a text constant needs jq's quotes inside YAML's: '\"user\"'"
        ),
        (
            f"15: {mappings}.properties.age: jq does not compile: `.age |`: "
            "syntax error, unexpected end of file (line 1, column 6)"
        ),
        "16: resources[1].kind: is required",
        "16: resources[1].selector.path_parameters.a.field: is required",
        "17: resources[1].port.entity: is required",
    ]


NO_SUCH = "there is no such setting"


def test_beside_a_misspelt_type_the_other_keys_are_judged_by_the_nearest_one() -> None:
    override = "{pagination: {paginationType: cursr, page_sz: 3, cursorPath: next, timeout: 3}}"
    place = "penstock.yml:4: resources[0].selector.pagination"

    type_of, *keys = problems(resources(override))
    assert type_of.startswith(f'{place}.paginationType: no pagination plugin is called "cursr"; did you mean "cursor"?')
    assert [key.partition("; known")[0] for key in keys] == [
        f'{place}.page_sz: {NO_SUCH}; did you mean "page_size"?',
        f"{place}.timeout: {NO_SUCH}",
    ]

    sink = problems(f"{CONNECTION}sink: {{type: sqlit, pth: x, colour: 3}}\nresources: []\n")
    assert [problem.partition(": ")[2].partition("; known")[0] for problem in sink[1:]] == [
        f'sink.pth: {NO_SUCH}; did you mean "path"?',
        f"sink.colour: {NO_SUCH}",
    ]

    connection = "{baseUrl: https://api.test, authType: baerer, paginationType: pgae, pageSize: 3, xyz: 1}"
    assert [problem.partition(": ")[2] for problem in problems(f"connection: {connection}\nresources: []\n")[2:]] == [
        f"connection.xyz: {NO_SUCH}"
    ]


def test_beside_a_type_like_no_other_keys_are_told_that_are_like_those_of_some_plugin() -> None:
    # others may belong to the plugin that is not installed
    override = "{pagination: {paginationType: zzz, page_sz: 3, pageSize: 3, zzzMode: 3}}"
    assert [problem.partition(": ")[2] for problem in problems(resources(override))[1:]] == [
        f'resources[0].selector.pagination.page_sz: {NO_SUCH}; did you mean "page_size"?'
    ]

    sink = f"{CONNECTION}sink: {{type: zzz, pth: x, path: y, zzzMode: 3}}\nresources: []\n"
    assert [problem.partition(": ")[2] for problem in problems(sink)[1:]] == [
        f'sink.pth: {NO_SUCH}; did you mean "path"?'
    ]


@pytest.mark.parametrize(
    ("family", "setting", "name", "hint"),
    [
        (
            "auth",
            "authType",
            "baerer_token",
            f'; did you mean "bearer_token"? (installed: {AUTH_TYPES})',
        ),
        ("auth", "authType", "kerberos", f" (installed: {AUTH_TYPES})"),
        (
            "pagination",
            "paginationType",
            "ofset",
            '; did you mean "offset"? (installed: cursor, custom, header_link, next_link, none, offset, page)',
        ),
    ],
)
def test_an_unknown_type_is_a_problem_that_names_the_installed_ones(
    family: str, setting: str, name: str, hint: str
) -> None:
    text = f"connection:\n  baseUrl: https://api.test\n  {setting}: {name}\nresources: []\n"

    assert problems(text) == [f'penstock.yml:3: connection.{setting}: no {family} plugin is called "{name}"{hint}']


def test_a_type_that_is_no_name_is_a_problem() -> None:
    assert problems("connection: {baseUrl: https://api.test, authType: [basic]}\nresources: []\n") == [
        "penstock.yml:1: connection.authType: expected the name of a plugin"
    ]


def test_a_disabled_plugin_cannot_be_used() -> None:
    text = "connection: {baseUrl: https://api.test, authType: basic}\nresources: []\n"

    assert problems(text, plugins=PluginManager(disabled=["auth:basic"])) == [
        (
            'penstock.yml:1: connection.authType: the auth plugin "basic" of penstock cannot be used: '
            "listed in PENSTOCK_DISABLE_PLUGINS"
        )
    ]


@pytest.mark.parametrize(
    ("kind", "missing", "variable"),
    [("bearer_token", "apiToken", "API_TOKEN"), ("api_key", "apiKey", "API_KEY")],
)
@pytest.mark.parametrize("written", ["", "\n  {missing}: ''", "\n  {missing}:"])
def test_a_missing_secret_is_a_problem_that_says_where_it_can_come_from(
    kind: str, missing: str, variable: str, written: str
) -> None:
    secret = written.format(missing=missing)
    text = f"connection:\n  baseUrl: https://api.test\n  authType: {kind}{secret}\nresources: []\n"

    assert problems(text) == [
        (
            f"penstock.yml:2: connection.{missing}: is required by authType {kind}, "
            f"here or as PENSTOCK__CONNECTION__{variable}"
        )
    ]


def test_basic_needs_a_user_name_or_a_password() -> None:
    assert problems("connection:\n  baseUrl: https://api.test\n  authType: basic\nresources: []\n") == [
        "penstock.yml:2: connection: authType basic needs a username, a password or both"
    ]


def test_a_missing_base_url_is_a_problem_with_and_without_a_file() -> None:
    message = "connection.baseUrl: is required, here or as PENSTOCK__CONNECTION__BASE_URL"

    assert problems("resources: []\n") == [f"penstock.yml: {message}"]
    assert problems("connection: {timeout: 5}\nresources: []\n") == [f"penstock.yml:1: {message}"]
    assert problems(None, environ={"PENSTOCK__RESOURCES": "[]"}) == [message]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("conection: {}", 'conection: there is no such setting; did you mean "connection"?'),
        ("state_dri: x", 'state_dri: there is no such setting; did you mean "state_dir"?'),
        (
            "expressions: {frobnicate: 1}",
            "expressions.frobnicate: there is no such setting; known here: timeout, memoryBytes",
        ),
        ("expressions: {timeout: 0}", "expressions.timeout: must be greater than 0"),
        ("expressions: [1]", "expressions: expected a mapping of settings"),
        ("plugins: {timeout: 0}", "plugins.timeout: must be greater than 0"),
        (
            "plugins: {blockingTimeuot: 5}",
            'plugins.blockingTimeuot: there is no such setting; did you mean "blockingTimeout"?',
        ),
        ("sink: sqlite", "sink: expected a mapping of settings"),
        ("integration: x", "integration: expected a mapping of settings"),
        ("integration: {config: x}", "integration.config: expected a mapping of settings"),
        (
            "integration: {conf: {}}",
            'integration.conf: there is no such setting; did you mean "config"?',
        ),
        ("source: [a]", "source: expected text"),
        ("source: {a: 1}", "source: expected text"),
    ],
)
def test_a_mistake_at_the_top_level_is_a_problem(line: str, problem: str) -> None:
    assert problems(f"{CONNECTION}resources: []\n{line}\n") == [f"penstock.yml:3: {problem}"]


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("apiTokn", "apiToken"),
        ("api_tokn", "api_token"),
        ("baseURI", "baseUrl"),
        ("pageSiz", "pageSize"),
        ("max_concurent_requests", "max_concurrent_requests"),
        ("paginationTyp", "paginationType"),
    ],
)
def test_a_misspelt_setting_is_a_problem_with_the_nearest_name(written: str, suggested: str) -> None:
    text = f"connection:\n  baseUrl: https://api.test\n  {written}: 1\nresources: []\n"

    assert problems(text) == [
        f'penstock.yml:3: connection.{written}: there is no such setting; did you mean "{suggested}"?'
    ]


def test_a_connection_that_is_no_mapping_is_a_problem() -> None:
    assert "penstock.yml:1: connection: expected a mapping of settings" in problems("connection: [x]\nresources: []\n")


@pytest.mark.parametrize("text", ["- a\n", "text\n", "5\n"])
def test_a_file_that_is_no_mapping_is_a_problem(text: str) -> None:
    assert problems(text) == ["penstock.yml:1: expected a mapping of settings"]
    assert problems(mapping=text) == ["mapping.yml:1: expected a mapping of settings"]


def test_a_missing_file_is_a_problem_and_so_is_a_missing_mapping() -> None:
    inputs = Inputs(config_file=Path("absent.yml"), mapping_file=Path("none.yml"))

    with pytest.raises(ConfigurationError) as caught:
        load_settings(inputs, PluginManager(disabled=()))

    assert str(caught.value) == (
        "absent.yml: cannot be read: No such file or directory\nnone.yml: cannot be read: No such file or directory"
    )


def test_a_key_written_twice_is_a_problem_beside_the_others() -> None:
    text = "connection:\n  baseUrl: https://api.test\n  timeout: soon\n  baseUrl: https://b.test\nresources: []\n"

    assert problems(text) == [
        "penstock.yml:3: connection.timeout: expected a number",
        "penstock.yml:4: connection.baseUrl: written twice; first at penstock.yml:2",
    ]


SYNTAX = "jq does not compile: `.a |`: syntax error, unexpected end of file (line 1, column 4)"


@pytest.mark.parametrize(
    ("selector", "path"),
    [
        ("{query: '.a |'}", "selector.query"),
        ("{data_path: '.a |'}", "selector.data_path"),
        ("{path_parameters: {t: {endpoint: /t, field: '.a |'}}}", "selector.path_parameters.t.field"),
        ("{path_parameters: {t: {endpoint: /t, field: .a, filter: '.a |'}}}", "selector.path_parameters.t.filter"),
        (
            "{path_parameters: {t: {endpoint: /t, field: .a, data_path: '.a |'}}}",
            "selector.path_parameters.t.data_path",
        ),
    ],
)
def test_jq_in_a_selector_that_does_not_compile_is_found_before_any_request(selector: str, path: str) -> None:
    kind = "/users/{t}" if "path_parameters" in selector else "/users"

    assert problems(resources(selector, kind=f"'{kind}'")) == [f"penstock.yml:4: resources[0].{path}: {SYNTAX}"]


@pytest.mark.parametrize(
    "field",
    [
        "identifier: BAD",
        "blueprint: BAD",
        "title: BAD",
        "icon: BAD",
        "team: BAD",
        "properties.mail: BAD",
        "relations.team: BAD",
        "identifier.combinator: BAD",
        "relations.team.rules[0].value: BAD",
        "relations.team.rules[1].rules[0].property: BAD",
    ],
)
def test_jq_in_a_mapping_that_does_not_compile_is_found_wherever_it_stands(field: str) -> None:
    path = field.partition(":")[0]
    rule = {"property": '"a"', "operator": '"="', "value": ".a"}
    search = {"combinator": '"and"', "rules": [dict(rule), {"combinator": '"or"', "rules": [dict(rule)]}]}
    mappings: dict[str, object] = {"identifier": ".id", "blueprint": '"user"', "properties": {}, "relations": {}}
    if path.startswith("relations.team."):
        mappings["relations"] = {"team": search}
    elif path.startswith("identifier."):
        mappings["identifier"] = search
    _put(mappings, path, ".a |")

    assert problems(_with_mappings(mappings)) == [f"penstock.yml:1: resources[0].port.entity.mappings.{path}: {SYNTAX}"]


def _put(target: Any, path: str, value: str) -> None:  # noqa: ANN401 - any JSON
    *steps, last = path.replace("[", ".").replace("]", "").split(".")
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    target[last] = value


def _with_mappings(mappings: dict[str, object]) -> str:
    port = {"entity": {"mappings": mappings}}
    return json.dumps({"connection": {"baseUrl": "https://api.test"}, "resources": [{"kind": "/x", "port": port}]})


def test_a_constant_without_jqs_quotes_is_explained() -> None:
    text = _with_mappings({"identifier": ".id", "blueprint": "service"})

    assert problems(text) == [
        (
            "penstock.yml:1: resources[0].port.entity.mappings.blueprint: jq does not compile: `service`: service/0 "
            "is not defined (line 1, column 1); a text constant needs jq's quotes inside YAML's: '\"service\"'"
        )
    ]


def test_empty_text_is_no_jq_expression() -> None:
    text = _with_mappings({"identifier": ".id", "blueprint": '"x"', "properties": {"a": " "}})

    assert problems(text) == [
        ("penstock.yml:1: resources[0].port.entity.mappings.properties.a: expected a jq expression, not empty text")
    ]


@pytest.mark.parametrize(
    ("mappings", "problem"),
    [
        ({"blueprint": '"x"'}, "identifier: is required"),
        ({"identifier": ".id"}, "blueprint: is required"),
        ({"identifier": [".id"], "blueprint": '"x"'}, "identifier: expected text"),
        (
            {"identifier": {"rules": []}, "blueprint": '"x"'},
            "identifier.combinator: is required",
        ),
        (
            {"identifier": ".id", "blueprint": '"x"', "properties": {"a": {"b": ".c"}}},
            "properties.a: expected a jq expression, or a number or boolean as a constant",
        ),
        (
            {"identifier": ".id", "blueprint": '"x"', "properties": {"a": None}},
            "properties.a: expected a jq expression, or a number or boolean as a constant",
        ),
        (
            {"identifier": ".id", "blueprint": '"x"', "properties": [".a"]},
            "properties: expected a mapping",
        ),
        (
            {
                "identifier": ".id",
                "blueprint": '"x"',
                "relations": {"a": {"combinator": '"and"', "rules": [{"value": ".v"}]}},
            },
            "relations.a.rules[0].property: is required",
        ),
    ],
)
def test_a_mapping_of_the_wrong_shape_is_a_problem_at_its_place(mappings: dict[str, object], problem: str) -> None:
    assert problems(_with_mappings(mappings))[0] == f"penstock.yml:1: resources[0].port.entity.mappings.{problem}"


@pytest.mark.parametrize(
    ("selector", "problem"),
    [
        ("{method: FETCH}", 'method: expected one of GET, POST, PUT, PATCH, DELETE; did you mean "PATCH"?'),
        ("{method: [GET]}", "method: expected one of GET, POST, PUT, PATCH, DELETE"),
        ("{headers: [a]}", "headers: expected a mapping"),
        ("{headers: {a: [b]}}", "headers.a: expected text"),
        ("{query_params: [a]}", "query_params: expected a mapping"),
        ("{query: [a]}", "query: expected text"),
        ("{path_parameters: [a]}", "path_parameters: expected a mapping"),
        ("{path_parameters: {}, pagination: [a]}", "pagination: expected a mapping"),
        ("{pagination: page}", "pagination: expected a mapping"),
    ],
)
def test_a_selector_of_the_wrong_shape_is_a_problem_at_its_place(selector: str, problem: str) -> None:
    assert problems(resources(selector))[0] == f"penstock.yml:4: resources[0].selector.{problem}"


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("text", "resources[0]: expected a mapping of settings"),
        ('\'{"kind": "/x"}\'', "resources[0]: expected a mapping of settings"),
        ("[]", "resources[0]: expected a mapping of settings"),
        ("null", "resources[0]: expected a mapping of settings"),
        (f"{{port: {PORT}}}", "resources[0].kind: is required"),
        ("{kind: /x}", "resources[0].port: is required"),
        (
            f"{{kind: [x], port: {PORT}}}",
            "resources[0].kind: expected text",
        ),
        ("{kind: /x, port: {entity: {}}}", "resources[0].port.entity.mappings: is required"),
        (
            "{kind: /x, port: {entity: {mappings: x}}}",
            "resources[0].port.entity.mappings: expected a mapping of settings",
        ),
        ("{kind: /x, selector: x, port: {entity: {}}}", "resources[0].selector: expected a mapping of settings"),
    ],
)
def test_a_resource_of_the_wrong_shape_is_a_problem(item: str, problem: str) -> None:
    assert problems(f"{CONNECTION}resources:\n  - {item}\n")[0] == f"penstock.yml:3: {problem}"


def test_a_stranger_validates_its_settings_as_we_do_ours() -> None:
    text = (
        "connection:\n"
        "  baseUrl: https://api.test\n"
        "  authType: acme\n"
        "  acmeTicket: [x]\n"
        "  acmeRealm: nort\n"
        "  acme_scope: [a]\n"
        "resources: []\n"
    )

    assert problems(text, plugins=with_acme()) == [
        "penstock.yml:4: connection.acmeTicket: expected text",
        'penstock.yml:5: connection.acmeRealm: expected one of north, south; did you mean "north"?',
        'penstock.yml:6: connection.acme_scope: there is no such setting; did you mean "acme_scopes"?',
    ]


def test_a_strangers_settings_come_from_the_environment_too() -> None:
    environ = {"PENSTOCK__CONNECTION__ACME_TICKET": "s3cret", "PENSTOCK__CONNECTION__ACME_SCOPES": '["a", "b"]'}
    text = "connection: {baseUrl: https://api.test, authType: acme}\nresources: []\n"
    settings = load(text, environ=environ, plugins=with_acme())

    assert settings.connection.auth.config.model_dump()["acme_scopes"] == ("a", "b")
    assert "s3cret" not in repr(settings)
