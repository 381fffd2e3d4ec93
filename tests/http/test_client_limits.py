"""Limits: requests at once, bytes of an answer, bombs."""

import asyncio
import gzip
import threading
import tracemalloc
import zlib
from collections.abc import Generator

import httpx
import pytest

from penstock.http.client import ApiRequest
from penstock.http.failures import RequestFailedError, UnreadableAnswerError
from penstock.values import StopReason
from support.fetching import fetch, get, opened, settings
from support.raw import serve_raw
from support.server import Received, Reply, serve

PLAIN = b'{"data": [' + b'{"id": 1, "name": "somebody"}, ' * 5000 + b"{}]}"


def raw_deflate(content: bytes) -> bytes:
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeezer.compress(content) + squeezer.flush()


def answering(content: bytes, encoding: str = "", status: int = 200) -> Reply:
    return Reply(content, status, {"Content-Encoding": encoding} if encoding else {})


def test_never_more_requests_at_once_than_allowed_and_as_many_as_that() -> None:
    gate = threading.Barrier(8, timeout=10)

    def answer(_: Received) -> Reply:
        gate.wait()  # eight requests are in flight, or this fails
        return Reply([])

    async def run() -> None:
        async with opened(settings(api.url, max_concurrent_requests=8)) as client:
            await asyncio.gather(*[client.send(get(f"{api.url}/{number}")) for number in range(64)])

    with serve(answer) as api:
        asyncio.run(run())
    assert len(api.received) == 64
    assert api.most_in_flight == 8


def test_waiting_for_a_retry_takes_no_slot() -> None:
    released = asyncio.Event()

    class PatientClock:
        def monotonic(self) -> float:
            return 0

        def time(self) -> float:
            return 0

        async def sleep(self, seconds: float) -> None:
            del seconds
            await asyncio.wait_for(released.wait(), 10)

        def noise(self) -> float:
            return 0

    def answer(request: Received) -> Reply:
        return Reply([]) if request.path == "/fine" or len(api.received) > 2 else Reply("", 503)

    async def run() -> None:
        async with opened(settings(api.url, max_concurrent_requests=1), clock=PatientClock()) as client:
            failing = asyncio.create_task(client.send(get(f"{api.url}/failing")))
            while not api.received:  # noqa: ASYNC110 - the server runs in a thread
                await asyncio.sleep(0.001)
            await client.send(get(f"{api.url}/fine"))
            released.set()
            await failing

    with serve(answer) as api:
        asyncio.run(run())
    assert api.targets() == ["/failing", "/fine", "/failing"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (PLAIN, ""),
        (PLAIN, "identity"),
        (gzip.compress(PLAIN), "gzip"),
        (gzip.compress(PLAIN), "X-GZip"),
        (gzip.compress(PLAIN[:7000]) + gzip.compress(PLAIN[7000:]), "gzip"),
        (gzip.compress(PLAIN) + b"\0" * 512, "gzip"),
        (zlib.compress(PLAIN), "deflate"),
        (raw_deflate(PLAIN), "deflate"),
    ],
)
def test_every_encoding_that_is_asked_for_is_understood(content: bytes, encoding: str) -> None:
    with serve(lambda _: answering(content, encoding)) as api:
        [response] = fetch(settings(api.url), get(api.url))
    assert response.content == PLAIN


