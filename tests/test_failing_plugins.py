"""Plugins that fail at run time: a named error, the right exit code, and no traceback; and strangers that work."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from support.commands import Ran, config_for, penstock, write_config
from support.project import resource
from support.server import ApiServer, Received, Reply, serve
from support.shelf import Shelf

AUTH = """
    from penstock import AuthStrategy, PluginConfig, hookimpl
    import httpx
    from pydantic import Field, SecretStr

    class Config(PluginConfig):
        ticket: SecretStr = Field(description="proof of who we are")
        realm: str = Field(default="north", description="where it is valid")

    class Signature(httpx.Auth):
        def __init__(self, config):
            self.config = config

        def auth_flow(self, request):
            {flow}
            request.headers["X-Ticket"] = self.config.ticket.get_secret_value() + self.config.realm
            yield request

    class Acme(AuthStrategy[Config]):
        '''Tickets of Acme.'''
        name = "acme"

        def build(self, config, context):
            {build}
            return Signature(config)

    Acme.Config = Config

    @hookimpl
    def penstock_auth():
        return Acme()
"""
PAGINATION = """
    from penstock import PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl

    class Config(PluginConfig):
        last: int = 3

    class Acme(PaginationStrategy[Config]):
        name = "acme"

        def first(self, config):
            {first}
            return PageRequest(params={{"page": 1}})

        def next(self, config, page):
            {next}
            number = page.request.params["page"] + 1
            return PageRequest(params={{"page": number}}) if number <= config.last else Stop(StopReason.EMPTY_PAGE)

        def ahead(self, config, page, steps):
            {ahead}
            return None

    Acme.Config = Config

    @hookimpl
    def penstock_pagination():
        return Acme()
"""
SINK = """
    import json
    from pathlib import Path
    from penstock import Outcome, OwnedEntity, PluginConfig, Sink, SinkStrategy, hookimpl
    from pydantic import SecretStr

    class Config(PluginConfig):
        path: Path = Path("acme.json")
        password: SecretStr = SecretStr("")

    class Place(Sink):
        def __init__(self, config):
            self.path, self.password = config.path, config.password.get_secret_value()

        async def __aenter__(self):
            {enter}
            self.rows = json.loads(self.path.read_text()) if self.path.exists() else []
            return self

        async def __aexit__(self, *error):
            {leave}
            self.path.write_text(json.dumps(sorted(self.rows)))

        async def write(self, batch):
            {write}
            new = [[batch.kind, entity.blueprint, entity.identifier] for entity in batch.entities]
            outcomes = [Outcome("unchanged" if row in self.rows else "created") for row in new]
            self.rows += [row for row in new if row not in self.rows]
            return outcomes

        async def owned(self):
            {owned}
            yield [OwnedEntity(*row) for row in sorted(self.rows)]

        async def entities(self, blueprint=None):
            {entities}
            yield []

        async def delete(self, keys):
            {delete}
            gone = [key.identifier for key in keys]
            self.rows = [row for row in self.rows if row[2] not in gone]
            return [Outcome("deleted") for _ in keys]

    class Acme(SinkStrategy[Config]):
        name = "acme"

        def open(self, config, context):
            {open}
            return Place(config)

        def exists(self, config):
            {exists}
            return True

    Acme.Config = Config

    @hookimpl
    def penstock_sink():
        return Acme()
"""
HOOKS = {
    "auth": ("flow", "build"),
    "pagination": ("first", "next", "ahead"),
    "sink": ("enter", "leave", "write", "owned", "entities", "delete", "open", "exists"),
}
CODE = {"auth": AUTH, "pagination": PAGINATION, "sink": SINK}
CONNECTION = {"authType": "acme", "ticket": "t1cket-of-acme", "paginationType": "acme", "maxRetries": 0}
RAISE = "raise KeyError('what went wrong')"


class Strangers:
    """A folder with three third-party plugins, one of which misbehaves, and a configuration that names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.libraries = folder / "libraries"
        self.libraries.mkdir()

    def install(self, **wrong: str) -> None:
        """Put the distributions down; ``next="raise ..."`` is what that hook does first."""
        assert set(wrong) <= {hook for hooks in HOOKS.values() for hook in hooks}
        shelf = Shelf(self.libraries)
        for family, hooks in HOOKS.items():
            code = dedent(CODE[family]).format(**{hook: wrong.get(hook, "pass") for hook in hooks})
            shelf.put(f"acme-{family}", code, f"{family}:acme")

    def run(self, *arguments: str, **variables: str) -> Ran:
        return penstock(*arguments, folder=self.folder, variables={"PYTHONPATH": str(self.libraries), **variables})

    def configure(self, api: ApiServer) -> None:
        config = config_for(api.url, [resource("/users")], **CONNECTION)
        write_config(
            self.folder, {**config, "sink": {"type": "acme"}, "entityDeletionThreshold": 1, "deleteAfterAbsentRuns": 1}
        )

    def rows(self) -> list[list[str]]:
        rows: list[list[str]] = json.loads((self.folder / "acme.json").read_text())
        return rows


