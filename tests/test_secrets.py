"""No secret shows, whatever goes wrong: not on the terminal, not in a report, not in a file (connection.md C24).

What each auth sends is in secrets/test_canary.py; here are the base URL, the mapping, and settings that are wrong.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner

from penstock.cli.app import app
from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager
from support.commands import config_for, write_config
from support.project import resource
from support.server import Received, Reply, serve

TOKEN = 'Zq7Bear1+/"&=x-long-enough-to-be-cut-somewhere'
PASSWORD = "Kw3Pass9:/@#%z"
KEY = "Vx5Apik2?&=+y"
HEADER = "Jy8Head4;'q/"
PROXY = "Mt6Prox0!k9"
USER_INFO = "Rb4Base7!p2"
QUERY = "Gd2Quer5k8"
MAPPED = "Nf9Mapp3w7z"
SECRETS = (TOKEN, PASSWORD, KEY, HEADER, PROXY, USER_INFO, QUERY, MAPPED)

AUTHS: dict[str, dict[str, Any]] = {
    "bearer token": {"authType": "bearer_token", "apiToken": TOKEN},
    "basic": {"authType": "basic", "username": "joe", "password": PASSWORD},
    "basic without password": {"authType": "basic", "username": KEY},
    "key in a header": {"authType": "api_key", "apiKey": KEY},
    "key in the query": {"authType": "api_key", "apiKey": KEY, "apiKeyIn": "query", "apiKeyParam": "zz"},
    "own header": {"customHeaders": {"X-Tenant": HEADER}},
    "own header with a scheme": {"customHeaders": {"Authorization": f"Token {HEADER}"}},
    "token request": {
        "authType": "custom",
        "customAuthRequest": {
            "endpoint": f"/login?kk={QUERY}",
            "headers": {"X-Tenant": f"Token {HEADER}"},
            "queryParams": {"zz": [KEY]},
            "body": {"user": "joe", "login": [{"pw": PASSWORD}]},
        },
        "customAuthRequestTemplate": {
            "headers": {"X-Session": "{{ .headers.Host }}", "X-Key": TOKEN},
            "body": {"session": "{{ .target }}"},
        },
    },
    "token request with a form": {
        "authType": "custom",
        "customAuthRequest": {
            "endpoint": "/login",
            "bodyForm": f"user=joe&pw={quote(PASSWORD, safe='')}&kk={QUERY}",
            "auth": {"authType": "basic", "username": "joe", "password": KEY},
        },
        "customAuthRequestTemplate": {"queryParams": {"session": "{{ .headers | tojson }}"}},
    },
}
COMMANDS = {
    "sync": ("sync", "-v", "--report", "report.json"),
    "check": ("check", "-v"),
    "preview": ("preview", "/users", "-v"),
    "preview as JSON": ("preview", "/users", "--format", "json"),
}


def _spellings(secret: str) -> Iterator[str]:
    """Iterate over what must not be found: the secret and its first characters, also in base64."""
    yield from (secret, secret[:8], quote(secret, safe=""), quote_plus(secret), html.escape(secret))
    for before in ("", "x", "xx"):
        encoded = b64encode((before + secret).encode()).decode()
        yield encoded[(0, 2, 3)[len(before)] :][:10]


def _assert_hidden(folder: Path, *texts: str) -> None:
    files = {file.name: file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file()}
    files.pop("penstock.yml", None)
    places = {**files, **{f"output {number}": text for number, text in enumerate(texts)}}
    found = [(name, part) for name, text in places.items() for s in SECRETS for part in _spellings(s) if part in text]
    assert found == []


def _run(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(arguments))
    return ran.exit_code, ran.output + ran.stdout + ran.stderr


def _asked(request: Received) -> str:
    return f"{request.target} {dict(request.headers.items())}"


def _echo(status: int) -> Callable[[Received], Reply]:
    return lambda request: Reply({"target": request.target, "headers": dict(request.headers.items())}, status)


def _page(status: int) -> Callable[[Received], Reply]:
    return lambda request: Reply(
        f"<p>{_asked(request)} {html.escape(_asked(request))}</p>".encode(), status, {"Content-Type": "text/html"}
    )


def _records(request: Received) -> Reply:
    """One record that holds what was asked, in a body, a header and a next link that leads in a circle."""
    headers = {"X-Asked": _asked(request), "Link": f'<{request.target}>; rel="next"'}
    return Reply([{"id": 1, "name": "Ada", "asked": _asked(request)}], headers=headers)


def _to(place: str) -> Callable[[Received], Reply]:
    return lambda request: Reply(b"", 302, {"Location": place + quote(_asked(request), safe="")})


ANSWERS: dict[str, Callable[[Received], Reply]] = {
    "401": _echo(401),
    "403 in HTML": _page(403),
    "500": _echo(500),
    "500 in HTML": _page(500),
    "429 for hours": lambda request: Reply(_asked(request), 429, {"Retry-After": "9999"}),
    "200 in HTML": _page(200),
    "200 without records": _echo(200),
    "200 that says it failed": lambda request: Reply({"ok": False, "error": _asked(request)}),
    "200 with what was asked": _records,
    "redirect to another origin": _to("http://localhost:9/?asked="),
    "redirect to nowhere": _to("ftp://localhost/?asked="),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def _users(selector: Mapping[str, Any] | None = None) -> dict[str, Any]:
    users = resource("/users", selector=selector)
    users["port"]["entity"]["mappings"]["properties"] = {"number": ".asked | tonumber"}
    return users


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_secrets_of_the_base_url_and_of_the_mapping_stay_hidden_too(
    answer: Callable[[Received], Reply], command: tuple[str, ...], folder: Path
) -> None:
    selector = {"headers": {"X-Api-Key": MAPPED, "Cookie": f"sid={MAPPED}"}, "query_params": {"token": MAPPED}}
    with serve(answer) as api:
        base_url = api.url.replace("http://", f"http://joe:{quote(USER_INFO, safe='')}@") + f"/v1?kk={QUERY}"
        write_config(folder, config_for(base_url, [_users(selector)], maxRetries=0))
        _, output = _run(*command)

    assert api.received
    _assert_hidden(folder, output)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_cannot_be_reached_brings_no_secret_out(scheme: str, command: tuple[str, ...], folder: Path) -> None:
    base_url = f"{scheme}://joe:{quote(USER_INFO, safe='')}@127.0.0.1:1/v1?kk={QUERY}"
    for more in ({}, {"proxy": f"http://joe:{PROXY}@127.0.0.1:2"}):
        connection = {"maxRetries": 0, **AUTHS["key in the query"], "customHeaders": {"X-Tenant": HEADER}, **more}
        write_config(folder, config_for(base_url, [_users()], **connection))
        code, output = _run(*command)

        assert code == 1
        assert "127.0.0.1" in output
        _assert_hidden(folder, output)


def test_what_a_proxy_answers_brings_no_secret_out(folder: Path) -> None:
    with serve(_echo(502)) as proxy:
        connection = {"maxRetries": 0, "proxy": proxy.url.replace("http://", f"http://joe:{PROXY}@")}
        write_config(folder, config_for("http://api.test", [_users()], **connection, **AUTHS["bearer token"]))
        _, output = _run("sync", "-v", "--report", "report.json")

    [request] = proxy.received
    assert b64encode(f"joe:{PROXY}".encode()).decode() in str(request.headers["Proxy-Authorization"])
    assert "502 Bad Gateway" in output
    _assert_hidden(folder, output)


BEARER = {"authType": "bearer_token", "apiToken": TOKEN}
WRONG: dict[str, dict[str, Any]] = {
    "a list": {"authType": "bearer_token", "apiToken": [TOKEN]},
    "a mapping": {"authType": "bearer_token", "apiToken": {"token": TOKEN}},
    "two lines": {"authType": "bearer_token", "apiToken": f"{TOKEN}\n"},
    "no ASCII": {"authType": "bearer_token", "apiToken": f"{TOKEN}é"},
    "type of auth": {"authType": TOKEN},
    "type of pagination": {**BEARER, "paginationType": TOKEN},
    "a number": {**BEARER, "maxPages": TOKEN},
    "a user name": {"authType": "basic", "username": f"joe:{PASSWORD}"},
    "a value of basic": {"authType": "basic", "authValue": PASSWORD.replace(":", "")},
    "a place": {"authType": "api_key", "apiKey": KEY, "apiKeyIn": KEY},
    "a header's name": {"authType": "api_key", "apiKey": KEY, "apiKeyHeader": f"X: {KEY}"},
    "headers as a list": {"customHeaders": [HEADER]},
    "headers as text": {"customHeaders": f"X-Tenant: {HEADER}"},
    "a header of two lines": {"customHeaders": {"X-Tenant": f"{HEADER}\nX-Other: {HEADER}"}},
    "a header without ASCII": {"customHeaders": {"X-Tenant": f"{HEADER}é"}},
    "a header's name of own": {"customHeaders": {f"X-Tenant: {HEADER}": ""}},
    "a proxy without host": {"proxy": f"http://joe:{PROXY}@"},
    "a proxy without number": {"proxy": f"http://joe:{PROXY}@proxy.test:port"},
    "a proxy of another kind": {"proxy": f"socks5://joe:{PROXY}@proxy.test:1080"},
    "a base URL without scheme": {"baseUrl": f"joe:{USER_INFO}@api.test"},
    "a base URL without port": {"baseUrl": f"http://joe:{USER_INFO}@api.test:port"},
    "an origin": {"allowedOrigins": [f"https://joe:{USER_INFO}@api.test"]},
    "an unknown setting": {"tokenn": TOKEN},
    "a block": {"pagination": TOKEN},
    "a variable": {"authType": "bearer_token", "apiToken": f"${{{TOKEN}}}"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_secret_in_the_wrong_place_or_of_the_wrong_type_is_not_repeated(
    wrong: Mapping[str, Any], folder: Path
) -> None:
    write_config(folder, config_for("http://127.0.0.1:1", [_users()], **wrong))
    if "baseUrl" in wrong:
        write_config(folder, {"connection": wrong, "resources": [_users()]})
    code, output = _run("sync", "-v")

    assert code == 2
    assert "connection." in output
    _assert_hidden(folder, output)


@pytest.mark.parametrize("mark", ["*", "!", "&", "%", "@", "x: ", "'a'", "- "])
def test_a_secret_that_needs_quotes_in_yaml_is_not_repeated(mark: str, folder: Path) -> None:
    text = f"connection:\n  baseUrl: http://127.0.0.1:1\n  authType: bearer_token\n  apiToken: {mark}{KEY[:8]}\n"
    (folder / "penstock.yml").write_text(f"{text}resources: []\n")
    code, output = _run("check", "-v")

    assert code == 2
    assert "penstock.yml" in output
    _assert_hidden(folder, output)


@pytest.mark.parametrize(
    "selector",
    [
        {"method": "POST", "body": '{"password": "${MAPPED}",,}'},
        {"method": "POST", "body": '{"password": ("${MAPPED}" | tonumber)}'},
        {"query_params": {"q": '{{ "${MAPPED}" | }}'}},
        {"headers": ["${MAPPED}"]},
        {"headers": {"X-Tenant": "${MAPPED}\nX-Other: 1"}},
        {"headers": {"X-Tenant": "${MAPPED}é"}},
    ],
)
def test_a_variable_in_a_wrong_request_is_not_repeated(
    selector: Mapping[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPED", MAPPED)
    write_config(folder, config_for("http://127.0.0.1:1", [_users(selector)]))
    code, output = _run("sync", "-v")

    assert code == 2
    assert "penstock.yml:1: resources[0].selector." in output
    _assert_hidden(folder, output)


PUT_IN: dict[str, dict[str, Any]] = {
    "query": {"query_params": {"appid": "${MAPPED}"}},
    "part of a text": {"query_params": {"q": ["id:${MAPPED}"]}},
    "header": {"headers": {"X-Sess": "${MAPPED}"}},
    "header with a scheme": {"headers": {"X-Sess": "Sess ${MAPPED}"}},
    "body": {"method": "POST", "body": {"filter": [{"appid": "${MAPPED}"}]}},
    "query of an endpoint": {"endpoint": "/users?appid=${MAPPED}"},
    "body as text": {"method": "POST", "body": '{"appid": "${MAPPED}"}'},
}


def _said_back(request: Received) -> Reply:
    return Reply({"asked": _asked(request), "body": request.body.decode()}, 400)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("place", PUT_IN.values(), ids=PUT_IN)
@pytest.mark.parametrize("answer", [_said_back, _records], ids=["an error", "records"])
def test_what_a_variable_puts_into_a_request_is_hidden_whatever_it_is_called_there(
    answer: Callable[[Received], Reply],
    place: Mapping[str, Any],
    command: tuple[str, ...],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAPPED", MAPPED)
    discovered = {"endpoint": "/teams", "field": ".id", **place}
    teams = resource("/teams/{team}/users", selector={"path_parameters": {"team": discovered}})
    with serve(answer) as api:
        write_config(folder, config_for(api.url, [_users(place), teams], maxRetries=0))
        _, output = _run(*command)

    assert any(MAPPED in _asked(request) + request.body.decode() for request in api.received)
    _assert_hidden(folder, output)


@pytest.mark.parametrize("value", ["100", "true", "desc", "127.0.0.1", "test"])
def test_an_ordinary_value_that_a_variable_puts_into_a_request_leaves_messages_readable(
    value: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPED", value)
    with serve(lambda _: Reply({"error": f"no {value} today"}, 400)) as api:
        place = {"query_params": {"appid": "${MAPPED}"}, "headers": {"X-Of": "${MAPPED}"}}
        write_config(folder, config_for(api.url, [_users(place)], maxRetries=0))
        _, output = _run("sync")

    assert f"no {value} today" in output
    assert api.url in output


def test_a_secret_in_the_kind_is_masked_in_its_label(folder: Path) -> None:
    with serve(_echo(200)) as api:
        write_config(folder, config_for(api.url, [resource(f"/users?api_key={KEY[:8]}&page=1")], maxRetries=0))
        _, output = _run("sync", "-v", "--report", "report.json")
        code, again = _run("check", "--only", "/users?api_key=***&page=1")

    assert api.targets() == [f"/users?api_key={KEY[:8]}&page=1"] * 2
    assert "/users?api_key=***&page=1" in output
    assert code == 1
    _assert_hidden(folder, output, again)


def test_commands_that_only_look_show_no_secret_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK__CONNECTION__API_TOKEN", TOKEN)
    monkeypatch.setenv("PENSTOCK__CONNECTION__BASE_URL", f"http://joe:{USER_INFO}@api.test")
    for arguments in (("schema",), ("plugins",), ("plugins", "show", "bearer_token"), ("plugins", "--format", "json")):
        code, output = _run(*arguments)
        assert code == 0
        _assert_hidden(folder, output)


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_settings_show_no_secret(auth: Mapping[str, Any], folder: Path) -> None:
    selector = {
        "headers": {"X-Api-Key": MAPPED},
        "query_params": {"q": MAPPED},
        "body": {"b": MAPPED},
        "method": "POST",
    }
    base_url = f"http://joe:{USER_INFO}@api.test/v1?kk={QUERY}"
    config = config_for(base_url, [_users(selector)], **auth, proxy=f"http://joe:{PROXY}@proxy.test")
    inputs = Inputs(config_file=write_config(folder, config))

    settings = load_settings(inputs, PluginManager(disabled=()))

    _assert_hidden(folder, repr(settings), str(settings), json.dumps([repr(r) for r in settings.resources]))
