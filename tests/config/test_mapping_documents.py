"""What a mapping may say, and what the stages get of it (mapping.md 2, 3, 6, 7)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.config.models import ItemsToParse, Resource, SearchQuery, SearchRule
from support.configuring import load, problems, resources, warnings

CONNECTION = "connection: {baseUrl: https://api.test/v1}\n"
MAPPINGS: dict[str, Any] = {"identifier": ".id", "blueprint": '"user"'}


def _one(selector: object = None, *, kind: str = "/users", port: object = None, **connection: object) -> Resource:
    """Load a file with one resource."""
    return load(_text(selector, kind=kind, port=port, **connection)).resources[0]


def _text(selector: object = None, *, kind: str = "/users", port: object = None, **connection: object) -> str:
    resource: dict[str, object] = {"kind": kind, "port": port or {"entity": {"mappings": MAPPINGS}}}
    if selector is not None:
        resource["selector"] = selector
    return json.dumps({"connection": {"baseUrl": "https://api.test/v1", **connection}, "resources": [resource]})


def test_a_resource_without_a_selector_takes_every_item_of_a_get() -> None:
    resource = _one()

    assert (resource.index, resource.kind, resource.query, resource.data_path) == (0, "/users", "true", None)
    assert (resource.request.endpoint, resource.request.method) == ("/users", "GET")
    assert (resource.request.query_params, resource.request.headers, resource.request.body) == ({}, {}, {})
    assert (resource.path_parameters, resource.items_to_parse) == ((), None)


def test_snake_case_and_camel_case_mean_the_same() -> None:
    snake = {
        "query_params": {"a": "1"},
        "data_path": ".x",
        "path_parameters": {"t": {"endpoint": "/t", "data_path": ".t", "query_params": {"b": 2}, "field": ".id"}},
    }
    camel = {
        "queryParams": {"a": "1"},
        "dataPath": ".x",
        "pathParameters": {"t": {"endpoint": "/t", "dataPath": ".t", "queryParams": {"b": 2}, "field": ".id"}},
    }
    ports = [
        {"entity": {"mappings": MAPPINGS}, "items_to_parse": ".c", "items_to_parse_name": "n"},
        {"entity": {"mappings": MAPPINGS}, "itemsToParse": ".c", "itemsToParseName": "n"},
    ]

    one, other = _one(snake, kind="/u/{t}", port=ports[0]), _one(camel, kind="/u/{t}", port=ports[1])

    assert repr(one).replace("0x", "") != ""
    assert (
        (one.request.query_params, one.data_path) == (other.request.query_params, other.data_path) == ({"a": "1"}, ".x")
    )
    assert one.path_parameters[0].data_path == other.path_parameters[0].data_path == ".t"
    assert one.path_parameters[0].request.query_params == other.path_parameters[0].request.query_params == {"b": 2}
    assert one.items_to_parse == other.items_to_parse == ItemsToParse(".c", "n", remove_source=True)


@pytest.mark.parametrize(
    ("written", "meant"), [("true", "true"), ("True", "true"), ("'.a'", ".a"), ("false", "false"), ("''", "true")]
)
def test_the_query_may_be_a_yaml_boolean(written: str, meant: str) -> None:
    assert load(resources(f"{{query: {written}}}")).resources[0].query == meant


@pytest.mark.parametrize("written", ["POST", "post", "Post"])
def test_the_method_may_be_written_in_lower_case(written: str) -> None:
    assert _one({"method": written}).request.method == "POST"


def test_an_endpoint_makes_the_kind_a_label() -> None:
    resource = _one({"endpoint": "/v2/people"}, kind="people")

    assert (resource.kind, resource.request.endpoint) == ("people", "/v2/people")


def test_the_legacy_form_is_read_and_its_endpoint_is_the_kind() -> None:
    legacy = {
        "endpoint": "/teams/{t}",
        "method": "POST",
        "query_params": {"a": "1"},
        "headers": {"X": "y"},
        "body": {"b": 1},
        "data_path": ".teams",
        "path_parameters": {"t": {"endpoint": "/t", "field": ".id"}},
    }
    resource = _one({"query": legacy}, kind="api_resource")

    assert (resource.kind, resource.query, resource.data_path) == ("/teams/{t}", "true", ".teams")
    assert resource.request.endpoint == "/teams/{t}"
    assert (resource.request.method, resource.request.query_params) == ("POST", {"a": "1"})
    assert (resource.request.headers, resource.request.body) == ({"X": "y"}, {"b": 1})
    assert [parameter.name for parameter in resource.path_parameters] == ["t"]


def test_the_legacy_form_may_have_a_query_of_its_own() -> None:
    assert _one({"query": {"endpoint": "/t", "query": ".ok"}}, kind="api_resource").query == ".ok"


def test_the_legacy_form_without_an_endpoint_is_a_problem() -> None:
    assert problems(_text({"query": {"data_path": ".x"}}, kind="api_resource")) == [
        "penstock.yml:1: resources[0].selector.query.endpoint: is required"
    ]
    assert problems(_text({"query": ".x"}, kind="api_resource")) == [
        "penstock.yml:1: resources[0].kind: the kind api_resource needs a mapping in selector.query with an endpoint"
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("text", "text"),
        ("5", 5),
        ("1.10", "1.10"),
        ("true", True),
        ("null", None),
        ("''", ""),
        ("[a, 2, true, null]", ["a", 2, True, None]),
        ("2024-01-01", "2024-01-01"),
        ("'{{ 1 + 2 }}'", 3),
        ("'{{[1, 2]}}'", [1, 2]),
        ("'{{ {a: {b: 1}} | .a.b }}'", 1),
        ("'from {{ \"x\" }} to {{ 2 }}{{ null }}'", "from x to 2"),
        ("['{{ 1 }}', b]", [1, "b"]),
        ("now", "now"),
        ("now-7d", "now-7d"),
        (".now", ".now"),
        ("'\"now\"'", '"now"'),
        ("right now", "right now"),
        ("a.b | c", "a.b | c"),
    ],
)
def test_query_parameters_are_scalars_lists_or_jq_in_double_braces(written: str, value: object) -> None:
    settings = load(resources(f"{{query_params: {{p: {written}}}}}"))

    found = settings.resources[0].request.query_params["p"]
    assert found == value
    assert type(found) is type(value)
    assert settings.warnings == ()


def test_a_text_that_calls_now_is_evaluated_and_said_so_once() -> None:
    selector = "{query_params: {from: '((now | floor) - 86400) | strftime(\"%Y-%m-%d\")', to: 'now | floor', plain: x}}"
    settings = load(resources(selector))
    found = settings.resources[0].request.query_params

    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert abs(datetime.fromisoformat(f"{found['from']}T00:00:00+00:00") - yesterday) < timedelta(days=2)
    assert isinstance(found["to"], int)
    assert found["plain"] == "x"
    assert warnings(settings) == [
        (
            "penstock.yml:4: resources[0].selector.query_params: evaluated as jq, because it calls now: from, to; "
            "write {{ ... }} around it to say so"
        )
    ]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("{a: 1}", "expected text, a number, a boolean, null or a list of them; an object has no form in a query"),
        ("[[1]]", "expected text, a number, a boolean, null or a list of them; a list has no form in a query"),
        (
            "'{{ {a: 1} }}'",
            "expected text, a number, a boolean, null or a list of them; an object has no form in a query",
        ),
        ("'{{ error(\"boo\") }}'", 'jq failed: `error("boo")`: boo'),
    ],
)
def test_a_query_parameter_that_has_no_form_in_a_query_is_a_problem(written: str, complaint: str) -> None:
    assert problems(resources(f"{{query_params: {{p: {written}}}}}")) == [
        f"penstock.yml:4: resources[0].selector.query_params.p: {complaint}"
    ]


def test_jq_in_a_query_parameter_that_does_not_compile_is_a_problem() -> None:
    assert problems(resources("{query_params: {p: '{{ 1 + }}'}}")) == [
        (
            "penstock.yml:4: resources[0].selector.query_params.p: "
            "jq does not compile: `1 +`: syntax error, unexpected end of file (line 1, column 5)"
        )
    ]


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ({"a": {"b": [1, None]}}, {"a": {"b": [1, None]}}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": (1 + 1), "b": ([1, 2] | length)}', {"a": 2, "b": 2}),
        ({}, {}),
        ("", {}),
        (None, {}),
    ],
)
def test_a_body_is_an_object_its_json_text_or_jq_that_makes_one(written: object, body: dict[str, Any]) -> None:
    assert _one({"method": "POST", "body": written}).request.body == body


def test_a_body_may_use_the_present_time() -> None:
    body = _one({"method": "POST", "body": '{"start": ((now|floor) - 2592000) * 1000}'}).request.body
    start = body["start"]

    assert isinstance(start, int)
    assert abs(start / 1000 + 2592000 - datetime.now(UTC).timestamp()) < 3600


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("[1]", "expected an object, not a list"),
        ("1 + 1", "expected an object, not a number or boolean"),
        ("null", "expected an object, not null"),
        ('error("boo")', 'jq failed: `error("boo")`: boo'),
        ([1], "expected an object, its JSON text, or jq that makes one"),
        (5, "expected an object, its JSON text, or jq that makes one"),
    ],
)
def test_a_body_that_is_no_object_is_a_problem(written: object, complaint: str) -> None:
    assert problems(_text({"body": written}))[0] == f"penstock.yml:1: resources[0].selector.body: {complaint}"


def test_headers_are_text_whatever_they_look_like() -> None:
    selector = "{headers: {X-Version: 1.10, X-Flag: true, X-Date: 2024-01-01}}"

    assert load(resources(selector)).resources[0].request.headers == {
        "X-Version": "1.10",
        "X-Flag": "true",
        "X-Date": "2024-01-01",
    }


# Path parameters


def test_path_parameters_come_in_the_order_of_the_endpoint() -> None:
    resource = _one(
        {
            "path_parameters": {
                "team": {
                    "endpoint": "/orgs/{org}/teams",
                    "method": "post",
                    "headers": {"X": "1"},
                    "body": {"a": 1},
                    "data_path": ".teams",
                    "field": ".slug",
                    "filter": ".archived | not",
                },
                "org": {"endpoint": "/orgs", "field": ".name"},
            }
        },
        kind="/orgs/{org}/teams/{team}/members/{org}",
    )

    org, team = resource.path_parameters
    assert (org.name, org.request.endpoint, org.field, org.filter, org.data_path) == (
        "org",
        "/orgs",
        ".name",
        None,
        None,
    )
    assert (team.name, team.request.endpoint, team.field, team.filter, team.data_path) == (
        "team",
        "/orgs/{org}/teams",
        ".slug",
        ".archived | not",
        ".teams",
    )
    assert (team.request.method, team.request.headers, team.request.body) == ("POST", {"X": "1"}, {"a": 1})


def test_a_discovery_endpoint_is_read_as_the_resource_of_the_same_endpoint_is() -> None:
    text = CONNECTION + (
        "resources:\n"
        "  - kind: /teams/{team}/members\n"
        "    selector: {path_parameters: {team: {endpoint: teams, field: .id}}}\n"
        "    port: &port {entity: {mappings: {identifier: .id, blueprint: '\"x\"'}}}\n"
        "  - kind: /teams\n"
        "    selector: {data_path: .teams}\n"
        "    port: *port\n"
        "  - kind: /teams/{team}/owners\n"
        "    selector: {path_parameters: {team: {endpoint: /teams, field: .id, data_path: .own}}}\n"
        "    port: *port\n"
    )
    members, _, owners = load(text).resources

    assert members.path_parameters[0].data_path == ".teams"
    assert owners.path_parameters[0].data_path == ".own"


def test_every_parameter_of_an_endpoint_must_be_configured() -> None:
    selector = {"path_parameters": {"tem": {"endpoint": "/teams", "field": ".id"}}}

    assert problems(_text(selector, kind="/teams/{team}/{user}")) == [
        (
            "penstock.yml:1: resources[0].selector.path_parameters.team: "
            'nothing says where the values of {team} come from; did you mean "tem"?'
        ),
        "penstock.yml:1: resources[0].selector.path_parameters.user: nothing says where the values of {user} come from",
    ]
    assert problems(_text(kind="/teams/{team}")) == [
        "penstock.yml:1: resources[0].selector.path_parameters.team: nothing says where the values of {team} come from"
    ]


def test_a_parameter_that_the_endpoint_does_not_have_is_warned_of() -> None:
    settings = load(_text({"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}}))

    assert warnings(settings) == [
        "penstock.yml:1: resources[0].selector.path_parameters.team: the endpoint /users has no {team}"
    ]


NO_PARAMETER = "is no {parameter}: names are letters, digits and underscore, each in its own braces"


@pytest.mark.parametrize("written", ["{org-id}", "{org.id}", "{ org }", "{}", "{örg}", "{org", "org}"])
def test_braces_in_a_path_hold_the_name_of_a_parameter(written: str) -> None:
    name = written.strip("{}")
    selector = {"path_parameters": {name: {"endpoint": "/orgs", "field": ".id"}}} if written == f"{{{name}}}" else {}

    assert problems(_text(selector, kind=f"/orgs/{written}/members")) == [
        f"penstock.yml:1: resources[0].kind: {written} {NO_PARAMETER}"
    ]
    selector = {"path_parameters": {"team": {"endpoint": f"/orgs/{written}/teams", "field": ".id"}}}
    assert problems(_text(selector, kind="/teams/{team}")) == [
        f"penstock.yml:1: resources[0].selector.path_parameters.team.endpoint: {written} {NO_PARAMETER}"
    ]


def test_braces_in_a_query_may_be_of_something_else_than_parameters() -> None:
    [resource] = load(_text(kind='/users?where={"a": 1}&q={users {id name}}')).resources

    assert resource.path_parameters == ()
    assert problems(_text(kind="/users?since={start-date}")) == [
        f"penstock.yml:1: resources[0].kind: {{start-date}} {NO_PARAMETER}"
    ]


@pytest.mark.parametrize("inner", ["user", "team", "other"])
def test_a_discovery_endpoint_may_only_have_parameters_that_stand_further_left(inner: str) -> None:
    selector = {
        "path_parameters": {
            "team": {"endpoint": f"/x/{{{inner}}}", "field": ".id"},
            "user": {"endpoint": "/teams/{team}/users", "field": ".id"},
        }
    }

    assert problems(_text(selector, kind="/teams/{team}/users/{user}")) == [
        (
            "penstock.yml:1: resources[0].selector.path_parameters.team.endpoint: "
            f"{{{inner}}} does not stand further left in the endpoint /teams/{{team}}/users/{{user}}"
        )
    ]


# Endpoints


def test_an_endpoint_that_repeats_the_end_of_the_base_url_is_warned_of() -> None:
    assert warnings(load(_text(kind="/v1/users?x=1"))) == [
        "penstock.yml:1: resources[0].kind: baseUrl ends with /v1 already; the request goes to .../v1/v1"
    ]
    assert load(_text(kind="/v10/users")).warnings == ()


@pytest.mark.parametrize(
    "endpoint", ["https://api.test/other", "https://API.test:443/{team}", "https://files.test/x", "/", "users?a=b"]
)
def test_endpoints_are_paths_or_urls_of_a_trusted_origin(endpoint: str) -> None:
    selector = {"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}} if "{" in endpoint else None

    assert _one(selector, kind=endpoint, allowedOrigins=["https://files.test"]).request.endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "complaint"),
    [
        (
            "https://evil.test/x",
            "the endpoint leads to another origin than baseUrl; connection.allowedOrigins can trust it",
        ),
        (
            "http://api.test/x",
            "the endpoint leads to another origin than baseUrl; connection.allowedOrigins can trust it",
        ),
        ("https://api.test:port/", "the endpoint is no URL: host or port are malformed"),
        ("  ", "the endpoint is empty; / is the base URL itself"),
    ],
)
def test_an_endpoint_that_cannot_be_requested_is_a_problem(endpoint: str, complaint: str) -> None:
    assert problems(_text({"endpoint": endpoint})) == [f"penstock.yml:1: resources[0].selector.endpoint: {complaint}"]
    assert problems(_text({"path_parameters": {"t": {"endpoint": endpoint, "field": ".id"}}}, kind="/{t}")) == [
        f"penstock.yml:1: resources[0].selector.path_parameters.t.endpoint: {complaint}"
    ]


# Pagination of one resource


PAGED: dict[str, Any] = {"paginationType": "offset", "pageSize": 50, "sizeParam": "count"}


def test_a_resource_pages_as_the_connection_does() -> None:
    settings = load(_text(**PAGED))

    assert settings.resources[0].request.pagination is settings.connection.pagination


def test_a_pagination_block_is_merged_over_the_connections() -> None:
    pagination = _one({"pagination": {"page_size": 10}}, **PAGED).request.pagination

    assert pagination.strategy.name == "offset"
    assert pagination.config.model_dump(include={"page_size", "size_param"}) == {"page_size": 10, "size_param": "count"}


def test_a_pagination_block_of_another_type_replaces_the_connections() -> None:
    pagination = _one({"pagination": {"paginationType": "page", "startPage": 0}}, **PAGED).request.pagination

    assert pagination.strategy.name == "page"
    assert pagination.config.model_dump(include={"page_size", "size_param", "start_page"}) == {
        "page_size": 100,
        "size_param": "size",
        "start_page": 0,
    }


def test_discovery_requests_page_as_the_connection_does_unless_they_say_otherwise() -> None:
    own = {"endpoint": "/a", "field": ".id", "pagination": {"paginationType": "none"}}
    resource = _one(
        {"pagination": {"pageSize": 5}, "path_parameters": {"a": own, "b": {"endpoint": "/b", "field": ".id"}}},
        kind="/{a}/{b}",
        **PAGED,
    )

    a, b = resource.path_parameters
    assert a.request.pagination.strategy.name == "none"
    assert b.request.pagination.config.model_dump()["page_size"] == 50


def test_the_spellings_of_guides_work_in_a_pagination_block() -> None:
    block = {"pagination_type": "cursor", "cursor_query_param": "after", "limit": 7, "cursor_path": ".next"}
    config = _one({"pagination": block}).request.pagination.config

    assert config.model_dump(include={"page_size", "pagination_param", "cursor_path"}) == {
        "page_size": 7,
        "pagination_param": "after",
        "cursor_path": "next",
    }


def test_mistakes_in_a_pagination_block_are_found() -> None:
    block = {"paginationType": "page", "pageSiz": 5, "startPage": "first", "nextLinkPath": "x"}
    where = "penstock.yml:1: resources[0].selector.pagination"

    assert problems(_text({"pagination": block})) == [
        f'{where}.pageSiz: there is no such setting; did you mean "pageSize"?',
        f"{where}.startPage: expected a whole number",
    ]
    assert problems(_text({"pagination": {"paginationType": "pages"}})) == [
        (
            f'{where}.paginationType: no pagination plugin is called "pages"; did you mean "page"? '
            "(installed: cursor, custom, header_link, next_link, none, offset, page)"
        )
    ]
    assert warnings(load(_text({"pagination": {"paginationType": "page", "nextLinkPath": "x"}}))) == [
        f"{where}.nextLinkPath: has no effect with paginationType page"
    ]


# Entities


def test_a_mapping_has_jq_for_everything_and_constants_for_properties() -> None:
    port = (
        "identifier: .id | tostring\n"
        "title: .name\n"
        "icon: '\"User\"'\n"
        "team: .squad\n"
        "blueprint: '\"member\"'\n"
        "properties: {mail: .mail, level: 5, ratio: 1.5, ok: true, no: .no, since: 2024-01-01}\n"
        "relations: {team: .team.slug}\n"
    )
    indented = "".join(f"          {line}\n" for line in port.splitlines())
    text = f"{CONNECTION}resources:\n  - kind: /u\n    port:\n      entity:\n        mappings:\n{indented}"
    [entity] = load(text).resources[0].entities

    assert (entity.identifier, entity.title, entity.icon, entity.team) == (
        ".id | tostring",
        ".name",
        '"User"',
        ".squad",
    )
    assert entity.blueprint == '"member"'
    assert entity.properties == {
        "mail": ".mail",
        "level": 5,
        "ratio": 1.5,
        "ok": True,
        "no": ".no",
        "since": "2024-01-01",
    }
    assert entity.relations == {"team": ".team.slug"}


def test_fields_of_an_entity_that_are_not_written_are_none() -> None:
    [entity] = _one(port={"entity": {"mappings": {**MAPPINGS, "title": None, "icon": ""}}}).entities

    assert (entity.title, entity.icon, entity.team, entity.properties, entity.relations) == (None, None, None, {}, {})
    assert "title" not in entity.model_fields_set


def test_a_list_of_mappings_makes_several_entities() -> None:
    port = {"entity": {"mappings": [MAPPINGS, {"identifier": ".mail", "blueprint": '"mail"'}]}}

    assert [entity.blueprint for entity in _one(port=port).entities] == ['"user"', '"mail"']


def test_search_queries_name_identifiers_teams_and_relations() -> None:
    search = {
        "combinator": '"and"',
        "rules": [
            {"property": '"mail"', "operator": '"="', "value": ".mail"},
            {"combinator": '"or"', "rules": [{"property": '"n"', "operator": '"="', "value": 5}]},
        ],
    }
    mappings = {**MAPPINGS, "identifier": search, "team": search, "relations": {"owner": search, "plain": ".x"}}
    [entity] = _one(port={"entity": {"mappings": mappings}}).entities

    meant = SearchQuery(
        combinator='"and"',
        rules=(
            SearchRule(property='"mail"', operator='"="', value=".mail"),
            SearchQuery(combinator='"or"', rules=(SearchRule(property='"n"', operator='"="', value="5"),)),
        ),
    )
    assert (entity.identifier, entity.team) == (meant, meant)
    assert entity.relations == {"owner": meant, "plain": ".x"}


def test_items_to_parse_has_the_documented_defaults() -> None:
    entity = {"mappings": MAPPINGS}

    assert _one(port={"entity": entity, "itemsToParse": ".c"}).items_to_parse == ItemsToParse(".c", "item")
    assert _one(
        port={
            "entity": entity,
            "itemsToParse": ".c",
            "itemsToParseName": "comment",
            "itemsToParseTopLevelTransform": False,
        }
    ).items_to_parse == ItemsToParse(".c", "comment", remove_source=False)


# Where the mapping comes from, and its top level


MAPPING = (
    "createMissingRelatedEntities: false\n"
    "delete_dependent_entities: 'no'\n"
    "enableMergeEntity: false\n"
    "entityDeletionThreshold: '0.25'\n"
    "resources:\n"
    "  - kind: /from-mapping\n"
    "    port: {entity: {mappings: {identifier: .id, blueprint: '\"u\"'}}}\n"
)


def _kinds(text: str, **options: Any) -> list[str]:  # noqa: ANN401 - passed on
    return [resource.kind for resource in load(text, **options).resources]


def test_the_mapping_may_come_from_several_places_and_the_strongest_wins() -> None:
    ours = MAPPING.replace("from-mapping", "from-file")
    environ = {"PENSTOCK__RESOURCES": ours[ours.index("  - kind") :].replace("from-file", "from-variable")}
    installed = {"OCEAN__INTEGRATION__CONFIG__MAPPINGS": MAPPING.replace("from-mapping", "from-ocean")}
    nested = f"integration: {{config: {{mappings: {json.dumps(MAPPING.replace('from-mapping', 'nested'))}}}}}\n"

    assert _kinds(CONNECTION + nested) == ["/nested"]
    assert _kinds(CONNECTION + nested + ours) == ["/from-file"]
    assert _kinds(CONNECTION + ours, environ=installed) == ["/from-ocean"]
    assert _kinds(CONNECTION + ours, environ=installed | environ) == ["/from-variable"]
    assert _kinds(CONNECTION + ours, environ=installed | environ, mapping=MAPPING) == ["/from-mapping"]


def test_a_mapping_in_the_installations_configuration_may_be_yaml_itself() -> None:
    text = CONNECTION + "integration:\n  config:\n    mappings:\n" + re.sub("^", "      ", MAPPING, flags=re.MULTILINE)
    settings = load(text)

    assert [resource.kind for resource in settings.resources] == ["/from-mapping"]
    assert settings.flags.entity_deletion_threshold == 0.25


def test_the_flags_stand_at_the_top_of_a_mapping() -> None:
    flags = load(CONNECTION, mapping=MAPPING).flags

    assert flags.create_missing_related_entities is False
    assert flags.delete_dependent_entities is False
    assert flags.enable_merge_entity is False
    assert flags.entity_deletion_threshold == 0.25


def test_the_flags_may_stand_in_our_file_where_the_mapping_and_the_environment_win() -> None:
    text = "entityDeletionThreshold: 0.5\nenableMergeEntity: false\n" + CONNECTION
    mapping = "entityDeletionThreshold: 0.75\nresources: []\n"

    assert load(text + "resources: []\n").flags.entity_deletion_threshold == 0.5
    assert load(text, mapping=mapping).flags.entity_deletion_threshold == 0.75
    assert load(text, mapping=mapping).flags.enable_merge_entity is False
    environ = {"PENSTOCK__ENTITY_DELETION_THRESHOLD": "1"}
    assert load(text, mapping=mapping, environ=environ).flags.entity_deletion_threshold == 1


@pytest.mark.parametrize("value", ["1.5", "-0.1", "most"])
def test_a_threshold_out_of_range_is_a_problem(value: str) -> None:
    [problem] = problems(CONNECTION, mapping=f"entityDeletionThreshold: {value}\nresources: []\n")

    assert problem.startswith("mapping.yml:1: entityDeletionThreshold: ")


def test_no_resources_is_a_problem_and_an_empty_list_is_none() -> None:
    assert load(CONNECTION + "resources: []\n").resources == ()
    assert problems(CONNECTION) == [
        "penstock.yml: resources: is required: what to fetch, here or in a file given with --mapping"
    ]
    assert problems(CONNECTION, mapping="# empty\n") == ["mapping.yml: resources: is required: the mapping is empty"]
    assert problems(CONNECTION + "resources: {kind: /x}\n") == [
        "penstock.yml:2: resources: expected a list of resources"
    ]


def test_unknown_keys_are_warnings_in_a_mapping_file_and_problems_in_ours() -> None:
    resource = (
        "resources:\n"
        "  - kind: /users\n"
        "    label: x\n"
        "    selector: {data_pth: .x, exportEnvVariables: [A], query: 'true'}\n"
        "    port:\n"
        "      entity:\n"
        "        mappings: {identifier: .id, blueprint: '\"u\"', titel: .x}\n"
    )
    where = [
        "3: resources[0].label: there is no such setting; known here: kind, selector, port",
        '4: resources[0].selector.data_pth: there is no such setting; did you mean "data_path"?',
        '7: resources[0].port.entity.mappings.titel: there is no such setting; did you mean "title"?',
    ]
    top = 'there is no such setting; did you mean "enableMergeEntity"?'
    settings = load(CONNECTION, mapping=f"{resource}enableMergeEntities: true\n")

    assert sorted(warnings(settings)) == [
        *(f"mapping.yml:{line} (ignored)" for line in where),
        f"mapping.yml:8: enableMergeEntities: {top} (ignored)",
    ]
    assert settings.resources[0].data_path is None
    shifted = [re.sub(r"^\d+", lambda match: str(int(match[0]) + 1), line) for line in where]
    assert problems(f"{CONNECTION}{resource}enableMergeEntities: true\n") == [
        *(f"penstock.yml:{line}" for line in shifted),
        f"penstock.yml:9: enableMergeEntities: {top}",
    ]


def test_two_spellings_in_a_mapping_that_differ_are_a_problem() -> None:
    assert problems(resources("{data_path: .a, dataPath: .b}")) == [
        (
            "penstock.yml:4: resources[0].selector.dataPath: differs from resources[0].selector.data_path "
            "(penstock.yml:4), another spelling of this setting"
        )
    ]


def test_names_that_users_choose_are_not_settings() -> None:
    mappings = {**MAPPINGS, "properties": {"tagId": ".a", "tag_id": ".b"}, "relations": {"baseUrl": ".c"}}
    resource = _one({"query_params": {"pageSize": 1, "page_size": 2}}, port={"entity": {"mappings": mappings}})

    assert resource.entities[0].properties == {"tagId": ".a", "tag_id": ".b"}
    assert resource.entities[0].relations == {"baseUrl": ".c"}
    assert resource.request.query_params == {"pageSize": 1, "page_size": 2}