@pytest.fixture
def strangers(tmp_path: Path) -> Strangers:
    return Strangers(tmp_path)


def _pages(request: Received) -> Reply:
    """Three pages of two records."""
    if request.headers["X-Ticket"] != "t1cket-of-acmenorth":
        return Reply({"error": "no ticket"}, 401)
    page = int(request.param("page", "1"))
    return Reply([{"id": 2 * page - 1}, {"id": 2 * page}])


def _fewer(request: Received) -> Reply:
    return Reply([{"id": 1}] if request.param("page") == "1" else [])


def test_three_strangers_work_together_by_configuration_alone(strangers: Strangers) -> None:
    strangers.install()
    with serve(_pages) as api:
        strangers.configure(api)
        first = strangers.run("sync")
        preview = strangers.run("preview", "/users", "--format", "json")
        api.handler = _fewer
        second = strangers.run("sync")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert preview.json()[0]["entities"] == [
        {"blueprint": "user", "identifier": str(n), "title": None, "properties": {}, "relations": {}} for n in (1, 2)
    ]
    assert strangers.rows() == [["/users", "user", "1"]]


def test_variables_alone_configure_strangers(strangers: Strangers) -> None:
    strangers.install()
    mapping = {"resources": [resource("/users")]}
    write_config(strangers.folder, mapping, "mapping.yml")
    with serve(_pages) as api:
        ours = {
            "PENSTOCK__CONNECTION__BASE_URL": api.url,
            "PENSTOCK__CONNECTION__AUTH_TYPE": "acme",
            "PENSTOCK__CONNECTION__PAGINATION_TYPE": "acme",
            "PENSTOCK__CONNECTION__LAST": "2",
            "PENSTOCK__SINK__TYPE": "acme",
            "PENSTOCK__SINK__PATH": "elsewhere.json",
        }
        ran = strangers.run(
            "sync", "--mapping", "mapping.yml", **ours, OCEAN__INTEGRATION__SECRETS__TICKET="t1cket-of-acme"
        )

    assert ran.code == 0, ran.err
    assert len(json.loads((strangers.folder / "elsewhere.json").read_text())) == 4


def test_the_settings_of_strangers_are_shown_and_in_the_schema(strangers: Strangers) -> None:
    strangers.install()
    listed = strangers.run("plugins", "--format", "json").json()
    shown = strangers.run("plugins", "show", "acme", "--family", "auth")
    schema = strangers.run("schema").json()

    mine = [tuple(info[name] for name in info) for info in listed if info["name"] == "acme"]
    assert mine == [(family, "acme", f"acme-{family}", "1.0", "ok", "", "", "") for family in HOOKS]
    assert "PENSTOCK__CONNECTION__TICKET" in shown.out
    assert "ticket: secret" in shown.out
    assert schema["$defs"]["connection"]["properties"]["ticket"]["description"].startswith("proof of who we are")


WRONG: list[tuple[str, str, str, int]] = [
    ("auth", "flow", RAISE, 1),
    ("auth", "flow", "yield 'a request'", 1),
    ("auth", "flow", "return", 1),
    ("auth", "build", RAISE, 2),
    ("auth", "build", "return 'an auth'", 2),
    ("pagination", "first", RAISE, 1),
    ("pagination", "first", "return None", 1),
    ("pagination", "first", "return PageRequest(headers=None)", 1),
    ("pagination", "first", "return PageRequest(params={'page': 1}, headers={'X-A': object()})", 1),
    ("pagination", "next", RAISE, 1),
    ("pagination", "next", "return None", 1),
    ("pagination", "ahead", RAISE, 1),
    ("pagination", "ahead", "return 'more'", 1),
    ("sink", "open", RAISE, 1),
    ("sink", "open", "return None", 1),
    ("sink", "enter", RAISE, 1),
    ("sink", "leave", RAISE, 1),
    ("sink", "write", RAISE, 1),
    ("sink", "write", "raise SystemExit(0)", 1),
    ("sink", "write", "return []", 1),
    ("sink", "write", "return [Outcome('vanished') for _ in batch.entities]", 1),
    ("sink", "write", "return None", 1),
    ("sink", "owned", RAISE, 1),
    ("sink", "owned", "yield [OwnedEntity('', 'z', 'z'), OwnedEntity('', 'a', 'a')]", 1),
    ("sink", "delete", RAISE, 1),
    ("sink", "delete", "return []", 1),
]


