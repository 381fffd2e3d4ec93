"""Writing configurations down and loading them, for tests; files live in the working directory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import httpx
from pydantic import Field, SecretStr

from penstock import AuthContext, AuthStrategy, PluginConfig, Sink, SinkContext, SinkStrategy, hookimpl
from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.errors import ConfigurationError
from penstock.plugins import PluginManager

AUTH_TYPES = ", ".join(sorted(point.name for point in entry_points(group="penstock.auth")))
"""The installed ones, as messages list them."""
MINIMAL = "connection: {baseUrl: https://api.test}\nresources: []\n"


@cache
def installed() -> PluginManager:
    """Return the installed plugins: to find them takes longer than a small sync."""
    return PluginManager(disabled=())


def resources(selector: str = "{}", *, kind: str = "/users", extra: str = "") -> str:
    """Return a complete file with one resource; the selector stands on line 4."""
    return (
        "connection: {baseUrl: https://api.test/v1}\n"
        "resources:\n"
        f"  - kind: {kind}\n"
        f"    selector: {selector}\n"
        f"    port: {{entity: {{mappings: {{identifier: .id, blueprint: '\"user\"'}}}}}}\n{extra}"
    )


class Given(TypedDict, total=False):
    """What there is beside ``penstock.yml``."""

    mapping: str | None
    environ: Mapping[str, str] | None
    dotenv: str | None
    ocean_config: str | None
    sink: str | None
    catalog: str | None


def inputs(text: str | None = MINIMAL, **given: Unpack[Given]) -> Inputs:
    """Write ``penstock.yml``, ``mapping.yml``, ``.env`` and ``config.yaml``, each if given, and say where they are."""
    mapping, catalog = given.get("mapping"), given.get("catalog")
    contents = {
        "penstock.yml": text,
        "mapping.yml": mapping,
        ".env": given.get("dotenv"),
        "config.yaml": given.get("ocean_config"),
    }
    for name, content in contents.items():
        if content is not None:
            Path(name).write_text(content, encoding="utf-8")
    return Inputs(
        config_file=None if text is None else Path("penstock.yml"),
        mapping_file=None if mapping is None else Path("mapping.yml"),
        environ=given.get("environ") or {},
        sink=given.get("sink"),
        catalog=None if catalog is None else Path(catalog),
        dotenv=Path(".env"),
        ocean_config=Path("config.yaml"),
    )


def load(text: str | None = MINIMAL, *, plugins: PluginManager | None = None, **given: Unpack[Given]) -> Settings:
    """Write the files and load them with the installed plugins, or with others."""
    return load_settings(inputs(text, **given), plugins or installed())


def problems(text: str | None = MINIMAL, *, plugins: PluginManager | None = None, **given: Unpack[Given]) -> list[str]:
    """Load what cannot be loaded, and return the problems as a user reads them."""
    try:
        load(text, plugins=plugins, **given)
    except ConfigurationError as error:
        return str(error).split("\n")
    message = "nothing was wrong"
    raise AssertionError(message)


def warnings(settings: Settings) -> list[str]:
    """Return the warnings as a user reads them."""
    return [str(warning) for warning in settings.warnings]


class AcmeAuthConfig(PluginConfig):
    """Settings of a stranger's auth."""

    acme_ticket: SecretStr = Field(description="proof of who we are")
    acme_realm: Literal["north", "south"] = Field(default="north", description="where the ticket is valid")
    acme_scopes: tuple[str, ...] = Field(default=(), description="what it is for")
    token: str = Field(default="", description="a name that is elsewhere another spelling of apiToken")


class AcmeAuth(AuthStrategy[AcmeAuthConfig]):
    """A stranger's way of proving who we are."""

    name = "acme"
    Config = AcmeAuthConfig

    def build(self, config: AcmeAuthConfig, context: AuthContext) -> httpx.Auth:
        del config, context
        return httpx.Auth()


class AcmeSinkConfig(PluginConfig):
    """Settings of a stranger's sink, which has no path."""

    url: str = Field(description="where the entities go")
    acme_region: str = Field(default="eu", description="part of the world")


class AcmeSink(SinkStrategy[AcmeSinkConfig]):
    """A stranger's catalog."""

    name = "acme"
    Config = AcmeSinkConfig

    def open(self, config: AcmeSinkConfig, context: SinkContext) -> Sink:
        raise NotImplementedError


class AcmeAuthPlugin:
    @hookimpl
    def penstock_auth(self) -> AcmeAuth:
        return AcmeAuth()


class AcmeSinkPlugin:
    @hookimpl
    def penstock_sink(self) -> AcmeSink:
        return AcmeSink()


acme_auth = AcmeAuthPlugin()
acme_sink = AcmeSinkPlugin()


def with_acme() -> PluginManager:
    """Return the installed plugins, and the stranger's."""
    groups = ("penstock.auth", "penstock.pagination", "penstock.sink")
    installed = [point for group in groups for point in entry_points(group=group)]
    strangers = [
        EntryPoint("acme", "support.configuring:acme_auth", "penstock.auth"),
        EntryPoint("acme", "support.configuring:acme_sink", "penstock.sink"),
    ]
    return PluginManager([*installed, *strangers], disabled=())
