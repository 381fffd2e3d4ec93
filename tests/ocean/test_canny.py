"""Canny: everything is a POST, and the key stands in the address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes.port import port
from support.published import Arrived, Published, blueprints_of, create, documented, example, told
from support.server import ApiServer, Received, Reply, routes, serve

KEY = "c4nny-k3y-of-the-company"
CREATED = "2024-05-01T10:00:00.000Z"
BOARD = {"id": "b1", "name": "Ideas", "url": "https://acme.canny.io/ideas", "postCount": 2, "created": CREATED}
POST: dict[str, Any] = {
    "id": "p1",
    "title": "Dark mode",
    "details": "Please",
    "url": "https://acme.canny.io/p/dark",
    "score": 12,
    "status": "under review",
    "commentCount": 3,
    "created": CREATED,
    "eta": None,
    "imageURLs": [],
    "author": {"email": "ada@b.co", "name": "Ada"},
    "owner": None,
    "tags": [{"name": "ui"}, {"name": "web"}],
    "board": {"id": "b1"},
    "category": None,
}
CANNY = {
    "/api/v1/boards/list": {"boards": [{**BOARD, "isPrivate": False, "token": "t-1"}]},
    "/api/v1/categories/list": {
        "hasMore": False,
        "categories": [{"id": "c1", **BOARD, "board": {"id": "b1"}} | {"id": "c1"}],
    },
    "/api/v1/posts/list": {"hasMore": False, "posts": [POST]},
    "/api/v1/companies/list": {
        "companies": [
            {"id": "co1", "name": "Acme", "created": CREATED, "customFields": {"seats": 4}, "monthlySpend": 99.5}
        ]
    },
    "/api/v1/votes/list": {
        "hasMore": False,
        "votes": [
            {"id": "v1", "voter": {"email": "bob@b.co", "name": "Bob"}, "post": {"id": "p1"}, "created": CREATED}
        ],
    },
}


def canny(folder: Path, api: ApiServer) -> Published:
    return example("canny", folder, f"{api.url}/api/v1?apiKey={KEY}")


def test_canny_arrives_whole(tmp_path: Path) -> None:
    with serve(routes(CANNY)) as api:
        published = canny(tmp_path, api)
        published.sync_whole()

    assert published.counts() == documented("canny")
    assert [f"{one.method} {one.target}" for one in api.received] == [
        f"POST /api/v1/{name}/list?apiKey={KEY}" for name in ("boards", "categories", "posts", "companies", "votes")
    ]
    common = {name: BOARD[name] for name in ("name", "url", "postCount", "created")}
    assert published.entities("ocean_cannyBoard") == {
        "b1": Arrived("Ideas", {**common, "isPrivate": False, "token": "t-1"}, {})
    }
    assert published.entities("ocean_cannyCategory") == {"c1": Arrived("Ideas", common, {"board": "b1"})}
    same = ("title", "details", "url", "score", "status", "commentCount", "created", "eta", "imageURLs")
    assert published.entities("ocean_cannyPost") == {
        "p1": Arrived(
            "Dark mode",
            {
                **{name: POST[name] for name in same},
                "voteCount": 12,
                "authorEmail": "ada@b.co",
                "authorName": "Ada",
                "ownerName": None,
                "ownerEmail": None,
                "tags": ["ui", "web"],
            },
            {"board": "b1", "category": None},
        )
    }
    company = {"name": "Acme", "created": CREATED, "customFields": {"seats": 4}, "monthlySpend": 99.5}
    assert published.entities("ocean_cannyCompany") == {"co1": Arrived("Acme", company, {})}
    voter = {"voterEmail": "bob@b.co", "voterName": "Bob", "created": CREATED}
    assert published.entities("ocean_cannyVote") == {"v1": Arrived("Bob voted", voter, {"post": "p1"})}


def test_the_key_is_told_to_nobody(tmp_path: Path) -> None:
    with serve(lambda _: Reply({"error": f"invalid API key {KEY}"}, 400)) as api:
        published = canny(tmp_path, api)
        report = published.sync()

    text = json.dumps(report.to_json())
    assert report.exit_code == 1
    assert KEY not in text
    assert "apiKey=***" in text
    assert KEY not in published.catalog.read_bytes().decode("latin-1")


def test_the_entities_belong_to_the_integration_and_not_to_its_address(tmp_path: Path) -> None:
    with serve(routes(CANNY)) as api:
        published = canny(tmp_path, api)
        assert published.settings().source == "canny"


def _skipping(request: Received) -> Reply:
    """Page as Canny does: by ``limit`` and ``skip`` in the body, ``hasMore`` in the answer."""
    name = request.path.split("/")[-2]
    if name != "posts":
        return Reply(CANNY[request.path])
    body = json.loads(request.body)
    posts = [{**POST, "id": f"p{number}"} for number in range(5)][body["skip"] : body["skip"] + body["limit"]]
    return Reply({"posts": posts, "hasMore": body["skip"] + body["limit"] < 5})


def test_all_posts_arrive_once_paging_is_told_to_go_by_the_body(tmp_path: Path) -> None:
    with serve(_skipping) as api:
        published = canny(tmp_path, api)
        paging = "pagination: {paginationType: offset, paginationParam: skip, pageSize: 2, paginationIn: body}"
        text = published.mapping.read_text(encoding="utf-8")
        text = text.replace("data_path: .posts\n", f"data_path: .posts\n      {paging}\n")
        published.mapping.write_text(text, encoding="utf-8")
        kinds = published.sync_whole()

    assert kinds["/posts/list"].fetched == 5
    asked = [json.loads(one.body) for one in api.received if one.path.endswith("/posts/list")]
    asked.sort(key=lambda body: body["skip"])  # pages are asked for ahead, so that some come after the last one
    assert asked[:3] == [{"skip": skip, "limit": 2} for skip in (0, 2, 4)]


def test_a_has_more_that_nobody_follows_is_told(tmp_path: Path) -> None:
    answers = {**CANNY, "/api/v1/posts/list": {"hasMore": True, "posts": [POST]}}
    with serve(routes(answers)) as api:
        report = canny(tmp_path, api).sync()

    assert "hasMore" in " ".join(told(report.kinds[2]))


def test_port_takes_canny_as_it_is(tmp_path: Path) -> None:
    with serve(routes(CANNY)) as api, port() as standin:
        create(standin, blueprints_of("canny"))
        published = canny(tmp_path, api)
        published.into(standin)
        published.sync_whole()

        assert standin.entities.of("ocean_cannyVote")["v1"].relations == {"post": "p1"}
        assert standin.entities.of("ocean_cannyCompany")["co1"].properties["customFields"] == {"seats": 4}
        assert KEY.encode() not in b"".join(one.body + one.target.encode() for one in standin.received)
