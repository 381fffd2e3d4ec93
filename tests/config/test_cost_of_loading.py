from __future__ import annotations

from support.configuring import inputs, resources
from support.imports import modules_of

SCRIPT = """
from pathlib import Path
from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager
load_settings(Inputs(config_file=Path("penstock.yml")), PluginManager())
"""


def _modules_after_loading(text: str) -> set[str]:
    inputs(text)
    return modules_of(SCRIPT)


def test_loading_imports_only_the_plugins_that_are_named() -> None:
    text = resources(kind="/users").replace("/v1}", "/v1, paginationType: offset}")
    modules = _modules_after_loading(text)
    plugins = {name for name in modules if name.startswith(("penstock_auth.", "penstock_pagination."))}

    assert "penstock_pagination.offset" in plugins
    assert plugins.isdisjoint({"penstock_auth.basic", "penstock_auth.bearer_token", "penstock_pagination.custom"})
    assert "penstock_sinks.jsonl" not in modules


def test_loading_imports_no_http_client_but_for_the_sake_of_a_plugin() -> None:
    modules = modules_of("import penstock.config.load")

    assert {"httpx", "aiohttp", "jq", "rich", "click", "multiprocessing", "dotenv"}.isdisjoint(modules)
