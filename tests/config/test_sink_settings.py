from __future__ import annotations

from pathlib import Path

import pytest

from penstock.config.load import load_sink
from penstock.errors import ConfigurationError
from penstock.plugins import PluginManager
from support.configuring import inputs, load, problems, warnings, with_acme

BASE = "connection: {baseUrl: https://api.test}\nresources: []\n"


def _sink(text: str, *, sink: str | None = None, catalog: str | None = None, **environ: str) -> tuple[str, str]:
    """Return name and path of the sink that a configuration chooses."""
    chosen = load(BASE + text, environ=environ, sink=sink, catalog=catalog).sink
    return chosen.strategy.name, str(chosen.config.model_dump()["path"])


@pytest.mark.parametrize(
    ("text", "options", "chosen"),
    [
        ("", {}, ("sqlite", "catalog.db")),
        ("sink: {}", {}, ("sqlite", "catalog.db")),
        ("sink: {path: x.db}", {}, ("sqlite", "x.db")),
        ("sink: {type: sqlite, path: x.db}", {}, ("sqlite", "x.db")),
        ("sink: {type: jsonl, path: out}", {}, ("jsonl", "out")),
        ("sink: {path: x.db}", {"PENSTOCK__SINK__PATH": "y.db"}, ("sqlite", "y.db")),
        ("sink: {path: x.db}", {"PENSTOCK__SINK": '{"path": "y.db"}'}, ("sqlite", "y.db")),
        ("sink: {path: x.db}", {"catalog": "z.db", "PENSTOCK__SINK__PATH": "y.db"}, ("sqlite", "z.db")),
        ("sink: {path: x.db}", {"sink": "sqlite"}, ("sqlite", "x.db")),
        ("sink: {type: jsonl}", {"sink": "sqlite", "catalog": "z.db"}, ("sqlite", "z.db")),
    ],
)
def test_the_sink_comes_from_options_environment_and_file(
    text: str, options: dict[str, str], chosen: tuple[str, str]
) -> None:
    assert _sink(text, **options) == chosen


@pytest.mark.parametrize("text", ["sink: {path: x.db}", "sink: {type: sqlite, path: x.db}"])
@pytest.mark.parametrize("options", [{"sink": "jsonl"}, {"PENSTOCK__SINK__TYPE": "jsonl"}])
def test_the_path_of_one_type_of_sink_is_not_taken_for_another(text: str, options: dict[str, str]) -> None:
    assert _sink(text, **options) == ("jsonl", "catalog")


def test_a_path_beside_the_type_in_the_environment_is_for_that_type() -> None:
    environ = {"PENSTOCK__SINK__TYPE": "jsonl", "PENSTOCK__SINK__PATH": "out"}

    assert _sink("sink: {path: x.db}", **environ) == ("jsonl", "out")
    assert _sink("sink: {path: x.db}", **environ, sink="sqlite") == ("sqlite", "x.db")


def test_a_relative_path_stays_relative_to_the_working_directory() -> None:
    Path("sub").mkdir()
    Path("sub/penstock.yml").write_text(BASE + "sink: {path: x.db}\n")
    where = inputs(None)
    settings = load_sink(type(where)(config_file=Path("sub/penstock.yml")), PluginManager(disabled=()))

    assert str(settings.config.model_dump()["path"]) == "x.db"


def test_a_catalog_option_for_a_sink_without_a_path_is_a_problem() -> None:
    text = BASE + "sink: {type: acme, url: https://x.test}\n"

    assert problems(text, catalog="x.db", plugins=with_acme()) == ["--catalog: sink.path: the sink acme has no path"]


def test_an_unknown_sink_is_a_problem_wherever_it_was_named() -> None:
    installed = "(installed: jsonl, port, sqlite)"

    assert problems(sink="sqlit") == [
        f'--sink: sink.type: no sink plugin is called "sqlit"; did you mean "sqlite"? {installed}'
    ]
    assert problems(environ={"PENSTOCK__SINK__TYPE": "kafka"}) == [
        f'environment PENSTOCK__SINK__TYPE: sink.type: no sink plugin is called "kafka" {installed}'
    ]


def test_settings_of_a_stranger_are_checked_and_those_of_another_sink_warned_of() -> None:
    text = BASE + "sink: {type: acme, acme_regio: us, path: x}\n"
    assert problems(text, plugins=with_acme()) == [
        'penstock.yml:3: sink.acme_regio: there is no such setting; did you mean "acme_region"?',
        "penstock.yml:3: sink.url: is required by the sink acme, here or as PENSTOCK__SINK__URL",
    ]

    settings = load(BASE + "sink: {type: acme, url: u, path: x}\n", plugins=with_acme())
    assert warnings(settings) == ["penstock.yml:3: sink.path: has no effect with sink type acme"]


def test_the_sink_alone_is_read_without_a_connection_or_a_file() -> None:
    plugins = PluginManager(disabled=())

    assert load_sink(inputs(None), plugins).strategy.name == "sqlite"
    assert load_sink(inputs(None, sink="jsonl"), plugins).strategy.name == "jsonl"
    assert load_sink(inputs("sink: {type: jsonl}\n"), plugins).strategy.name == "jsonl"
    assert load_sink(inputs(None, environ={"PENSTOCK__SINK__TYPE": "jsonl"}), plugins).strategy.name == "jsonl"


def test_the_sink_alone_is_read_whatever_is_wrong_elsewhere() -> None:
    text = "connection: {apiToken: '${UNSET}', nonsense: 1}\nsink: {path: '${HERE}/x.db'}\nsorce: x\n"
    sink = load_sink(inputs(text, environ={"HERE": "there"}), PluginManager(disabled=()))

    assert str(sink.config.model_dump()["path"]) == "there/x.db"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "sink: {type: x}\n",
            'penstock.yml:1: sink.type: no sink plugin is called "x" (installed: jsonl, port, sqlite)',
        ),
        ("sink: {path: '${UNSET}'}\n", "penstock.yml:1: sink.path: the environment variable UNSET is not set"),
        ("sink: [x]\n", "penstock.yml:1: sink: expected a mapping of settings"),
        ("sink: {path: [x]}\n", "penstock.yml:1: sink.path: expected a path"),
        ("- x\n", "penstock.yml:1: expected a mapping of settings"),
    ],
)
def test_what_is_wrong_with_the_sink_is_a_problem(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_sink(inputs(text), PluginManager(disabled=()))

    assert str(caught.value) == problem
