"""Other published guides, each for the one thing that it needs."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from fakes.port import define, port
from support.published import SECRETS, Arrived, paged, probe, told
from support.server import Received, Reply, routes, serve

DAY = 86_400


def mapping(kind: str, blueprint: str, identifier: str, rest: str = "", selector: str = "") -> str:
    """Return the text of a resource."""
    return f"""
  - kind: {kind}
    selector:
      query: 'true'
{selector}
    port:
      entity:
        mappings:
          identifier: {identifier}
          blueprint: '"{blueprint}"'
{rest}
"""


def resources(*texts: str) -> str:
    return "resources:" + "".join(texts)


def lines(indent: int, *written: str) -> str:
    return "\n".join(" " * indent + line for line in written)


def test_prometheus_has_several_lists_in_one_answer(tmp_path: Path) -> None:
    groups = [{"name": "a", "rules": [{"name": "r1"}, {"name": "r2"}]}, {"name": "b", "rules": [{"name": "r3"}]}]
    alerts = [{"labels": {"alertname": "Down"}, "activeAt": "2024-05-01T10:00:00Z"}]
    answers = {
        "/api/v1/rules": {"status": "success", "data": {"groups": groups}},
        "/api/v1/targets": {
            "status": "success",
            "data": {"activeTargets": [{"scrapeUrl": "up1"}, {"scrapeUrl": "up2"}]},
        },
        "/api/v1/alerts": {"status": "success", "data": {"alerts": alerts}},
    }
    text = resources(
        mapping("/api/v1/rules", "rule", ".name", selector=lines(6, "data_path: '.data.groups[].rules[]'")),
        mapping("/api/v1/targets", "target", ".scrapeUrl", selector=lines(6, "data_path: '.data.activeTargets[]'")),
        mapping(
            "/api/v1/alerts",
            "alert",
            r"""'"\(.labels.alertname)-\(.activeAt)"'""",
            selector=lines(6, "data_path: '.data.alerts[]'"),
        ),
    )
    with serve(routes(answers)) as api:
        published = probe(tmp_path, api, text, authType="none")
        published.sync_whole()

    assert list(published.entities("rule")) == ["r1", "r2", "r3"]
    assert list(published.entities("target")) == ["up1", "up2"]
    assert list(published.entities("alert")) == ["Down-2024-05-01T10:00:00Z"]


def test_n8n_has_folded_expressions_and_a_cursor_that_is_its_own_hint(tmp_path: Path) -> None:
    flows: list[dict[str, Any]] = [
        {"id": "w1", "active": True, "shared": [{"projectId": "p1"}]},
        {"id": "w2", "active": False, "isArchived": True, "shared": []},
        {"id": "w3", "active": False, "shared": [{"projectId": "p2"}, {"projectId": "p3"}]},
    ]
    pages = {"": {"data": flows[:2], "nextCursor": "c2"}, "c2": {"data": flows[2:], "nextCursor": None}}
    text = resources(
        mapping(
            "/api/v1/workflows",
            "workflow",
            ".id",
            lines(
                10,
                "properties:",
                "  status: >-",
                '    if .active then "active"',
                '    elif .isArchived then "archived"',
                '    else "inactive" end',
                "relations:",
                "  project: .shared[0].projectId",
            ),
            lines(6, "data_path: .data"),
        )
    )
    settings = {"cursorPath": "nextCursor", "hasMorePath": "nextCursor", "apiKeyHeader": "X-N8N-API-KEY"}
    with serve(routes({"/api/v1/workflows": paged("cursor", pages)})) as api:
        env = f"{SECRETS}API_KEY=n8n-k3y"
        published = probe(tmp_path, api, text, env=env, authType="api_key", paginationType="cursor", **settings)
        published.sync_whole()

    assert published.entities("workflow") == {
        "w1": Arrived(None, {"status": "active"}, {"project": "p1"}),
        "w2": Arrived(None, {"status": "archived"}, {"project": None}),
        "w3": Arrived(None, {"status": "inactive"}, {"project": "p2"}),
    }
    assert [(one.target, one.headers["x-n8n-api-key"]) for one in api.received] == [
        ("/api/v1/workflows?limit=100", "n8n-k3y"),
        ("/api/v1/workflows?limit=100&cursor=c2", "n8n-k3y"),
    ]


def test_rootly_pages_by_names_that_nobody_set_until_a_page_is_short(tmp_path: Path) -> None:
    def answer(request: Received) -> object:
        start = (int(request.param("page")) - 1) * 100
        return {"data": [{"id": f"i{number}"} for number in range(start, min(start + 100, 250))]}

    selector = lines(6, "data_path: .data", "query_params:", '  "page[size]": "100"')
    text = resources(mapping("/v1/incidents", "incident", ".id", selector=selector))
    with serve(routes({"/v1/incidents": answer})) as api:
        published = probe(tmp_path, api, text, authType="bearer_token", apiToken="r00tly", paginationType="page")
        published.sync_whole()

    assert len(published.entities("incident")) == 250
    assert api.received[0].query == {"page[size]": ["100"], "page": ["1"], "size": ["100"]}
    assert not any("None" in target for target in api.targets())


def test_cursor_takes_its_key_as_a_user_without_password_and_a_body_made_by_jq(tmp_path: Path) -> None:
    body = '{"startDate": ((now|floor) - 2592000) * 1000, "endDate": (now|floor)*1000}'
    selector = lines(6, "method: POST", f"body: '{body}'", "data_path: .data")
    text = resources(mapping("/teams/daily-usage-data", "usage", ".email", selector=selector))
    before = int(time.time())
    with serve(routes({"/teams/daily-usage-data": {"data": [{"email": "ada@b.co"}]}})) as api:
        published = probe(tmp_path, api, text, authType="basic", username="key_1234", password="")
        published.sync_whole()

    [asked] = api.received
    sent = json.loads(asked.body)
    assert asked.headers["authorization"] == f"Basic {b64encode(b'key_1234:').decode()}"
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert sent["endDate"] - sent["startDate"] == 2_592_000_000
    assert before <= sent["endDate"] / 1000 <= time.time()
    assert list(published.entities("usage")) == ["ada@b.co"]


def test_anthropic_has_moments_in_its_query_and_one_kind_mapped_twice(tmp_path: Path) -> None:
    moment = """'((now | floor) - 86400*30) | strftime("%Y-%m-%d")'"""
    selector = lines(6, "data_path: '.data[].results[]'", "query_params:", f"  starting_at: {moment}")
    kind = "/v1/organizations/cost_report"
    text = resources(
        mapping(kind, "cost", ".workspace_id", lines(10, "properties: {amount: .amount}"), selector),
        mapping(kind, "workspace", ".workspace_id", selector=selector),
    )
    days = [
        {"results": [{"workspace_id": "w1", "amount": "1.5"}]},
        {"results": [{"workspace_id": "w2", "amount": "2"}]},
    ]
    with serve(routes({kind: {"data": days}})) as api:
        env = f"{SECRETS}TOKEN=sk-ant-t0ken"
        published = probe(tmp_path, api, text, env=env, authType="bearer", paginationType="none")
        published.sync_whole()

    expected = {time.strftime("%Y-%m-%d", time.gmtime(time.time() - 30 * DAY - late)) for late in (0, 60)}
    [asked] = api.received  # what both ask for is the same
    assert asked.param("starting_at") in expected
    assert asked.headers["authorization"] == "Bearer sk-ant-t0ken"
    assert {key: one.properties for key, one in published.entities("cost").items()} == {
        "w1": {"amount": "1.5"},
        "w2": {"amount": "2"},
    }
    assert list(published.entities("workspace")) == ["w1", "w2"]
    assert any("starting_at" in warning and "now" in warning for warning in published.warnings())


def test_openai_has_one_object_for_an_answer_and_is_told_where_lists_are(tmp_path: Path) -> None:
    selector = lines(6, "query_params:", "  start_time: '(now | floor) - 86400'")
    text = resources(mapping("/v1/organization/costs", "costs", ".object", selector=selector))
    answer = {"object": "page", "data": [{"amount": 1}], "has_more": False}
    with serve(routes({"/v1/organization/costs": answer})) as api:
        published = probe(tmp_path, api, text, authType="bearer_token", apiToken="sk-t0ken")
        [kind] = published.sync_whole().values()

    assert list(published.entities("costs")) == ["page"]
    assert abs(int(api.received[0].param("start_time")) - time.time() + DAY) < 60
    assert any("data_path" in one and ".data" in one for one in told(kind))


def test_entra_id_follows_its_links_by_the_name_that_its_guide_gives_them(tmp_path: Path) -> None:
    def answer(request: Received) -> object:
        if request.param("$skiptoken"):
            return {"value": [{"id": "g2", "members": list[object]()}]}
        link = f"http://{request.headers['host']}/v1.0/groups?$top=999&$skiptoken=abc"
        return {"value": [{"id": "g1", "members": [{"id": "u1"}]}], "@odata.nextLink": link}

    selector = lines(6, "data_path: .value", 'query_params: {$top: "999", $expand: "members($select=id)"}')
    text = resources(
        mapping("/v1.0/groups", "group", ".id", lines(10, "relations: {members: '[.members[].id]'}"), selector)
    )
    with serve(routes({"/v1.0/groups": answer})) as api:
        published = probe(tmp_path, api, text, authType="bearer_token", apiToken="entra", paginationType="skip_token")
        published.sync_whole()

    assert {key: one.relations for key, one in published.entities("group").items()} == {
        "g1": {"members": ["u1"]},
        "g2": {"members": []},
    }
    first, second = api.received
    assert first.query == {"$top": ["999"], "$expand": ["members($select=id)"]}
    assert second.query == {"$top": ["999"], "$skiptoken": ["abc"]}  # the link has all that it needs
    assert second.headers["authorization"] == "Bearer entra"


VM = "/subscriptions/s-1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"
WANTED = "eventTimestamp ge '2024-05-01' and resourceGroupName eq 'my group'"


@pytest.mark.parametrize("into_port", [False, True])
def test_azure_monitor_has_slashes_in_its_identifiers_and_quotes_in_its_filter(
    tmp_path: Path,
    into_port: bool,  # noqa: FBT001 - a case
) -> None:
    selector = lines(6, "data_path: .value", f'query_params: {{$filter: "{WANTED}", api-version: "2015-04-01"}}')
    text = resources(mapping("/providers/events", "azureAlert", ".id", "          title: .name", selector))
    with serve(routes({"/providers/events": {"value": [{"id": VM, "name": "vm-1"}]}})) as api, port() as standin:
        define(standin, "azureAlert")
        published = probe(tmp_path, api, text, authType="bearer_token", apiToken="azure")
        if into_port:
            published.into(standin)
        published.sync_whole()

        assert api.received[0].query == {"$filter": [WANTED], "api-version": ["2015-04-01"]}
        held: dict[str, Any] = (
            dict(standin.entities.of("azureAlert")) if into_port else published.entities("azureAlert")
        )
        assert {key: one.title for key, one in held.items()} == {VM: "vm-1"}


def test_an_answer_that_lies_about_its_pages_ends(tmp_path: Path) -> None:
    def answer(_: Received) -> Reply:
        return Reply({"data": [{"id": "same"}], "nextCursor": "again"})

    text = resources(mapping("/x", "x", ".id", selector=lines(6, "data_path: .data")))
    with serve(answer) as api:
        report = probe(tmp_path, api, text, paginationType="cursor").sync()

    assert report.exit_code == 1
    assert len(api.received) == 2
