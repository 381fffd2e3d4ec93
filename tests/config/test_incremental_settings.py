"""``selector.incremental``: what may be written, what is said where it cannot work, and the page that explains it."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from penstock.config.incremental import Every
from penstock.config.schema import json_schema
from penstock.plugins import PluginManager
from support.configuring import load, problems, resources

PAGE = (Path(__file__).parents[2] / "docs" / "incremental.md").read_text(encoding="utf-8")
BLOCKS = [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == "yaml"]


@pytest.mark.parametrize("name", ["fullEvery", "full_every"])
def test_it_is_written_in_either_spelling_and_has_sensible_defaults(name: str) -> None:
    [one] = load(resources("{incremental: {field: .at, param: since}}")).resources
    assert one.incremental is not None
    assert (one.incremental.format, one.incremental.lookback_seconds, one.incremental.every) == (
        "iso8601",
        300,
        Every(seconds=86_400),
    )
    [one] = load(
        resources(f"{{incremental: {{field: .at, param: since, lookback: 1h30m, {name}: 20 runs}}}}")
    ).resources
    assert one.incremental is not None
    assert (one.incremental.lookback_seconds, one.incremental.every) == (5400, Every(runs=20))


def test_a_pattern_without_hours_looks_back_a_day() -> None:
    [one] = load(resources("{incremental: {field: .at, param: since, format: '%Y-%m-%d'}}")).resources
    assert one.incremental is not None
    assert one.incremental.lookback_seconds == 86_400


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("param: since", ".field: is required"),
        ("field: .at", ": needs either param or request: where the moment is put"),
        ("field: .at, param: a, request: .", ": needs either param or request: where the moment is put"),
        ("field: .at, parma: a", '.parma: there is no such setting; did you mean "param"?'),
        (
            "field: .at |, param: a",
            ".field: jq does not compile: `.at |`: syntax error, unexpected end of file (line 1, column 5)",
        ),
        (
            "field: .at, request: '{'",
            ".request: jq does not compile: `{`: syntax error, unexpected end of file (line 1, column 1)",
        ),
        (
            "field: .at, param: a, format: iso",
            '.format: expected one of iso8601, epoch, epoch_ms or a strftime pattern; did you mean "iso8601"?',
        ),
        ("field: .at, param: a, format: '%H:%M'", ".format: this strftime pattern does not tell the day"),
        (
            "field: .at, param: a, format: '%Y %Q'",
            ".format: what this strftime pattern writes cannot be read back",
        ),
        (
            "field: .at, param: a, timezone: Oslo",
            '.timezone: this machine knows no time zone "Oslo"; the names are those of IANA, such as Europe/Oslo',
        ),
        (
            "field: .at, param: a, lookback: 300",
            ".lookback: expected a duration with its unit, such as 90s, 5m, 12h, 1d or 1h30m",
        ),
        (
            "field: .at, param: a, fullEvery: 20",
            ".fullEvery: expected a duration, such as 12h or 1d, or a number of runs, such as `20 runs`",
        ),
        ("field: .at, param: a, fullEvery: 0 runs", ".fullEvery: must be more than nothing"),
        ("field: .at, param: a, fullEvery: 0s", ".fullEvery: must be more than nothing"),
    ],
)
def test_what_cannot_work_is_a_problem_at_its_place(settings: str, problem: str) -> None:
    found = problems(resources(f"{{incremental: {{{settings}}}}}"))
    assert f"penstock.yml:4: resources[0].selector.incremental{problem}" in found


def test_a_list_that_gives_path_values_is_read_whole_so_there_it_is_unknown() -> None:
    team = "{endpoint: /teams, field: .id, incremental: {field: .at, param: a}}"
    [found] = problems(resources(f"{{path_parameters: {{team: {team}}}}}", kind="/t/{team}"))
    assert "path_parameters.team.incremental: there is no such setting" in found


def test_the_schema_knows_it_in_both_spellings() -> None:
    definitions = json_schema(PluginManager())["$defs"]
    assert isinstance(definitions, dict)
    block = definitions["Incremental"]
    assert isinstance(block, dict)
    assert isinstance(properties := block["properties"], dict)
    assert {
        "field",
        "param",
        "request",
        "format",
        "timezone",
        "lookback",
        "fullEvery",
        "full_every",
    } <= properties.keys()
    assert block["required"] == ["field"]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_of_the_page_load(block: str) -> None:
    assert load(block).resources


def test_the_page_shows_every_setting() -> None:
    shown = [one.incremental for block in BLOCKS for one in load(block).resources if one.incremental]
    assert {name for one in shown for name in one.model_fields_set} == set(type(shown[0]).model_fields)
