"""``penstock import ocean``: what is written does the same, and holds no secret."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.config.load import Inputs, load_calendar, load_service, load_settings
from penstock.config.models import Settings
from penstock.config.service import Calendar, EventListener
from penstock.errors import ConfigurationError
from penstock.migration.fate import Fate
from penstock.migration.ocean import Imported, Places, import_ocean, written_inputs
from penstock.plugins import PluginManager
from support.commands import penstock
from support.published import CONFIG, EXAMPLES, SECRETS, rendered

CANARY = "c4nary-8f3b1d-"
MAPPING = """\
createMissingRelatedEntities: false
resources:
  - kind: /users
    selector: {query: 'true', data_path: .users}
    port: {entity: {mappings: {identifier: .id, title: .name, blueprint: '"user"'}}}
"""
BASE = {f"{CONFIG}BASE_URL": "https://api.test", f"{CONFIG}MAPPINGS": MAPPING}
PORT = {"OCEAN__PORT__CLIENT_ID": f"{CANARY}id", "OCEAN__PORT__CLIENT_SECRET": f"{CANARY}secret"}


@cache
def plugins() -> PluginManager:
    return PluginManager(disabled=())


def imported(folder: Path, environ: Mapping[str, str] | None = None, **places: Any) -> Imported:  # noqa: ANN401
    return import_ocean(Places(folder, environ=environ, **places), plugins())


def compared(one: Settings) -> tuple[object, ...]:
    return one.source, one.connection, one.sink, one.resources, one.flags, one.mapping_is_kept


def _effects(calendar: Calendar) -> tuple[object, ...]:
    """What a calendar comes to: Ocean's chart leaves brokers in a listener that polls."""
    return calendar._replace(listener=EventListener()), calendar.listener.type, calendar.listener.listening


def assert_the_same(result: Imported, original: Inputs) -> None:
    again = written_inputs(result.text, result.bound)
    assert compared(load_settings(again, plugins())) == compared(load_settings(original, plugins()))
    assert _effects(load_calendar(again, plugins())) == _effects(load_calendar(original, plugins()))
    assert load_service(again) == load_service(original)


def fate(result: Imported, setting: str) -> Fate:
    [found] = [one for one in result.fates if one.setting == setting]
    return found


# what is written does the same

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12)
_SECRET = st.text("abcXYZ0189-_.~$:{}'\"#&*!%@ ", max_size=16).map(lambda text: f"{CANARY}{text}z")
_WORDS = st.sampled_from(
    ["true", "1e5", "~", "0x1", "1.10", "yes", "null", "- a", "a: b", "<<", "${HOME}", "$${A}", "@x"]
)
_PARAMETER = st.text("abc[]$_-.", min_size=1, max_size=8).filter(lambda text: not text.startswith("-"))
_JSON_TEXT = st.dictionaries(_PARAMETER, st.one_of(_TEXT, st.integers(), st.booleans(), _WORDS), max_size=3)


