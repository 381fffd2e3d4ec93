"""No secret of any auth shows, whatever goes wrong: not in an output, a report, a file, an exception or a ``repr``.

Each test sends secrets that nothing can be mistaken for through a connection, lets a server repeat them in every way,
and searches all that is left behind, for a beginning or an end of four characters and for base64.
"""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from penstock.cli.app import app
from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.config.secrets import secrets_of
from penstock.errors import PenstockError
from penstock.http.client import ApiRequest
from penstock.plugins import PluginManager
from penstock.redaction import Secrets
from penstock.sync.source import open_source
from support.canaries import PLAIN, Canaries, files_in, objects_behind, shown_by, text_of
from support.commands import config_for, write_config
from support.leaky import FAULTS, Leaky
from support.project import resource
from support.secret_settings import EVERY, LOGINS, TOKENS
from support.server import ApiServer, serve
from support.shelf import Shelf
from support.visiting import follow

STORE = Path(".penstock/tokens")
PITFALLS = ("401, cut", "400 in a URL", "200 with secret names", "redirect to nowhere")
"""Where messages are cut, and what is encoded twice."""
TOLD_OF = (*TOKENS, *LOGINS, "api_key in the query", "base URL", "proxy", "client certificate")
"""Those of which a message says more than the URL that was asked for."""
KINDS = {name: f"/f/{number}" for number, name in enumerate(FAULTS)}


def _kind(path: str) -> dict[str, Any]:
    users = resource(path)
    users["port"]["entity"]["mappings"]["properties"] = {"number": ".asked | tonumber"}
    return users


def _follow_later(url: str) -> None:
    Thread(target=follow, args=(url,), daemon=True).start()


