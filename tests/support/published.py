"""The published set-ups as users have them: variables or values of a chart, a port-app-config, blueprints.

Nothing of theirs is changed for a test but the address that requests go to, the secrets, and where entities go.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fakes.port import settings as port_settings
from penstock import ClientSettings
from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.config.secrets import secrets_of
from penstock.demo.port.server import PortStandIn
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport, RunReport
from penstock.sync.run import run_sync
from penstock_sinks._port_api import Api
from penstock_sinks._port_blueprints import Blueprint, Made, blueprints_in, create_blueprints
from penstock_sinks.port import PortConfig
from support.configuring import installed
from support.server import ApiServer, Received

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "ocean"
CONFIG = "OCEAN__INTEGRATION__CONFIG__"
SECRETS = "OCEAN__INTEGRATION__SECRETS__"


class Arrived(NamedTuple):
    """An entity of the catalog."""

    title: str | None
    properties: Mapping[str, Any]
    relations: Mapping[str, Any]


class Published:
    """A set-up, without a ``penstock.yml``; ``sync`` runs it in a folder of its own.

    An empty ``mapping`` is none: then a variable must have it.
    """

    def __init__(self, folder: Path, mapping: str, variables: Mapping[str, str], env_file: Path | None = None) -> None:
        self.catalog = folder / "catalog.db"
        self.mapping = folder / "port-app-config.yml"
        if mapping:
            self.mapping.write_text(mapping, encoding="utf-8")
        self.env_file = env_file
        self.environ = {"PENSTOCK__STATE_DIR": str(folder / "state"), **variables}

    def into(self, standin: PortStandIn) -> None:
        """Write to Port from now on."""
        sink = {"TYPE": "port", "CLIENT_ID": standin.client_id, "CLIENT_SECRET": standin.client_secret}
        sink |= {"BASE_URL": standin.url, "MAX_RETRIES": "1"}
        self.environ |= {f"PENSTOCK__SINK__{name}": value for name, value in sink.items()}

    def settings(self) -> Settings:
        catalog = None if "PENSTOCK__SINK__TYPE" in self.environ else self.catalog
        mapping = self.mapping if self.mapping.exists() else None
        inputs = Inputs(mapping_file=mapping, environ=self.environ, catalog=catalog, dotenv=self.env_file)
        return load_settings(inputs, installed())

    def warnings(self) -> list[str]:
        """Return what is said of the configuration before anything is requested."""
        return [f"{one.where}: {one.message}" for one in self.settings().warnings]

    def sync(self) -> RunReport:
        settings = self.settings()

        async def run() -> RunReport:
            secrets = Secrets(secrets_of(settings))
            return await run_sync(settings, secrets, only=(), observer=Observer(), stop=asyncio.Event())

        return asyncio.run(run())

    def sync_whole(self) -> dict[str, KindReport]:
        """Run; everything must be complete. Returns the kinds by name."""
        report = self.sync()
        errors = [f"{one.where}: {one.message}" for kind in report.kinds for one in kind.errors]
        assert (report.exit_code, errors) == (0, [])
        return {kind.kind: kind for kind in report.kinds}

    def entities(self, blueprint: str) -> dict[str, Arrived]:
        """Return what the catalog has of a blueprint, by identifier."""
        query = "SELECT identifier, title, properties, relations FROM entities WHERE blueprint = ? ORDER BY identifier"
        with closing(sqlite3.connect(self.catalog)) as db:
            rows = db.execute(query, [blueprint]).fetchall()
        return {row[0]: Arrived(row[1], json.loads(row[2]), json.loads(row[3])) for row in rows}

    def counts(self) -> dict[str, int]:
        """Return how many entities the catalog has of each blueprint."""
        with closing(sqlite3.connect(self.catalog)) as db:
            return dict(db.execute("SELECT blueprint, count(*) FROM entities GROUP BY blueprint"))


def example(name: str, folder: Path, base_url: str, **secrets: str) -> Published:
    """Return an example of ``examples/ocean``, its requests led to a stand-in.

    ``secrets`` are settings of the connection, such as ``api_token``.
    """
    home = EXAMPLES / name
    values, env_file = home / "values.yaml", home / "ocean.env"
    chart = rendered(yaml.safe_load(values.read_text(encoding="utf-8"))) if values.exists() else {}
    variables = {CONFIG + setting.upper(): value for setting, value in {"base_url": base_url, **secrets}.items()}
    mapping = (home / "port-app-config.yml").read_text(encoding="utf-8")
    return Published(folder, mapping, chart | variables, env_file if env_file.exists() else None)


def probe(folder: Path, api: ApiServer, resources: str, *, env: str = "", **config: object) -> Published:
    """Return a set-up of some settings of the connection, other variables one a line, and the text of a mapping."""
    lines = [line.strip() for line in env.splitlines() if line.strip()]
    variables = dict(line.split("=", 1) for line in lines)
    variables |= rendered({"integration": {"config": config}})
    return Published(folder, resources, {CONFIG + "BASE_URL": api.url} | variables)


def rendered(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that the chart of Port's integrations makes of its values (deploy.md 2)."""
    return dict(_rendered(values))


def _rendered(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if name != "integration":
            yield f"OCEAN__{_variable(name)}", _text(value)
    for name, value in values.get("integration", {}).items():
        if name in {"config", "secrets"}:
            yield from ((CONFIG + _variable(key), _text(one)) for key, one in value.items())
        elif name == "eventListener":
            # the brokers are a default of the chart, and stay whatever the type is
            yield "OCEAN__EVENT_LISTENER", json.dumps({"brokers": "b-1:9196", **value})
        elif name == "identifier":
            yield "OCEAN__INTEGRATION__IDENTIFIER", _text(value)


def _variable(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def told(kind: KindReport) -> list[str]:
    """Return the errors of a kind, and its warnings."""
    return [f"{one.where}: {one.message}" for one in (*kind.errors, *kind.warnings)]


def paged(parameter: str, pages: Mapping[str, object]) -> Callable[[Received], object]:
    """Answer by the value of a query parameter; ``""`` is the page that is asked for without it."""
    return lambda request: pages[request.param(parameter)]


def documented(name: str) -> dict[str, int]:
    """Return what docs/ocean.md says of the entities that an example brings."""
    page = (ROOT / "docs" / "ocean.md").read_text(encoding="utf-8")
    [row] = re.findall(rf"^\| \[{name}\].*$", page, re.MULTILINE)
    return {blueprint: int(count) for count, blueprint in re.findall(r"(\d+) `(\w+)`", row)}


def blueprints_of(name: str) -> list[Blueprint]:
    """Return the blueprints of an example."""
    return blueprints_in(json.loads((EXAMPLES / name / "blueprints.json").read_text(encoding="utf-8")))


def create(standin: PortStandIn, blueprints: Sequence[Blueprint]) -> Made:
    """Make blueprints at Port, as penstock makes them."""

    async def run() -> Made:
        config = PortConfig.model_validate(port_settings(standin))
        context = Lent("ours", Secrets())
        async with context.client(ClientSettings(base_url=config.url, max_retries=1)) as client:
            return await create_blueprints(Api(client, config, context), blueprints)

    return asyncio.run(run())