@st.composite
def _environments(draw: st.DrawFn) -> dict[str, str]:
    environ = dict(BASE)
    environ |= draw(st.sampled_from([{}, PORT]))
    auth = draw(st.sampled_from(["none", "bearer", "bearer_token", "basic", "basic_auth", "api_key", "custom"]))
    environ[f"{CONFIG}AUTH_TYPE"] = auth
    block = draw(st.sampled_from([CONFIG, SECRETS]))
    secret = draw(_SECRET)
    if auth.startswith("bearer"):
        environ[block + draw(st.sampled_from(["API_TOKEN", "TOKEN", "AUTH_VALUE"]))] = secret
    elif auth.startswith("basic"):
        pair = draw(st.sampled_from([{"AUTH_VALUE": f"joe:{secret}"}, {"USERNAME": "joe", "PASSWORD": secret}]))
        environ |= {block + name: value for name, value in pair.items()}
    elif auth == "api_key":
        environ[block + draw(st.sampled_from(["API_KEY", "AUTH_VALUE"]))] = secret
    elif auth == "custom":
        body = {"clientSecret": secret, **draw(_JSON_TEXT)}
        environ[f"{CONFIG}CUSTOM_AUTH_REQUEST"] = json.dumps({"endpoint": "/token", "body": body})
        answer = draw(st.sampled_from(["CUSTOM_AUTH_RESPONSE", "CUSTOM_AUTH_REQUEST_TEMPLATE"]))
        environ[CONFIG + answer] = json.dumps({"headers": {"Authorization": "Bearer {{.accessToken}}"}})
    kind = draw(st.sampled_from(["none", "offset", "page", "cursor", "next_link", "skip_token", "header_link"]))
    environ[f"{CONFIG}PAGINATION_TYPE"] = kind
    optional: dict[str, st.SearchStrategy[str]] = {
        f"{CONFIG}PAGE_SIZE": st.sampled_from(["7", "1e+02", ""]),
        f"{CONFIG}START_PAGE": st.sampled_from(["0", "1"]),
        f"{CONFIG}LIMIT_PARAM": _PARAMETER.map("l{}".format),
        f"{CONFIG}CURSOR_PARAM": _PARAMETER.map("c{}".format),
        f"{CONFIG}TIMEOUT": st.sampled_from(["9", "1.5"]),
        f"{CONFIG}VERIFY_SSL": st.sampled_from(["false", "yes"]),
        f"{CONFIG}CUSTOM_HEADERS": st.just(json.dumps({"X-One": f"{CANARY}head", "X-Two": "Bearer ${NOWHERE}"})),
        "OCEAN__CLIENT_TIMEOUT": st.just("61"),
        "OCEAN__SSL__THIRD_PARTY__VERIFY": st.sampled_from(["true", "false"]),
        "OCEAN__SSL__PORT__VERIFY": st.just("false"),
        "OCEAN__INTEGRATION__IDENTIFIER": st.sampled_from(["mine", "1.10", "1e5", "true"]),
        "OCEAN__INTEGRATION__TYPE": st.just("Generic-HTTP"),
        "OCEAN__SCHEDULED_RESYNC_INTERVAL": st.sampled_from(["60", "1h", "1e+02", "0 */1 * * *"]),
        "OCEAN__EVENT_LISTENER": st.sampled_from(['{"type":"ONCE"}', '{"type":"POLLING","resyncOnStart":false}']),
        "OCEAN__LOG_LEVEL": st.just("debug"),
        "APPLICATION__PORT": st.just("9000"),
        "OCEAN__SEND_RAW_DATA_EXAMPLES": st.just("true"),
        "OCEAN__SOMETHING_ELSE": _TEXT,
    }
    environ |= draw(st.fixed_dictionaries({}, optional=optional))
    return environ


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environ=_environments())
def test_what_is_written_of_any_environment_does_the_same_and_has_no_secret(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    result = imported(tmp_path, environ)

    assert_the_same(result, Inputs(environ=environ))
    assert CANARY not in result.text
    assert CANARY not in str((result.fates, result.needed, result.notes))
    told = [one.setting for one in result.fates]
    assert sorted(told) == sorted(environ)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_a_published_example_does_the_same(name: str) -> None:
    home, secrets = EXAMPLES / name, {f"{CONFIG}API_TOKEN": CANARY, **PORT}
    if name == "canny":
        secrets = {f"{CONFIG}BASE_URL": f"https://canny.io/api/v1?apiKey={CANARY}"}
    values = home / "values.yaml"
    variables = rendered(yaml.safe_load(values.read_text(encoding="utf-8"))) if values.exists() else {}
    env_files = () if values.exists() else (home / "ocean.env",)
    mapping = home / "port-app-config.yml"

    result = imported(home, secrets, env_files=env_files, mapping=mapping)

    dotenv = None if values.exists() else home / "ocean.env"
    assert_the_same(result, Inputs(mapping_file=mapping, environ=variables | secrets, dotenv=dotenv))
    assert CANARY not in result.text
    assert result.settings.resources


@given(value=st.recursive(st.one_of(_WORDS, _TEXT), lambda inner: st.lists(inner, max_size=3), max_leaves=4))
@settings(max_examples=40, deadline=None)
def test_values_of_requests_arrive_as_they_are(value: object) -> None:
    selector = {"body": {"text": value, "${A}": "x"}, "query_params": {"a": "${B}"}}
    text = json.dumps({"resources": [_resource(selector)]}, ensure_ascii=False)
    folder = Path(__file__).parent / "nowhere"
    environ = {**BASE, f"{CONFIG}MAPPINGS": text.replace("${", "$${")}

    assert_the_same(imported(folder, environ), Inputs(environ=environ))


def _resource(selector: Mapping[str, object]) -> dict[str, object]:
    entity = {"mappings": {"identifier": ".id", "blueprint": '"user"'}}
    return {"kind": "/users", "selector": selector, "port": {"entity": entity}}


def test_a_mapping_is_written_so_that_its_texts_stay_texts(tmp_path: Path) -> None:
    mapping = tmp_path / "port-app-config.yml"
    mapping.write_text(
        "resources:\n"
        "  - kind: /users\n"
        "    selector: {query: 'true', incremental: {field: .at, param: '${WHO}'},\n"
        "      headers: {X-Price: '${5}'}, queryParams: {since: '1.10', n: 1.1}, nonsense: 1}\n"
        "    port:\n"
        "      entity:\n"
        "        mappings:\n"
        "          identifier: .id\n"
        "          blueprint: '\"user\"'\n"
        "          properties: {text: '.a // .b', constant: 1.10}\n",
        encoding="utf-8",
    )
    environ = {f"{CONFIG}BASE_URL": "https://api.test"}

    result = imported(tmp_path, environ)

    assert_the_same(result, Inputs(environ=environ, mapping_file=mapping))
    assert "nonsense" not in result.text
    nonsense = fate(result, "resources[0].selector.nonsense")
    assert nonsense[1:4] == (f"{mapping}:4", "unknown", "")
    assert nonsense.remark.startswith("there is no such setting")


# where settings may be

CONFIG_YAML = """\
initializePortResources: false
scheduled_resync_interval: 60
eventListener: {type: ONCE}
port:
  clientId: "{{ from env PORT_ID }}"
  clientSecret: "{{ from env PORT_SECRET }}"
integration:
  identifier: "{{ from env NOWHERE_ID }}"
  type: custom
  config:
    baseUrl: https://api.test
    authType: bearer_token
    apiToken: c4nary-8f3b1d-in-the-file
    pageSize: 50
    paginationType: offset
"""


def test_a_config_yaml_is_read_with_its_variables(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG_YAML)
    (tmp_path / ".env").write_text(f"PORT_ID={CANARY}id\n")

    result = imported(tmp_path, {"PORT_SECRET": f"{CANARY}secret"})

    config: Any = result.settings.sink.config
    assert config.client_id.get_secret_value() == f"{CANARY}id"
    assert config.initialize_port_resources is False
    document = yaml.safe_load(result.text)
    assert document["sink"]["clientId"] == "${PORT_ID}"
    assert document["sink"]["clientSecret"] == "${PORT_SECRET}"
    assert document["source"] == document["sink"]["integrationIdentifier"] == "${NOWHERE_ID}"
    assert document["connection"]["apiToken"] == f"${{{CONFIG}API_TOKEN}}"
    assert (document["scheduledResyncInterval"], document["eventListener"]) == (60, {"type": "ONCE"})
    assert set(result.needed) == {"PORT_ID", "PORT_SECRET", "NOWHERE_ID", f"{CONFIG}API_TOKEN"}
    assert result.needed["NOWHERE_ID"] == "not known here"
    assert result.needed[f"{CONFIG}API_TOKEN"] == f"{tmp_path / 'config.yaml'}:13"
    assert CANARY not in result.text


def test_the_environment_is_stronger_than_env_and_that_than_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "integration: {config: {baseUrl: https://file.test, timeout: 1, maxConcurrentRequests: 3}}\n"
    )
    (tmp_path / ".env").write_text(f"{CONFIG}TIMEOUT=2\n{CONFIG}BASE_URL=https://dotenv.test\n")
    (tmp_path / "port-app-config.yml").write_text(MAPPING)

    result = imported(tmp_path, {f"{CONFIG}BASE_URL": "https://process.test"})

    http = result.settings.connection.http
    assert (http.base_url, http.timeout, http.max_concurrent_requests) == ("https://process.test", 2, 3)
    overridden = {one.where.rpartition("/")[2]: one.remark for one in result.fates if one.outcome == "overridden"}
    assert overridden == {
        "config.yaml:1": overridden["config.yaml:1"],
        ".env:2": f"environment {CONFIG}BASE_URL is stronger",
    }


