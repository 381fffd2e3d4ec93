from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock.cli.app import app
from penstock.plugins import PluginManager


def _run(*arguments: str, disabled: str = "") -> Result:
    return CliRunner().invoke(app, ["plugins", *arguments], env={"PENSTOCK_DISABLE_PLUGINS": disabled})


def _json(*arguments: str, disabled: str = "") -> Any:  # noqa: ANN401
    result = _run(*arguments, "--format", "json", disabled=disabled)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_table_lists_every_plugin_with_family_distribution_and_state() -> None:
    result = _run()

    heading, rule, *rows = result.stdout.splitlines()
    assert heading.split() == ["family", "name", "distribution", "version", "state", "reason"]
    assert set(rule) == {"-", " "}
    assert ["auth", "bearer_token", "penstock"] in [row.split()[:3] for row in rows]
    assert len(rows) == len(PluginManager(disabled=()).infos())


def test_json_has_the_same_facts() -> None:
    [found] = [info for info in _json() if (info["family"], info["name"]) == ("auth", "bearer_token")]

    assert found | {"version": ""} == {
        "family": "auth",
        "name": "bearer_token",
        "distribution": "penstock",
        "version": "",
        "state": "ok",
        "reason": "",
        "code": "",
        "path": "",
    }


def test_a_disabled_plugin_is_listed_with_the_reason() -> None:
    [found] = [info for info in _json(disabled="auth:basic") if info["name"] == "basic"]

    assert (found["state"], found["reason"]) == ("disabled", "listed in PENSTOCK_DISABLE_PLUGINS")


def test_show_has_every_setting_with_type_default_variable_and_description() -> None:
    shown = _json("show", "api_key")
    settings = {setting["name"]: setting for setting in shown["settings"]}

    assert (shown["family"], shown["name"], shown["distribution"]) == ("auth", "api_key", "penstock")
    assert settings["apiKey"] | {"description": ""} == {
        "name": "apiKey",
        "type": "secret",
        "required": True,
        "default": None,
        "environment": "PENSTOCK__CONNECTION__API_KEY",
        "description": "",
    }
    assert (settings["apiKeyHeader"]["default"], settings["apiKeyHeader"]["required"]) == ("X-API-Key", False)
    assert settings["apiKeyIn"]["type"] == "header or query"
    assert all(setting["description"] for setting in shown["settings"])


def test_a_sinks_settings_come_from_variables_of_the_sink() -> None:
    [path] = [setting for setting in _json("show", "sqlite")["settings"] if setting["name"] == "path"]

    assert (path["type"], path["default"], path["environment"]) == ("path", "catalog.db", "PENSTOCK__SINK__PATH")


def test_what_people_read_has_a_paragraph_for_each_setting() -> None:
    first, *settings = _run("show", "api_key").stdout.split("\n\n")

    assert first.startswith("api_key: auth plugin of penstock ")
    heading, *description, variable = settings[0].splitlines()
    assert heading == "apiKey: secret, required"
    assert all(line.startswith("  ") for line in description)
    assert variable == "  PENSTOCK__CONNECTION__API_KEY"
    assert [setting.splitlines()[0] for setting in settings[1:]] == [
        "apiKeyIn: header or query, default header",
        "apiKeyHeader: text, default X-API-Key",
        "apiKeyParam: text, default api_key",
    ]


def test_a_plugin_without_settings_says_so() -> None:
    assert "It has no settings." in _run("show", "none", "--family", "auth").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["show", "none"],
            "none: several families have a plugin of this name; add --family auth or --family pagination",
        ),
        (["show", "sqlit"], 'no auth, pagination or sink plugin is called "sqlit"; did you mean "sqlite"?'),
        (["show", "cursor", "--family", "auth"], 'no auth plugin is called "cursor"'),
    ],
    ids=["ambiguous", "unknown", "of another family"],
)
def test_a_name_that_fits_no_plugin_or_several_is_explained(arguments: list[str], message: str) -> None:
    result = _run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_plugin_that_cannot_be_used_is_not_shown() -> None:
    result = _run("show", "basic", disabled="basic")

    assert result.exit_code == 2
    assert result.stderr == ("basic: the auth plugin of penstock is disabled: listed in PENSTOCK_DISABLE_PLUGINS\n")
