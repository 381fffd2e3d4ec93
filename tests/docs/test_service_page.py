"""The page about the service: its configuration loads, its command is obeyed, its figures are those there are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from penstock.config.load import Inputs, load_calendar, load_service, load_settings
from penstock.plugins import PluginManager
from penstock.service.metrics import Metrics
from support.commands import config_for, environment, write_config
from support.project import USER, user
from support.server import Reply, serve
from support.service import SECRET, serving

PAGE = Path(__file__).parents[2].joinpath("docs", "service.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    file.write_text(_block("yaml"))
    inputs = Inputs(config_file=file, environ={"HR_TOKEN": "x" * 20, "SYNC_SECRET": "s" * 20})
    plugins = PluginManager(disabled=())

    assert load_settings(inputs, plugins).warnings == ()
    assert str(load_calendar(inputs, plugins).interval) == "1:00:00"
    assert load_service(inputs).port == 8000


def test_the_request_that_is_shown_is_obeyed(tmp_path: Path) -> None:
    with serve(lambda _: Reply({"users": [user(1)]})) as api:
        config = config_for(api.url, [{**USER, "kind": "/api/v1/users"}]) | {"source": "acme-hr"}
        write_config(tmp_path, config | {"service": {"secret": SECRET}, "eventListener": {"type": "WEBHOOK"}})
        with serving(tmp_path) as service:
            service.is_ready()
            variables = environment(SYNC_SECRET=SECRET, SERVICE=service.url)
            shown = subprocess.run(["bash", "-euc", _block("bash")], env=variables, capture_output=True, check=True)
            assert json.loads(shown.stdout) == {"acme-hr": "begins"}
            service.says("only /api/v1/users")
            service.says("sync ends: complete")


def test_the_figures_are_those_there_are() -> None:
    exposed = re.findall(r"^# HELP (\w+)", Metrics().exposition().decode(), re.MULTILINE)
    documented = re.findall(r"^\| `(penstock_\w+)` \|", PAGE, re.MULTILINE)

    assert sorted(documented) == sorted(name for name in exposed if not name.endswith("_created"))