def test_the_environment_of_the_command_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{CONFIG}BASE_URL=https://dotenv.test\n")
    (tmp_path / "port-app-config.yml").write_text(MAPPING)
    variables = {f"{CONFIG}BASE_URL": "https://process.test"}

    taken = penstock("import", "ocean", "-o", "-", folder=tmp_path, variables=variables)
    left = penstock("import", "ocean", "-o", "-", "--no-environment", folder=tmp_path, variables=variables)

    assert "baseUrl: https://process.test" in taken.out
    assert "baseUrl: https://dotenv.test" in left.out


def test_a_mapping_in_the_folder_does_not_take_the_place_of_the_one_that_port_keeps(tmp_path: Path) -> None:
    (tmp_path / "port-app-config.yml").write_text(MAPPING)
    environ = {f"{CONFIG}BASE_URL": "https://api.test", **PORT}

    kept = imported(tmp_path, environ)
    named = imported(tmp_path, environ, mapping=tmp_path / "port-app-config.yml")

    assert "resources" not in yaml.safe_load(kept.text)
    assert "the mapping at Port counts" in fate(kept, str(tmp_path / "port-app-config.yml")).remark
    assert len(yaml.safe_load(named.text)["resources"]) == 1


def test_resources_for_port_are_told_one_by_one(tmp_path: Path) -> None:
    folder = tmp_path / ".port" / "resources"
    folder.mkdir(parents=True)
    (folder / "port-app-config.yaml").write_text(MAPPING)
    for name in ("blueprints", "actions", "pages"):
        (folder / f"{name}.json").write_text("[]")
    base = {f"{CONFIG}BASE_URL": "https://api.test"}

    into_port, elsewhere = imported(tmp_path, base | PORT), imported(tmp_path, base)

    assert fate(into_port, "blueprints.json")[2:4] == ("kept", "sink.resourcesPath")
    assert fate(into_port, "port-app-config.yaml")[2:4] == ("kept", "sink.resourcesPath")
    assert fate(into_port, "actions.json").outcome == fate(into_port, "pages.json").outcome == "no effect"
    assert fate(elsewhere, "port-app-config.yaml")[2:4] == ("kept", "resources")
    assert fate(elsewhere, "blueprints.json").outcome == "no effect"


