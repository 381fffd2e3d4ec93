"""The stand-in for Port refuses what Port's published rules refuse, and does what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from fakes.port import define, port
from penstock.demo.port.faults import Fault, Name
from penstock.demo.port.server import PortStandIn

AGENT = "port-ocean/custom/1.0/{}/exporter"
FLAGS = "upsert=true&merge={merge}&create_missing_related_entities={create}"


class Caller:
    """Somebody with a token."""

    def __init__(self, standin: PortStandIn) -> None:
        self.standin = standin
        self.http = httpx.Client(base_url=f"{standin.url}/v1", trust_env=False)
        self.login()

    def login(self) -> None:
        credentials = {"clientId": self.standin.client_id, "clientSecret": self.standin.client_secret}
        token = self.http.post("/auth/access_token", json=credentials).json()
        self.http.headers["Authorization"] = f"{token['tokenType']} {token['accessToken']}"

    def call(self, method: str, path: str, body: object = None, owner: str = "ours") -> tuple[int, Any]:
        headers = {"User-Agent": AGENT.format(owner)}
        answer = self.http.request(method, path, content=json.dumps(body), headers=headers)
        return answer.status_code, answer.json()

    def bulk(
        self, blueprint: str, *entities: object, merge: bool = True, create: bool = True, owner: str = "ours"
    ) -> tuple[int, Any]:
        flags = FLAGS.format(merge=str(merge).lower(), create=str(create).lower())
        path = f"/blueprints/{quote(blueprint, safe='')}/entities/bulk?{flags}"
        return self.call("POST", path, {"entities": list(entities)}, owner)


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        define(running, "team", {"size": {"type": "number"}})
        define(
            running,
            "user",
            {"mail": {"type": "string", "format": "email"}, "level": {"type": "string", "enum": ["a", "b"]}},
            {"team": {"target": "team"}, "groups": {"target": "team", "many": True}},
        )
        define(running, "badge", relations={"owner": {"target": "user", "required": True}})
        yield running


@pytest.fixture
def caller(standin: PortStandIn) -> Iterator[Caller]:
    found = Caller(standin)
    yield found
    found.http.close()


def one(identifier: str = "ada", **more: object) -> dict[str, object]:
    return {"identifier": identifier, **more}


def test_a_token_is_given_for_the_right_credentials_only_and_expires(standin: PortStandIn, caller: Caller) -> None:
    assert caller.call("POST", "/auth/access_token", {"clientId": "x", "clientSecret": "y"})[0] == 401
    assert caller.call("GET", "/organization")[0] == 200
    standin.expire_tokens()
    assert caller.call("GET", "/organization")[0] == 401


@pytest.mark.parametrize(
    ("entities", "says"),
    [
        ([one("a b")], "identifier must match pattern"),
        ([one(".")], "identifier must match pattern"),
        ([{"identifier": 7}], "identifier must match pattern"),
        ([one(title=1)], "title must be string"),
        ([one(relations={"team": 1})], "team must be string, array of strings"),
        ([one(more=1)], "additional property"),
        ([], "1 to 20 items"),
        ([one(str(number)) for number in range(21)], "1 to 20 items"),
    ],
)
def test_what_breaks_the_schema_of_the_route_fails_the_whole_call(
    caller: Caller, entities: list[object], says: str
) -> None:
    status, body = caller.bulk("user", *entities, *([one("good")] if 0 < len(entities) < 20 else []))

    assert (status, says in body["message"]) == (422, True)
    assert not caller.standin.entities.of("user")


@pytest.mark.parametrize(
    ("entity", "status", "says"),
    [
        (one(properties={"mail": "x"}), 422, 'must match format "email"'),
        (one(properties={"mail": 7}), 422, "must be string"),
        (one(properties={"level": "c"}), 422, "allowed values: a, b"),
        (one(properties={"more": 1}), 422, 'additional property "more"'),
        (one(relations={"boss": "x"}), 422, 'additional relation "boss"'),
        (one(relations={"team": ["x"]}), 422, "must be string"),
        (one(relations={"groups": "x"}), 422, "must be array"),
        (one(relations={"team": "nowhere"}), 404, 'target entity "nowhere" of blueprint "team" does not exist'),
        (one(relations={"team": {"combinator": "and", "rules": []}}), 404, "matches 0 entities"),
    ],
)
def test_what_breaks_the_blueprint_fails_one_entity(caller: Caller, entity: object, status: int, says: str) -> None:
    code, body = caller.bulk("user", one("first"), entity, one("last"), create=False)

    assert code == 207
    assert [done["index"] for done in body["entities"]] == [0, 2]
    [error] = body["errors"]
    assert (error["index"], error["identifier"], error["statusCode"]) == (1, "ada", status)
    assert says in error["message"]


def test_merging_keeps_what_is_not_sent_and_replacing_clears_it(caller: Caller) -> None:
    caller.bulk("user", one(title="Ada", properties={"mail": "a@b.co", "level": "a"}))
    caller.bulk("user", one(properties={"level": None}))
    ada = caller.standin.entities.of("user")["ada"]
    assert (ada.title, ada.properties) == ("Ada", {"mail": "a@b.co", "level": None})

    caller.bulk("user", one(properties={"level": "b"}), merge=False)
    assert (ada.title, ada.properties) == (None, {"level": "b"})


def test_missing_targets_are_made_bare_if_asked_and_belong_to_who_asked(caller: Caller) -> None:
    assert caller.bulk("user", one(relations={"team": "core", "groups": ["x", "y"]}))[0] == 200

    assert {name: team.datasource for name, team in caller.standin.entities.of("team").items()} == dict.fromkeys(
        ("core", "x", "y"), AGENT.format("ours")
    )


def test_searches_name_entities_and_targets(caller: Caller) -> None:
    caller.bulk("team", one("core", properties={"size": 3}))
    query = {"combinator": "and", "rules": [{"property": "size", "operator": "=", "value": 3}]}
    caller.bulk("user", one(relations={"team": query}))
    status, body = caller.bulk("team", {"identifier": query, "title": "Core"})

    assert (status, body["entities"][0]["identifier"]) == (200, "core")
    assert caller.standin.entities.of("user")["ada"].relations == {"team": "core"}
    none = {"combinator": "and", "rules": [{"property": "size", "operator": "=", "value": 9}]}
    [error] = caller.bulk("team", {"identifier": none})[1]["errors"]
    assert (error["identifier"], error["statusCode"]) == ("unknown", 404)


def test_what_others_require_is_deleted_with_them_or_not_at_all(caller: Caller) -> None:
    caller.bulk("user", one("ada"), one("bob"))
    caller.bulk("badge", one("b1", relations={"owner": "ada"}))
    path = "/blueprints/user/bulk/entities/delete?delete_dependents="

    assert caller.call("POST", f"{path}false", {"entities": ["bob", "ada"]})[0] == 409
    assert set(caller.standin.entities.of("user")) == {"ada", "bob"}
    status, body = caller.call("POST", f"{path}true", {"entities": ["ada", "nobody"]})
    assert (status, body["deletedEntities"]) == (200, ["ada"])
    assert not caller.standin.entities.of("badge")


def test_what_a_source_wrote_last_is_its_own(caller: Caller) -> None:
    caller.bulk("user", one("ada"), one("bob"), one("cid"))
    caller.bulk("user", one("bob"), owner="theirs")
    asked = {"datasource_prefix": "port-ocean/custom/", "datasource_suffix": "/ours/exporter", "limit": 1}
    path = "/blueprints/entities/datasource-entities"

    first = caller.call("POST", path, asked)[1]
    second = caller.call("POST", path, {**asked, "from": first["next"]})[1]

    assert [body["entities"][0]["identifier"] for body in (first, second)] == ["ada", "cid"]
    assert second["next"] is None
    assert caller.call("POST", path, {**asked, "before": "2000-01-01T00:00:00.000000+00:00"})[1]["entities"] == []


def test_a_search_in_pages_tells_each_match_once(caller: Caller) -> None:
    caller.bulk("user", *(one(f"u{number}", title="odd" if number % 2 else "even") for number in range(9)))
    query = {"combinator": "and", "rules": [{"property": "$title", "operator": "=", "value": "even"}]}
    path = "/blueprints/user/entities/search"
    pages: list[list[str]] = []
    following: str | None = None
    while following is not None or not pages:
        asked = {"query": query, "limit": 2, **({} if following is None else {"from": following})}
        body = caller.call("POST", path, asked)[1]
        pages.append([entity["identifier"] for entity in body["entities"]])
        following = body["next"]

    assert pages == [["u0", "u2"], ["u4", "u6"], ["u8"]]


@pytest.mark.parametrize(
    ("blueprint", "status", "says"),
    [
        ({"identifier": "a b", "title": "A", "schema": {}}, 422, "must match pattern"),
        ({"identifier": "x", "schema": {}}, 422, 'required property "title"'),
        ({"identifier": "x", "title": "", "schema": {}}, 422, "1 to 100 characters"),
        ({"identifier": "user", "title": "A", "schema": {}}, 409, "already exists"),
        ({"identifier": "x", "title": "X", "schema": {"properties": {"a b": {"type": "string"}}}}, 422, '"a b"'),
        ({"identifier": "x", "title": "X", "schema": {"properties": {"a": {"type": "date"}}}}, 422, "a/type"),
        (
            {"identifier": "x", "title": "X", "schema": {"properties": {"a": {"type": "string", "format": "date"}}}},
            422,
            "a/format",
        ),
        (
            {"identifier": "x", "title": "X", "schema": {}, "relations": {"y": {"target": "nowhere"}}},
            404,
            '"nowhere" does not exist',
        ),
        (
            {
                "identifier": "x",
                "title": "X",
                "schema": {},
                "relations": {"y": {"target": "team", "many": True, "required": True}},
            },
            422,
            "cannot both be true",
        ),
        (
            {"identifier": "x", "title": "X", "schema": {}, "mirrorProperties": {"m": {"path": "boss.title"}}},
            422,
            'no relation "boss"',
        ),
    ],
)
def test_a_blueprint_that_breaks_a_rule_is_refused(caller: Caller, blueprint: object, status: int, says: str) -> None:
    code, body = caller.call("POST", "/blueprints", blueprint)

    assert (code, says in body["message"]) == (status, True), body


def test_a_body_beyond_one_mebibyte_is_too_large(caller: Caller) -> None:
    assert caller.bulk("user", one(title="x" * 2**20))[0] == 413


def test_the_limit_of_requests_is_told_and_kept(standin: PortStandIn, caller: Caller) -> None:
    standin.limits.requests = 3  # of which the token was one
    answers = [caller.http.get("/organization") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]


@pytest.mark.parametrize(
    ("name", "status"), [("limited", 429), ("broken", 500), ("unavailable", 503), ("expired", 401), ("missing", 404)]
)
def test_what_is_told_to_go_wrong_does_so_once(standin: PortStandIn, caller: Caller, name: Name, status: int) -> None:
    standin.faults.pending.append(Fault(name, "/entities/bulk"))

    assert [caller.bulk("user", one())[0] for _ in range(2)] == [status, 200]


def test_a_connection_can_break_after_all_was_done(standin: PortStandIn, caller: Caller) -> None:
    standin.faults.pending.append(Fault("dropped", "/entities/bulk"))

    with pytest.raises(httpx.RemoteProtocolError):
        caller.bulk("user", one())
    assert "ada" in standin.entities.of("user")


def test_who_makes_the_resources_of_an_integration_is_one_of_few_words(standin: PortStandIn, caller: Caller) -> None:
    body = {"installationId": "ours", "createPortResourcesOrigin": "port"}
    status, answer = caller.call("POST", "/integration", body)

    assert (status, answer["message"]) == (
        422,
        "body/createPortResourcesOrigin must be equal to one of the allowed values",
    )
    assert standin.integrations.all == {}


@pytest.mark.parametrize(
    ("origin", "query", "without"),
    [
        ("Port", "?integration_modes=create_resources", 2),
        ("Port", "", 4),
        ("Default", "?integration_modes=create_resources", 4),
    ],
)
def test_what_is_to_be_made_of_an_integration_is_made_in_its_own_time(
    origin: str, query: str, without: int, standin: PortStandIn, caller: Caller
) -> None:
    mapping = standin.integrations.provisioning.mapping
    body = {"installationId": "ours", "createPortResourcesOrigin": origin}

    answers = [caller.call("POST", f"/integration{query}", body)]
    answers += [caller.call("GET", "/integration/ours") for _ in range(3)]

    assert [answer["integration"]["config"] for _, answer in answers] == [{}] * without + [mapping] * (4 - without)


def test_an_integration_is_registered_asked_to_sync_and_reports(standin: PortStandIn, caller: Caller) -> None:
    assert caller.call("GET", "/integration/ours")[0] == 404
    assert caller.call("POST", "/integration", {"installationId": "ours", "config": {}})[0] == 201
    assert caller.call("GET", "/integration/ours/resync-request")[1]["request"] is None
    caller.call("PATCH", "/integration/ours", {})
    assert caller.call("GET", "/integration/ours/resync-request")[1]["request"]["updatedAt"]
    state = caller.call("PATCH", "/integration/ours/resync-state", {"status": "running"})[1]
    assert state["integration"]["resyncState"]["status"] == "running"
    assert caller.call("POST", "/integration/ours/kinds/%2Fv1%2Fusers/examples", {"examples": [{"id": 1}]})[0] == 200
    assert standin.integrations.examples == {("ours", "/v1/users"): [{"id": 1}]}
