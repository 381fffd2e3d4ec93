"""What a real API answered is kept without its secrets, and answered again."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from penstock.testing import Received, Recorder, Recording, Reply, serve

TOKEN = "t0ken-of-the-recorder"
CUSTOMER = "Acme Rockets Ltd"


def _real(request: Received) -> Reply:
    if request.path == "/login":
        return Reply({"access_token": "issued-0123456789", "expires_in": 60})
    if request.path == "/text":
        return Reply(b"plain", 503, {"Content-Type": "text/plain", "Retry-After": "1"})
    page = request.param("page", "1")
    said = f"{CUSTOMER} asked with {request.headers['Authorization']}"
    body = {"items": [{"id": int(page), "note": said}], "session": {"id": "s3ss10n-0123"}, "owner": {"phone": "555"}}
    return Reply(body, 200, {"X-Request-Id": "7", "Set-Cookie": "sid=s3ss10n-0123"})


def _recorded(folder: Path) -> Path:
    file = folder / "users.json"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serve(_real) as real, Recorder(real.url, secrets=[CUSTOMER], members=["phone"]) as recorder:
        with serve(recorder) as api, httpx.Client(base_url=api.url, headers=headers) as client:
            client.post("/login", json={"user": "ada", "password": "pw-of-ada"})
            seen = [client.get("/users", params={"page": page, "api_key": "k3y-0123"}).json() for page in (1, 2)]
            assert client.get("/text").status_code == 503
        recorder.write(file)
    assert TOKEN in seen[0]["items"][0]["note"], "the client sees the answer as it came"
    return file


def test_no_secret_is_kept(tmp_path: Path) -> None:
    text = _recorded(tmp_path).read_text()

    for secret in (TOKEN, CUSTOMER, "pw-of-ada", "issued-0123456789", "s3ss10n-0123", "k3y-0123", "555"):
        assert secret not in text


def test_what_was_recorded_is_answered_again(tmp_path: Path) -> None:
    recording = Recording.read(_recorded(tmp_path))

    with serve(recording) as api, httpx.Client(base_url=api.url) as client:
        pages = [client.get("/users", params={"api_key": "another", "page": page}).json() for page in (2, 1, 1)]
        text = client.get("/text")
        token = client.post("/login").json()

    assert [page["items"][0]["id"] for page in pages] == [2, 1, 1]
    assert (text.status_code, text.text, text.headers["Retry-After"]) == (503, "plain", "1")
    assert token["expires_in"] == 60
    assert recording.unknown == []


def test_answers_to_the_same_request_come_in_their_order_and_the_last_one_stays(tmp_path: Path) -> None:
    numbers = iter(range(1, 10))
    with serve(lambda _: Reply({"n": next(numbers)})) as real, Recorder(real.url) as recorder:
        with serve(recorder) as api:
            for _ in range(2):
                httpx.get(f"{api.url}/n")
        recorder.write(tmp_path / "n.json")

    with serve(Recording.read(tmp_path / "n.json")) as api:
        assert [httpx.get(f"{api.url}/n").json()["n"] for _ in range(3)] == [1, 2, 2]


def test_what_was_not_recorded_is_said_and_listed(tmp_path: Path) -> None:
    recording = Recording.read(_recorded(tmp_path))

    with serve(recording) as api:
        answer = httpx.get(f"{api.url}/users", params={"page": 9})

    assert (answer.status_code, answer.json()["error"]) == (404, "not recorded")
    assert recording.unknown == ["GET /users?page=9"]


@pytest.mark.parametrize("document", [[], {}, {"penstock_recording": 2, "exchanges": []}])
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, document: object) -> None:
    file = tmp_path / "users.json"
    file.write_text(json.dumps(document))

    with pytest.raises(ValueError, match=r"users\.json is no recording of format 1"):
        Recording.read(file)