# secrets


class Hidden(NamedTuple):
    """A secret somewhere, and the variable that must be set for it."""

    environ: dict[str, str]
    needed: set[str]


SECRET_PLACES = {
    "a token": Hidden({f"{CONFIG}AUTH_TYPE": "bearer_token", f"{SECRETS}TOKEN": f"{CANARY}1"}, {f"{SECRETS}TOKEN"}),
    "a pair": Hidden({f"{CONFIG}AUTH_TYPE": "basic", f"{CONFIG}AUTH_VALUE": f"joe:{CANARY}1"}, {f"{CONFIG}PASSWORD"}),
    "a key as user": Hidden({f"{CONFIG}AUTH_TYPE": "basic", f"{CONFIG}USERNAME": f"{CANARY}1"}, {f"{CONFIG}USERNAME"}),
    "the address": Hidden({f"{CONFIG}BASE_URL": f"https://api.test/v1?apiKey={CANARY}1"}, {f"{CONFIG}BASE_URL"}),
    "a JSON object of settings": Hidden(
        {"OCEAN__INTEGRATION__CONFIG": json.dumps({"authType": "api_key", "apiKey": f"{CANARY}1"})},
        {f"{CONFIG}API_KEY"},
    ),
    "a header for all": Hidden(
        {
            f"{CONFIG}CUSTOM_HEADERS": json.dumps({"X-Tenant": f"{CANARY}1", "X-Same": "Bearer ${TENANT}"}),
            "TENANT": "t",
        },
        {"CUSTOM_HEADERS_X_TENANT", "TENANT"},
    ),
    "a request for a token": Hidden(
        {
            f"{CONFIG}AUTH_TYPE": "custom",
            f"{CONFIG}CUSTOM_AUTH_REQUEST": json.dumps({"endpoint": "/t", "body": {"clientSecret": f"{CANARY}1"}}),
            f"{CONFIG}CUSTOM_AUTH_RESPONSE": json.dumps(
                {"headers": {"Authorization": "Bearer {{.t}}", "X-Key": f"{CANARY}2"}}
            ),
        },
        {"CUSTOM_AUTH_REQUEST_BODY_CLIENT_SECRET", "CUSTOM_AUTH_REQUEST_TEMPLATE_HEADERS_X_KEY"},
    ),
    "a mapping": Hidden(
        {
            f"{CONFIG}MAPPINGS": json.dumps(
                {
                    "resources": [
                        _resource({"headers": {"X-Api-Key": f"{CANARY}1"}, "query_params": {"token": f"{CANARY}2"}})
                    ]
                }
            )
        },
        {"HEADERS_X_API_KEY", "QUERY_PARAMS_TOKEN"},
    ),
    "Port": Hidden(PORT, set(PORT)),
}


