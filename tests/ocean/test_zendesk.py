"""Zendesk: brackets in the names of parameters, and comments of tickets that are read once for both."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

from fakes.port import port
from support.published import Arrived, Published, blueprints_of, create, documented, example, paged, told
from support.server import ApiServer, routes, serve

DATES = {"created_at": "2024-05-01T10:00:00Z", "updated_at": "2024-05-02T10:00:00Z"}
URL = "https://acme.zendesk.com/api/v2"


def page(name: str, *records: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    # the last page has a cursor too: what counts is has_more
    return {name: list(records), "meta": {"has_more": after is not None, "after_cursor": after or "zEnd=="}}


def ticket(number: int, **more: object) -> dict[str, Any]:
    common = {"id": number, "subject": f"Ticket {number}", "status": "open", "priority": None, "description": "..."}
    return {**common, "requester_id": 7, "url": f"{URL}/tickets/{number}.json", **DATES, **more}


def comment(number: int, body: str) -> dict[str, Any]:
    texts = {"body": body, "html_body": f"<p>{body}</p>", "plain_body": body}
    via = {"channel": "web"}
    return {
        "id": number,
        "type": "Comment",
        **texts,
        "public": True,
        "author_id": 7,
        "audit_id": 70,
        "via": via,
        **DATES,
    }


PHOTO = {"content_url": "https://acme.zendesk.com/a.png"}
ADA = {"id": 7, "name": "Ada", "email": "ada@b.co", "role": "agent", "organization_id": None, "photo": PHOTO}
ACME = {"id": 360001, "name": "Acme", "url": f"{URL}/organizations/360001.json", **DATES}
ZENDESK = {
    "/api/v2/users.json": page("users", {**ADA, "active": True, "verified": False}),
    "/api/v2/tickets.json": paged(
        "page[after]",
        {
            "": page("tickets", ticket(1), ticket(2), after="zX+/="),
            "zX+/=": page("tickets", ticket(3, priority="high")),
        },
    ),
    "/api/v2/organizations.json": page("organizations", ACME),
    "/api/v2/tickets/1/comments.json": page("comments", comment(11, "First line\nsecond"), comment(12, "x" * 150)),
    "/api/v2/tickets/2/comments.json": page("comments"),
    "/api/v2/tickets/3/comments.json": page("comments", comment(31, "")),
}


def zendesk(folder: Path, api: ApiServer) -> Published:
    return example("zendesk", folder, api.url, password="ap1-t0ken")


def test_zendesk_arrives_whole(tmp_path: Path) -> None:
    with serve(routes(ZENDESK)) as api:
        published = zendesk(tmp_path, api)
        published.sync_whole()

    assert published.counts() == documented("zendesk")
    assert published.warnings() == []
    user = {"email": "ada@b.co", "role": "agent", "organization_id": "null", "profile_url": PHOTO["content_url"]}
    assert published.entities("zendesk_user") == {
        "7": Arrived("Ada", {**user, "active": True, "verified": False}, {})  # jq: null | tostring is the text "null"
    }
    tickets = published.entities("zendesk_ticket")
    assert {key: (one.title, one.properties["priority"]) for key, one in tickets.items()} == {
        "1": ("Ticket 1", None),
        "2": ("Ticket 2", None),
        "3": ("Ticket 3", "high"),
    }
    assert tickets["1"].properties == {
        "status": "open",
        "priority": None,
        "requester_id": "7",
        "url": f"{URL}/tickets/1.json",
        "description": "...",
        **DATES,
    }
    assert published.entities("zendesk_organization") == {"360001": Arrived("Acme", {"url": ACME["url"], **DATES}, {})}
    comments = published.entities("zendesk_comment")
    assert {key: one.title for key, one in comments.items()} == {"11": "First line", "12": "x" * 100, "31": None}
    assert comments["11"] == Arrived(
        "First line",
        {
            "comment_id": "11",
            "body": "First line\nsecond",
            "html_body": "<p>First line\nsecond</p>",
            "plain_body": "First line\nsecond",
            "public": True,
            "author_id": "7",
            "created_at": DATES["created_at"],
            "type": "Comment",
            "via_channel": "web",
            "audit_id": "70",
        },
        {"author": "7"},
    )


def test_zendesk_is_asked_as_published_and_for_its_tickets_once(tmp_path: Path) -> None:
    with serve(routes(ZENDESK)) as api:
        zendesk(tmp_path, api).sync_whole()

    size = "page%5Bsize%5D=100"
    assert sorted(one.target for one in api.received) == [
        f"/api/v2/organizations.json?{size}",
        f"/api/v2/tickets.json?{size}",
        f"/api/v2/tickets.json?{size}&page%5Bafter%5D=zX%2B/%3D",
        f"/api/v2/tickets/1/comments.json?{size}",
        f"/api/v2/tickets/2/comments.json?{size}",
        f"/api/v2/tickets/3/comments.json?{size}",
        f"/api/v2/users.json?{size}",
    ]
    [sent] = {one.headers["authorization"] for one in api.received}
    assert b64decode(sent.removeprefix("Basic ")) == b"ada@yourcompany.com/token:ap1-t0ken"


def test_comments_can_lead_to_their_ticket(tmp_path: Path) -> None:
    with serve(routes(ZENDESK)) as api:
        published = zendesk(tmp_path, api)
        text = published.mapping.read_text(encoding="utf-8")
        published.mapping.write_text(f"{text}            ticket: .__ticket_id\n", encoding="utf-8")
        published.sync_whole()

    comments = published.entities("zendesk_comment")
    assert {key: one.relations["ticket"] for key, one in comments.items()} == {"11": "1", "12": "1", "31": "3"}


def test_a_ticket_whose_comments_cannot_be_read_costs_no_comment(tmp_path: Path) -> None:
    with serve(routes(ZENDESK)) as api:
        published = zendesk(tmp_path, api)
        published.sync_whole()
        api.handler = routes({path: found for path, found in ZENDESK.items() if "/tickets/1/" not in path})
        report = published.sync()

    assert [kind.status for kind in report.kinds] == ["complete", "complete", "complete", "incomplete"]
    assert "404" in told(report.kinds[3])[0]
    assert set(published.entities("zendesk_comment")) == {"11", "12", "31"}


def test_port_takes_zendesk_as_it_is(tmp_path: Path) -> None:
    with serve(routes(ZENDESK)) as api, port() as standin:
        create(standin, blueprints_of("zendesk"))
        published = zendesk(tmp_path, api)
        published.into(standin)
        published.sync_whole()

        assert {name: len(held) for name, held in standin.entities.all.items()} == {
            "zendesk_user": 1,
            "zendesk_ticket": 3,
            "zendesk_organization": 1,
            "zendesk_comment": 3,
        }
        assert standin.entities.of("zendesk_comment")["31"].relations["author"] == "7"

        standin.received.clear()
        published.sync_whole()
        assert standin.requests("/entities/bulk") == []
