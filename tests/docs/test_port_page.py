"""What docs/port.md shows is a configuration, and does what it says; what it quotes is said."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from fakes.port import define, port
from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.plugins import PluginManager
from support.project import Project
from support.server import routes, serve

PAGE = (Path(__file__).parents[2] / "docs" / "port.md").read_text(encoding="utf-8")
EXAMPLE, SEARCH = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ENVIRONMENT = {"HR_TOKEN": "t", "PORT_CLIENT_ID": "port-client", "PORT_CLIENT_SECRET": "s3cret"}


@pytest.mark.parametrize("identifier", ["          identifier: .id\n", textwrap.indent(SEARCH, " " * 10)])
def test_the_examples_are_a_configuration(tmp_path: Path, identifier: str) -> None:
    file = tmp_path / "penstock.yml"
    file.write_text(EXAMPLE.replace("          identifier: .id\n", identifier))
    inputs = Inputs(config_file=file, mapping_file=None, environ=ENVIRONMENT, sink=None, catalog=None, dotenv=None)

    settings = load_settings(inputs, PluginManager(disabled=()))

    assert (settings.source, settings.sink.strategy.name, settings.warnings) == ("ocean-custom", "port", ())


def test_the_example_runs(tmp_path: Path) -> None:
    with port() as standin, serve(routes({"/api/v1/users": {"users": [{"id": "a", "team": {"slug": "x"}}]}})) as api:
        define(standin, "team")
        define(standin, "user", {"email": {"type": "string"}}, {"team": {"target": "team"}})
        text = EXAMPLE.replace("https://hr.acme.test", api.url).replace("region: eu", f"baseUrl: {standin.url}")
        environment = {**ENVIRONMENT, "PORT_CLIENT_SECRET": standin.client_secret}
        project = _Written(tmp_path, text, environment)

        assert project.sync().exit_code == 0
        [entity] = standin.entities.of("user").values()
        assert entity.relations == {"team": "x"}
        assert entity.datasource.startswith("port-ocean/custom/")
        assert entity.datasource.endswith("/ocean-custom/exporter")


class _Written(Project):
    """A project whose configuration is a text."""

    def __init__(self, folder: Path, text: str, environ: dict[str, str]) -> None:
        super().__init__(folder, "http://unused.test", [])
        self._text = text
        self._environ = environ

    def settings(self) -> Settings:
        file = self.folder / "penstock.yml"
        file.write_text(self._text)
        inputs = Inputs(
            config_file=file, mapping_file=None, environ=self._environ, sink=None, catalog=None, dotenv=None
        )
        return load_settings(inputs, PluginManager(disabled=()))