def test_an_empty_body_needs_no_compression() -> None:
    with serve(lambda _: answering(b"", "gzip")) as api:
        responses = fetch(settings(api.url), get(api.url), ApiRequest("HEAD", api.url))
    assert [response.content for response in responses] == [b"", b""]


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"{}", "br", 'encoded as "br", and only gzip and deflate were asked for'),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", 'encoded as "gzip, gzip"'),
        (b'{"not": "gzip"}', "gzip", "the answer cannot be decompressed"),
        (b"\xff\xff\xff", "deflate", "the answer cannot be decompressed"),
        (gzip.compress(PLAIN)[:-100], "gzip", "the compressed answer ends too early"),
        (gzip.compress(PLAIN)[:-8] + b"\0" * 8, "gzip", "incorrect data check"),
        (gzip.compress(PLAIN) + b"garbage", "gzip", "the answer cannot be decompressed"),
    ],
)
def test_a_bad_encoding_is_an_error_and_not_tried_again(content: bytes, encoding: str, message: str) -> None:
    with serve(lambda _: answering(content, encoding)) as api, pytest.raises(UnreadableAnswerError) as caught:
        fetch(settings(api.url), get(f"{api.url}/u?token=x"))
    assert caught.value.reason is StopReason.UNREADABLE_ANSWER
    assert str(caught.value).startswith(f"GET {api.url}/u?token=***: ")
    assert message in str(caught.value)
    assert len(api.received) == 1


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_answer_up_to_the_limit_is_fine_and_one_byte_more_is_not(encoding: str) -> None:
    content = gzip.compress(PLAIN) if encoding else PLAIN
    with serve(lambda _: answering(content, encoding)) as api:
        [response] = fetch(settings(api.url, max_response_bytes=len(PLAIN)), get(api.url))
        assert response.content == PLAIN
        limit = len(PLAIN) - 1
        with pytest.raises(UnreadableAnswerError, match=rf"larger than {limit:,} bytes \(maxResponseBytes\)"):
            fetch(settings(api.url, max_response_bytes=limit), get(api.url))
    assert len(api.received) == 2


def test_a_large_answer_without_a_length_is_stopped_as_well() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        serve_raw(head + b"8000\r\n" + b" " * 0x8000 + b"\r\n") as server,
        pytest.raises(UnreadableAnswerError, match="larger than 10,000 bytes"),
    ):
        fetch(settings(server.url, max_response_bytes=10_000), get(server.url))


def test_a_gzip_bomb_is_stopped_long_before_it_fills_the_memory() -> None:
    squeezer = zlib.compressobj(wbits=31)
    block = bytes(1 << 20)
    bomb = b"".join(squeezer.compress(block) for _ in range(100)) + squeezer.flush()
    assert len(bomb) < 1_000_000
    with serve(lambda _: answering(bomb, "gzip")) as api:
        connection = settings(api.url, max_response_bytes=2_000_000)
        tracemalloc.start()
        with pytest.raises(UnreadableAnswerError, match="larger than 2,000,000 bytes"):
            fetch(connection, get(api.url))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 10_000_000


def test_the_body_of_an_error_is_decompressed_and_cut() -> None:
    long = gzip.compress(b"x" * 1_000_000)
    with serve(lambda _: answering(long, "gzip", 400)) as api, pytest.raises(RequestFailedError) as caught:
        fetch(settings(api.url), get(api.url))
    assert str(caught.value).endswith(": " + "x" * 199 + "…")


def test_an_error_whose_body_cannot_be_read_is_still_that_error() -> None:
    with serve(lambda _: answering(b"no gzip", "gzip", 404)) as api, pytest.raises(RequestFailedError) as caught:
        fetch(settings(api.url), get(api.url))
    assert str(caught.value) == f"GET {api.url}: 404 Not Found (application/json)"


def test_a_message_is_never_longer_than_500_characters() -> None:
    with serve(lambda _: Reply(b"y" * 1000, 404)) as api, pytest.raises(RequestFailedError) as caught:
        fetch(settings(api.url), get(f"{api.url}/{'u' * 1000}"))
    message = str(caught.value)
    assert len(message) <= 500
    assert "…: 404 Not Found (application/json): yyy" in message


def test_the_flow_of_an_auth_sees_answers_decompressed() -> None:
    seen: list[str] = []

    class Reading(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            response = yield request
            seen.append(response.text)

    with serve(lambda _: answering(gzip.compress("é".encode()), "gzip")) as api:
        fetch(settings(api.url), get(api.url), auth=Reading())
    assert seen == ["é"]