@pytest.mark.parametrize("hidden", SECRET_PLACES.values(), ids=SECRET_PLACES)
def test_a_secret_is_never_written_and_its_variable_is_told(tmp_path: Path, hidden: Hidden) -> None:
    environ = BASE | hidden.environ

    result = imported(tmp_path, environ)

    assert_the_same(result, Inputs(environ=environ))
    assert set(result.needed) == hidden.needed
    assert set(re.findall(r"\$\{(\w+)\}", result.text.partition("\n")[2])) == hidden.needed
    assert CANARY not in str((result.text, result.fates, result.needed, result.notes))


def test_a_secret_in_the_path_of_a_request_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "port-app-config.yml").write_text(MAPPING.replace("/users", f"/users?api_key={CANARY}1"))

    with pytest.raises(ConfigurationError) as caught:
        imported(tmp_path, {f"{CONFIG}BASE_URL": "https://api.test"})

    message = "holds a secret where no variable can stand; put it into selector.query_params or headers"
    assert str(caught.value) == f"{tmp_path / 'port-app-config.yml'}:3: resources[0].kind: {message}"


def test_a_missing_secret_is_a_variable_to_set_and_no_reason_to_give_up(tmp_path: Path) -> None:
    result = imported(tmp_path, {**BASE, f"{CONFIG}AUTH_TYPE": "api_key"})

    assert yaml.safe_load(result.text)["connection"]["apiKey"] == f"${{{CONFIG}API_KEY}}"
    assert result.needed == {f"{CONFIG}API_KEY": "not known here"}


# bad input


BAD: dict[str, tuple[dict[str, str], str]] = {
    "nothing": (
        {},
        (
            ".: nothing of Ocean is here: expected .env, config.yaml, values.yaml or port-app-config.yml in the "
            "folder, or OCEAN__ variables; --env-file, --helm-values and --mapping name files elsewhere"
        ),
    ),
    "a word that is none": (
        {
            ".env": f"\n{CONFIG}BASE_URL=https://a.test\n{CONFIG}PAGINATION_TYPE=curser\n",
            "port-app-config.yml": MAPPING,
        },
        (
            f'.env:3 {CONFIG}PAGINATION_TYPE: connection.paginationType: no pagination plugin is called "curser"; '
            'did you mean "cursor"? (installed: cursor, custom, header_link, next_link, none, offset, page)'
        ),
    ),
    "no number": (
        {"values.yaml": "integration:\n  config:\n    baseUrl: https://a.test\n    timeout: soon\n"},
        "values.yaml:4 integration.config.timeout: connection.timeout: expected a number",
    ),
    "no YAML": (
        {"values.yaml": "port: [\n"},
        "values.yaml:2: the file is not YAML: while parsing a flow node, did not find expected node content",
    ),
    "a list": ({"config.yaml": "- a\n"}, "config.yaml:1: expected a mapping of settings"),
    "no mapping": (
        {".env": f"{CONFIG}BASE_URL=https://a.test\n"},
        "resources: is required: what to fetch, here or in a file given with --mapping",
    ),
    "a value that is elsewhere": (
        {".env": f"{CONFIG}BASE_URL=https://a.test\n{CONFIG}TIMEOUT\n", "port-app-config.yml": MAPPING},
        f".env:2 {CONFIG}TIMEOUT: connection.timeout: has no value here: set {CONFIG}TIMEOUT for the import",
    ),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD)
