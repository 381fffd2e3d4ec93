"""HubSpot: a cursor that stands in the links of an answer, associations that may be absent, a type of its own."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest

from fakes.port import port
from penstock.errors import SinkError
from support.published import (
    EXAMPLES,
    Arrived,
    Published,
    blueprints_of,
    create,
    documented,
    example,
    paged,
    probe,
    told,
)
from support.server import ApiServer, routes, serve

DATES = {"createdAt": "2024-05-01T10:00:00.000Z", "updatedAt": "2024-05-02T10:00:00.000Z"}


def page(*results: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    more = (
        {}
        if after is None
        else {"paging": {"next": {"after": after, "link": f"https://api.hubapi.com/?after={after}"}}}
    )
    return {"results": list(results), **more}


def associated(*identifiers: str) -> dict[str, Any]:
    return {"results": [{"id": identifier, "type": "deal_to_company"} for identifier in identifiers]}


CONTACTS = {
    "": page({"id": "1", "properties": {"email": "a@b.co", "associatedcompanyid": "9"}, **DATES}, after="304"),
    "304": page(
        {"id": "2", "properties": {"email": "c@d.co", "firstname": "Cy", "associatedcompanyid": None}, **DATES}
    ),
}
COMPANIES = page({"id": "9", "properties": {"name": "Acme", "domain": "acme.test", "numberofemployees": "12"}, **DATES})
DEALS = page(
    {
        "id": "31",
        "properties": {"dealname": "Big", "amount": "1200.50", "closedate": "2024-06-01T00:00:00Z"},
        "associations": {"companies": associated("9"), "contacts": associated("1", "2")},
        **DATES,
    },
    {"id": "32", "properties": {"dealname": "Lonely", "hs_deal_stage_probability": "0.2"}, **DATES},
)
REQUESTS = page(
    {
        "id": "41",
        "properties": {"title": None, "name": "Dark mode", "status": "planned", "total_votes": "7", "promised": "true"},
        "associations": {"deals": associated("31")},
        **DATES,
    },
    {"id": "42", "properties": {"title": "Light mode", "status": "open"}, **DATES},
)
HUBSPOT = {
    "/crm/v3/objects/contacts": paged("after", CONTACTS),
    "/crm/v3/objects/companies": COMPANIES,
    "/crm/v3/objects/deals": DEALS,
    "/crm/v3/objects/2-24903472": REQUESTS,
}


def hubspot(folder: Path, api: ApiServer) -> Published:
    return example("hubspot", folder, api.url, api_token="pat-t0ken")


def test_hubspot_arrives_whole(tmp_path: Path) -> None:
    with serve(routes(HUBSPOT)) as api:
        published = hubspot(tmp_path, api)
        kinds = published.sync_whole()

    assert published.counts() == documented("hubspot")
    assert published.warnings() == []
    contacts = published.entities("ocean_hubspotContact")
    empty = dict.fromkeys(("firstname", "lastname", "phone", "company", "lifecyclestage"))
    assert contacts == {
        "1": Arrived("a@b.co", {"email": "a@b.co", **empty, **DATES}, {"company": "9"}),
        "2": Arrived("c@d.co", {"email": "c@d.co", **empty, "firstname": "Cy", **DATES}, {"company": None}),
    }
    company = published.entities("ocean_hubspotCompany")["9"]
    assert (company.title, company.properties["domain"], company.properties["numberOfEmployees"]) == (
        "Acme",
        "acme.test",
        "12",
    )
    deals = published.entities("ocean_hubspotDeal")
    assert deals["31"].relations == {"companies": ["9"], "contacts": ["1", "2"]}
    assert (deals["31"].properties["amount"], deals["32"].properties["probability"]) == ("1200.50", "0.2")
    assert deals["32"].relations == {"companies": None, "contacts": None}  # and it is told
    assert any("relations.companies" in line for line in told(kinds["/crm/v3/objects/deals"]))
    features = published.entities("ocean_hubspotFeatureRequest")
    assert {key: one.title for key, one in features.items()} == {"41": "Dark mode", "42": "Light mode"}
    assert features["41"].relations == {"companies": [], "contacts": [], "deals": ["31"]}
    assert features["42"].relations == {"companies": [], "contacts": [], "deals": []}
    assert features["41"].properties["totalVotes"] == "7"


def test_hubspot_is_asked_as_published(tmp_path: Path) -> None:
    with serve(routes(HUBSPOT)) as api:
        hubspot(tmp_path, api).sync_whole()

    assert {one.headers["authorization"] for one in api.received} == {"Bearer pat-t0ken"}
    asked = [(one.method, one.path, {name: one.param(name) for name in one.query}) for one in api.received]
    properties = "email,firstname,lastname,phone,company,lifecyclestage,associatedcompanyid"
    first = {"limit": "100", "properties": properties, "associations": "companies"}
    assert asked[:2] == [
        ("GET", "/crm/v3/objects/contacts", first),
        ("GET", "/crm/v3/objects/contacts", {**first, "after": "304"}),
    ]
    assert all("%2C" in one.target or "," in one.target for one in api.received)
    assert [(path, query.get("associations")) for _, path, query in asked[2:]] == [
        ("/crm/v3/objects/companies", None),
        ("/crm/v3/objects/deals", "companies,contacts"),
        ("/crm/v3/objects/2-24903472", "companies,contacts,deals"),
    ]


@pytest.mark.parametrize("secret", ["token", "apiToken"])
def test_the_words_that_the_guide_has_beside_its_values_ask_alike(tmp_path: Path, secret: str) -> None:
    nested = {"pagination_type": "cursor", "cursor_path": ".paging.next.after", "cursor_query_param": "after"}
    mapping = (EXAMPLES / "hubspot" / "port-app-config.yml").read_text(encoding="utf-8")
    with serve(routes(HUBSPOT)) as api:
        pagination = {**nested, "limit_query_param": "limit", "limit": 100}
        config: dict[str, Any] = {"authType": "bearer", secret: "pat-t0ken", "pagination": pagination}
        published = probe(tmp_path, api, mapping, **config)
        published.sync_whole()

    assert published.counts() == documented("hubspot")
    assert api.received[1].param("after") == "304"


def _with_numbers() -> dict[str, object]:
    """Answers with numbers and booleans as the blueprints want them; HubSpot itself sends texts."""
    answers = deepcopy({key: value for key, value in HUBSPOT.items() if not callable(value)})
    texts = {"numberofemployees", "amount", "hs_deal_stage_probability", "total_votes"}
    for answer in answers.values():
        for result in cast("Any", answer)["results"]:
            properties = result["properties"]
            properties |= {name: float(properties[name]) for name in texts & set(properties)}
            properties |= {"promised": True} if "promised" in properties else {}
    return {**HUBSPOT, **answers}


def test_port_has_the_bare_company_first_and_the_whole_one_later(tmp_path: Path) -> None:
    with serve(routes(_with_numbers())) as api, port() as standin:
        create(standin, blueprints_of("hubspot"))
        published = hubspot(tmp_path, api)
        published.into(standin)
        kinds = published.sync_whole()

        company = standin.entities.of("ocean_hubspotCompany")["9"]
        assert (company.title, company.properties["numberOfEmployees"]) == ("Acme", 12)
        assert standin.entities.of("ocean_hubspotContact")["1"].relations == {"company": "9"}
        counts = kinds["/crm/v3/objects/companies"]
        assert (counts.created, counts.updated) == (0, 1)  # the contact's relation had made it


def test_what_a_blueprint_refuses_is_told_and_the_rest_arrives(tmp_path: Path) -> None:
    with serve(routes(HUBSPOT)) as api, port() as standin:
        create(standin, blueprints_of("hubspot"))
        published = hubspot(tmp_path, api)
        published.into(standin)
        report = published.sync()

        assert report.exit_code == 1
        assert [kind.refused for kind in report.kinds] == [0, 1, 2, 1]
        assert set(standin.entities.of("ocean_hubspotFeatureRequest")) == {"42"}
        [error] = report.kinds[1].errors
        assert "numberOfEmployees must be number" in error.message
        assert "`| tonumber`" in error.message


def test_a_format_that_port_has_not_is_told_when_the_blueprint_is_made() -> None:
    published = deepcopy(blueprints_of("hubspot"))
    feature = cast("Any", published[-1])
    feature["schema"]["properties"]["planned"]["format"] = "date"  # as the guide has it

    with port() as standin:
        with pytest.raises(SinkError, match=r'"ocean_hubspotFeatureRequest".*planned.*date'):
            create(standin, published)
        assert standin.blueprints.all == {}