@dataclass
class World:
    """A folder with a configuration, the server it is for, and what was seen so far."""

    secret: Canaries
    leaky: Leaky
    api: ApiServer
    folder: Path
    connection: dict[str, Any]
    given: set[Path] = field(default_factory=set[Path])
    seen: dict[str, str] = field(default_factory=dict[str, str])

    def configure(self, *kinds: str, **more: Any) -> None:  # noqa: ANN401 - settings are
        usual = {"baseUrl": self.api.url, "maxRetries": 0, "maxPages": 2, "paginationType": "header_link"}
        config = config_for("", [_kind(kind) for kind in kinds])
        config["connection"] = {**usual, **self.connection, **more}
        write_config(self.folder, config)
        self.given = {path for path in self.folder.iterdir() if path.is_file()}

    def run(self, *arguments: str) -> str:
        """Run a command, note all it says, and return it."""
        ran = CliRunner().invoke(app, list(arguments))
        said = f"{ran.stdout}\n{ran.stderr}"
        self.seen[f"output of {' '.join(arguments)}"] = said
        self.seen |= {f"{place} of {arguments[0]}": text for place, text in shown_by(ran.exception).items()}
        return said

    def log_in(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Log in as somebody whose browser goes wherever it is sent."""
        monkeypatch.setenv("BROWSER", "any")
        monkeypatch.setattr(webbrowser, "open", _follow_later)
        return self.run("auth", "login", "-v")

    def look_at_files(self) -> None:
        self.seen |= {f"file {name}": text for name, text in files_in(self.folder, self.given).items()}

    def look_sometimes(self) -> None:
        """Look at the files while a run is under way, for answers are kept until they are in the sink."""
        if self.api.received[-1].path in {KINDS["200 that says it failed"], KINDS["redirect to another origin"]}:
            self.look_at_files()

    @cached_property
    def settings(self) -> Settings:
        inputs = Inputs(config_file=self.folder / "penstock.yml", environ=os.environ)
        return load_settings(inputs, PluginManager(disabled=()))

    async def send(self, kinds: Mapping[str, str]) -> None:
        """Send for the kinds through one client, and note what is raised, and how everything shows itself then."""
        settings = self.settings
        url = settings.connection.http.base_url.partition("?")[0]
        self.seen["settings"] = f"{settings!r} {settings}"
        async with open_source(settings, Secrets(secrets_of(settings))) as source:
            for fault, kind in kinds.items():
                try:
                    await source.client.send(ApiRequest("GET", f"{url}{kind}"))
                except PenstockError as error:
                    self._note(shown_by(error), fault)
            self._note(objects_behind(source), "all")

    def _note(self, shown: Mapping[str, str], when: str) -> None:
        self.seen |= {f"{place} after {when}": text for place, text in shown.items()}

    def assert_hidden(self) -> None:
        self.secret.sent(self.api.received)
        self.look_at_files()
        assert self.secret.found_in(self.seen) == []

    def assert_sent(self) -> None:
        """Make sure that there was something to leak."""
        self.secret.sent(self.api.received)
        assert self.secret.found_in({"request": " ".join(map(text_of, self.api.received))})


@contextmanager
def _world(name: str, folder: Path) -> Generator[World]:
    secret = Canaries()
    leaky = Leaky(secret)
    with serve(leaky) as api:
        leaky.url = api.url
        yield World(secret, leaky, api, folder, EVERY[name](secret, api.url, folder))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run; what they keep there is encrypted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PENSTOCK__TOKENS__KEY", Fernet.generate_key().decode())
    return tmp_path


@pytest.mark.parametrize("name", EVERY)
def test_no_answer_of_an_api_brings_a_secret_out(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _world(name, folder) as world:
        world.configure(*KINDS.values())
        if name in LOGINS:
            world.log_in(monkeypatch)
        world.leaky.asked = world.look_sometimes
        said = world.run("sync", "-v", "--report", "report.json")
        assert all(kind in said for kind in KINDS.values())
        only = [f"--only={KINDS[fault]}" for fault in list(FAULTS)[:: len(FAULTS) // 5]]
        world.run("check", "-v", *only)
        world.run("plan", "-v", *only)
        world.run("preview", KINDS["200 with what was asked"])
        world.run("preview", KINDS["200 with what was asked"], "--format", "json")
        world.run("explain", "user", "1")
        world.run("explain", "user", "1", "--format", "json")

        world.assert_sent()
        world.assert_hidden()


@pytest.mark.parametrize("fault", PITFALLS)
@pytest.mark.parametrize("name", TOKENS)
def test_no_answer_of_a_token_endpoint_brings_a_secret_out(name: str, fault: str, folder: Path) -> None:
    with _world(name, folder) as world:
        world.configure(KINDS["401"])
        world.leaky.fault = FAULTS[fault]
        world.run("sync", "-v", "--report", "report.json")

        world.assert_sent()
        world.assert_hidden()


@pytest.mark.parametrize(
    ("name", "fault"),
    [("authorization_code", fault) for fault in FAULTS] + [(name, fault) for name in LOGINS for fault in PITFALLS],
)
def test_no_login_brings_a_secret_out(name: str, fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _world(name, folder) as world:
        world.configure(KINDS["401"])
        world.leaky.fault = FAULTS[fault]
        world.log_in(monkeypatch)
        world.run("auth", "status", "--format", "json")

        world.assert_sent()
        world.assert_hidden()


@pytest.mark.parametrize("name", EVERY)
def test_no_exception_and_no_object_shows_a_secret(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _world(name, folder) as world:
        world.configure(*KINDS.values())
        if name in LOGINS:
            world.log_in(monkeypatch)
        asyncio.run(world.send(KINDS))

        world.assert_sent()
        world.assert_hidden()


@pytest.mark.parametrize("name", TOKENS)
def test_no_exception_for_want_of_a_token_shows_a_secret(name: str, folder: Path) -> None:
    with _world(name, folder) as world:
        world.configure(KINDS["401"])
        for fault, answer in FAULTS.items():
            world.leaky.fault = answer
            asyncio.run(world.send({fault: KINDS["401"]}))

        world.assert_sent()
        world.assert_hidden()


@pytest.mark.parametrize("name", TOLD_OF)
def test_silence_brings_no_secret_out(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()

    def asked() -> None:
        last = world.api.received[-1]
        if last.path.startswith("/f/") and ("X-Wants" not in last.headers or "Authorization" in last.headers):
            over.wait(10)

    with _world(name, folder) as world:
        world.configure(KINDS["401"], timeout=0.2)
        if name in LOGINS:
            world.log_in(monkeypatch)
        world.leaky.asked = asked
        world.run("sync", "-v", "--report", "report.json")
        over.set()

        world.assert_sent()
        world.assert_hidden()


@pytest.mark.parametrize("name", TOLD_OF)
def test_what_cannot_be_reached_brings_no_secret_out(name: str, folder: Path) -> None:
    with _world(name, folder) as world:
        world.connection = {"baseUrl": "http://127.0.0.1:1", **_elsewhere(world.connection, world.api.url)}
        world.configure(KINDS["401"], timeout=5)
        said = world.run("check", "-v")

        assert "127.0.0.1" in said or "log in" in said
        assert world.api.received == []
        world.assert_hidden()


def _elsewhere(settings: Any, url: str) -> Any:  # noqa: ANN401 - JSON
    """Return the settings with a server in place of this one that nobody has started."""
    if isinstance(settings, dict):
        members = cast("dict[str, Any]", settings).items()
        return {name: _elsewhere(value, url) for name, value in members}
    return settings.replace(url.removeprefix("http://"), "127.0.0.1:1") if isinstance(settings, str) else settings


@pytest.mark.parametrize("key", [True, False], ids=["encrypted", "in the clear"])
def test_tokens_are_in_their_own_store_alone(key: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    if not key:
        monkeypatch.delenv("PENSTOCK__TOKENS__KEY")
    stored = ""
    with _world("device_code", folder) as world:
        world.configure(KINDS["200 with what was asked"])
        world.log_in(monkeypatch)
        for command in (("sync", "-v"), ("check",), ("auth", "status"), ("auth", "forget", "--all")):
            world.given |= set((folder / STORE).iterdir())
            stored += "".join(files_in(folder / STORE).values())
            world.run(*command)

        world.assert_sent()
        assert bool(world.secret.found_in({"store": stored})) is not key
        world.assert_hidden()


PLUGIN = """
    import logging
    import httpx
    from pydantic import SecretStr
    from penstock import AuthStrategy, PluginConfig, hookimpl

    class Config(PluginConfig):
        ticket: SecretStr
        fails: str

    def fail(config, context):
        ticket, obtained = config.ticket.get_secret_value(), "OBTAINED"
        context.conceal(obtained)
        logging.getLogger("acme").warning("using %s", ticket, stack_info=True)
        try:
            raise KeyError(ticket, {"ticket": obtained})
        except KeyError as error:
            error.add_note(f"the ticket was {ticket}")
            raise RuntimeError(f"cannot use {ticket!r} nor {obtained}") from error

    class Signature(httpx.Auth):
        def __init__(self, config, context):
            self.config, self.context = config, context

        def auth_flow(self, request):
            request.headers["X-Ticket"] = self.config.ticket.get_secret_value()
            if self.config.fails == "before":
                fail(self.config, self.context)
            yield request
            fail(self.config, self.context)

    class Acme(AuthStrategy[Config]):
        name = "acme"

        def build(self, config, context):
            if config.fails == "build":
                fail(config, context)
            return Signature(config, context)

        async def login(self, config, context, person):
            fail(config, context)

    Acme.Config = Config

    @hookimpl
    def penstock_auth():
        return Acme()
"""


@pytest.mark.parametrize("fails", ["build", "before", "after"])
def test_a_plugin_that_raises_and_logs_secrets_brings_none_out(
    fails: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    monkeypatch.setattr(sys, "path", [str(shelf.folder), *sys.path])
    with _world("bearer_token", folder) as world:
        obtained = world.secret("obtained", PLAIN)
        shelf.put("acme-plugin", PLUGIN.replace("OBTAINED", obtained), "auth:acme")
        world.connection = {"authType": "acme", "ticket": world.secret("ticket"), "fails": fails}
        world.configure(KINDS["500"])
        for command in (("sync", "-v", "--report", "report.json"), ("check", "-v"), ("auth", "login", "-v")):
            assert 'the auth plugin "acme" failed: RuntimeError' in world.run(*command)
        if fails != "build":
            asyncio.run(world.send({"500": KINDS["500"]}))

        world.assert_hidden()