def test_bad_input_has_one_message_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        Path(name).write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        imported(Path())

    assert str(caught.value) == message


# the command


def test_the_command_writes_the_file_says_what_became_of_each_setting_and_leaves_a_file_that_is_there(
    tmp_path: Path,
) -> None:
    shutil.copy(EXAMPLES / "slack" / "ocean.env", tmp_path / ".env")
    shutil.copy(EXAMPLES / "slack" / "port-app-config.yml", tmp_path)
    with (tmp_path / ".env").open("a") as file:
        file.write(f"OCEAN__LAKEHOUSE_ENABLED=true\n{CONFIG}PAGE_SIZ=1\n")

    first = penstock("import", "ocean", "--report", "fates.json", folder=tmp_path)
    again = penstock("import", "ocean", folder=tmp_path)
    forced = penstock("import", "ocean", "--force", "--quiet", folder=tmp_path)

    assert (first.code, again.code, forced.code) == (0, 2, 0)
    assert again.err == "--output: penstock.yml is there already; it was left as it is (--force replaces it)\n"
    assert (first.out, forced.err) == ("", "")
    lines = first.err.splitlines()
    assert ".env:8: OCEAN__INTEGRATION__CONFIG__PAGE_SIZE: kept as connection.pageSize" in lines
    assert ".env:9: OCEAN__INTEGRATION__CONFIG__CURSOR_PARAM: renamed to connection.paginationParam" in lines
    assert (
        ".env:11: OCEAN__LAKEHOUSE_ENABLED: no effect here: records are mapped here, as in the mode ocean-core"
    ) in lines
    assert (
        '.env:12: OCEAN__INTEGRATION__CONFIG__PAGE_SIZ: unknown: there is no such setting; did you mean "pageSize"?'
    ) in lines
    assert "  OCEAN__INTEGRATION__CONFIG__API_TOKEN (not known here)" in lines
    report = json.loads((tmp_path / "fates.json").read_text())
    assert {"setting", "where", "outcome", "target", "remark"} == set(report["settings"][0])
    assert report["needed"] == [{"variable": f"{CONFIG}API_TOKEN", "value_is": "not known here"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "-", "--report", "-"), "--report: stdout is taken by --output -; name a file"),
        (("-o", "./a.yml", "--report", "a.yml"), "--report: a.yml is the file of --output; name another one"),
        (("nowhere",), "FOLDER: there is no folder nowhere"),
        (("-o", "no/penstock.yml"), "--output: the folder no does not exist"),
        (("--env-file", "no.env"), "no.env: cannot be read: No such file or directory"),
        (("--helm-values", "no.yaml"), "no.yaml: cannot be read: No such file or directory"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = penstock("import", "ocean", *arguments, folder=tmp_path)

    assert (ran.code, ran.err) == (2, f"{message}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["values.yaml", "config.yaml", "port-app-config.yml", ".env"])
def test_a_folder_where_a_file_was_meant_is_named(tmp_path: Path, name: str) -> None:
    """An engine makes one for a file that is not there to be mounted."""
    (tmp_path / name).mkdir()

    ran = penstock("import", "ocean", folder=tmp_path, variables={f"{CONFIG}BASE_URL": "https://api.test"})

    assert ran.code == 2
    assert f"{name}: cannot be read: Is a directory" in ran.err


def test_whose_credentials_are_elsewhere_is_told_that_the_mapping_may_be_at_port(tmp_path: Path) -> None:
    ran = penstock("import", "ocean", folder=tmp_path, variables={f"{CONFIG}BASE_URL": "https://api.test"})

    assert ran.code == 2
    assert "OCEAN__PORT__CLIENT_ID and OCEAN__PORT__CLIENT_SECRET must be among what is imported" in ran.err
