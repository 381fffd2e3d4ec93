"""Whatever stands in a file, the answer is settings or a list of problems."""

from __future__ import annotations

import json
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.config.models import Settings
from penstock.errors import ConfigurationError, Problem
from penstock.values import JSON
from support.configuring import MINIMAL, load

Place: TypeAlias = tuple[str | int, ...]

GOOD: JSON = {
    "source": "s",
    "connection": {
        "baseUrl": "https://api.test/v1",
        "authType": "basic",
        "authValue": "u:p",
        "paginationType": "offset",
        "pageSize": 5,
        "customHeaders": {"X": "1"},
        "pagination": {"limit": 5},
        "allowedOrigins": ["https://b.test"],
    },
    "sink": {"type": "sqlite", "path": "x.db"},
    "expressions": {"timeout": 1},
    "entityDeletionThreshold": 0.5,
    "integration": {"identifier": "i", "config": {"timeout": 5}, "secrets": {"password": "p"}},
    "resources": [
        {
            "kind": "/a/{b}",
            "selector": {
                "query": "true",
                "method": "POST",
                "query_params": {"a": [1, "{{ 1 }}"]},
                "headers": {"X": "y"},
                "body": {"a": 1},
                "data_path": ".a",
                "pagination": {"paginationType": "page", "startPage": 0},
                "path_parameters": {"b": {"endpoint": "/b", "field": ".id", "filter": "true"}},
            },
            "port": {
                "itemsToParse": ".c",
                "entity": {
                    "mappings": {
                        "identifier": {
                            "combinator": '"and"',
                            "rules": [{"property": '"a"', "operator": '"="', "value": ".a"}],
                        },
                        "blueprint": '"x"',
                        "properties": {"a": ".a", "b": 1},
                        "relations": {"c": ".c"},
                    }
                },
            },
        },
        {"kind": "api_resource", "selector": {"query": {"endpoint": "/x"}}, "port": {"entity": {"mappings": []}}},
    ],
}

scalars: st.SearchStrategy[JSON] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", ".a", "{a", "[1]", '{"a": 1}', "${X}", "{{ 1", "{b}", "https://[", "true", "text"]),
)
anything: st.SearchStrategy[JSON] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["a", "kind", "selector", "rules", "endpoint", "{x}", ""]), inner, max_size=2),
    ),
    max_leaves=4,
)


def _places(value: JSON, path: Place = ()) -> list[Place]:
    found: list[Place] = [path] if path else []
    if isinstance(value, dict):
        for key, child in value.items():
            found += _places(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            found += _places(child, (*path, index))
    return found


def _changed(value: JSON, path: Place, new: JSON) -> JSON:
    """Return the document with another value at a place, as long as that place exists."""
    if not path:
        return new
    step, *rest = path
    if isinstance(value, dict) and isinstance(step, str) and step in value:
        return {**value, step: _changed(value[step], tuple(rest), new)}
    if isinstance(value, list) and isinstance(step, int):
        return [_changed(item, tuple(rest), new) if index == step else item for index, item in enumerate(value)]
    return value


PLACES = _places(GOOD)


def _outcome(text: str, environ: dict[str, str]) -> Settings | tuple[Problem, ...]:
    try:
        return load(text, environ=environ)
    except ConfigurationError as error:
        return error.problems


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), anything), min_size=1, max_size=3))
def test_a_file_with_anything_anywhere_is_settings_or_problems(changes: list[tuple[Place, JSON]]) -> None:
    document = GOOD
    for path, value in changes:
        document = _changed(document, path, value)

    outcome = _outcome(json.dumps(document), {})

    assert outcome
    assert isinstance(outcome, Settings) or all(problem.source and problem.message for problem in outcome)


variables = st.sampled_from(
    [
        "PENSTOCK__CONNECTION",
        "PENSTOCK__CONNECTION__PAGE_SIZE",
        "PENSTOCK__CONNECTION__PAGE_SIZE__X",
        "PENSTOCK__CONNECTION__CUSTOM_HEADERS__X",
        "PENSTOCK__SOURCE__X",
        "PENSTOCK__RESOURCES",
        "PENSTOCK____",
        "PENSTOCK__",
        "PENSTOCK__X",
        "OCEAN__INTEGRATION",
        "OCEAN__INTEGRATION__CONFIG",
        "OCEAN__INTEGRATION__CONFIG__MAPPINGS",
        "OCEAN__INTEGRATION__CONFIG__PAGINATION__LIMIT",
        "OCEAN__INTEGRATION__SECRETS__AUTH_VALUE",
        "OCEAN__INTEGRATION__IDENTIFIER",
        "OCEAN__SSL",
        "OCEAN__SSL__THIRD_PARTY__VERIFY__X",
        "OCEAN__CLIENT_TIMEOUT",
    ]
)
values = st.one_of(
    anything.map(json.dumps), st.sampled_from(["x", '{"config": 5}', '{"third_party": 5}', '{"x509": 1}', "["])
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(variables, values, min_size=1, max_size=3))
def test_an_environment_with_anything_in_it_is_settings_or_problems(environ: dict[str, str]) -> None:
    assert _outcome(MINIMAL, environ)