@pytest.mark.parametrize(("family", "hook", "code", "exit_code"), WRONG, ids=[f"{w[1]}: {w[2]}" for w in WRONG])
def test_what_fails_at_run_time_is_one_error_that_names_the_plugin(
    strangers: Strangers, family: str, hook: str, code: str, exit_code: int
) -> None:
    (strangers.folder / "acme.json").write_text(json.dumps([["/users", "user", "99"]]))
    strangers.install(**{hook: code})
    with serve(_pages) as api:
        strangers.configure(api)
        ran = strangers.run("sync")

    assert ran.code == exit_code, ran.err
    [line] = [line for line in ran.err.splitlines() if "error: " in line]
    assert f'the {family} plugin "acme"' in line
    assert ("what went wrong" in line) == (code == RAISE)
    assert "Traceback" not in ran.err
    assert "unexpected" not in ran.err


@pytest.mark.parametrize("hook", ["exists", "open", "enter", "entities", "leave"])
def test_a_sink_that_fails_while_it_is_read_is_named(strangers: Strangers, hook: str) -> None:
    strangers.install(**{hook: RAISE})
    ran = strangers.run("entities", "--sink", "acme")

    assert (ran.code, ran.out if hook != "leave" else "") == (1, "")
    assert ran.err.startswith('error: the sink plugin "acme" failed: KeyError: ')


def test_the_page_that_came_is_kept_when_the_guess_at_the_next_one_fails(strangers: Strangers) -> None:
    strangers.install(ahead=RAISE)
    with serve(_pages) as api:
        strangers.configure(api)
        ran = strangers.run("sync", "--report", "-", "--quiet")

    [kind] = ran.json()["kinds"]
    assert kind["stop_reasons"] == {"plugin_failed": 1}
    assert [row[2] for row in strangers.rows()] == ["1", "2"]


def test_what_a_failing_sink_says_hides_its_password(strangers: Strangers) -> None:
    strangers.install(enter="raise OSError('cannot log in with ' + self.password)")
    with serve(_pages) as api:
        strangers.configure(api)
        ran = strangers.run("sync", "-v", PENSTOCK__SINK__PASSWORD="s1nk-passw0rd")

    assert ran.code == 1
    assert "cannot log in with ***" in ran.err
    assert "s1nk" not in ran.err


def test_a_sink_that_never_comes_back_ends_the_run(strangers: Strangers) -> None:
    strangers.install(write="import asyncio; await asyncio.sleep(600)")
    with serve(_pages) as api:
        strangers.configure(api)
        ran = strangers.run("sync", PENSTOCK__PLUGINS__TIMEOUT="0.5")

    assert ran.code == 1
    expected = 'error: the sink plugin "acme" failed: HangError: it did not go on within 0.5 s (plugins.timeout)'
    assert expected in ran.err


def test_settings_that_cannot_be_checked_name_the_plugin_and_tell_no_secret(strangers: Strangers) -> None:
    code = dedent(AUTH).format(flow="pass", build="pass")
    check = "\n    def model_post_init(self, context):\n        raise RuntimeError(self.ticket.get_secret_value())\n"
    spoilt = code.replace('"where it is valid")\n', f'"where it is valid"){check}')
    assert spoilt != code
    Shelf(strangers.libraries).put("acme-auth", spoilt, "auth:acme")
    with serve(_pages) as api:
        config = config_for(api.url, [resource("/users")], **{**CONNECTION, "paginationType": "none"})
        write_config(strangers.folder, config)
        ran = strangers.run("sync", "-v")

    assert ran.code == 2
    assert 'connection: the plugin "acme" fails to check its settings: RuntimeError' in ran.err
    assert "t1cket" not in ran.err
