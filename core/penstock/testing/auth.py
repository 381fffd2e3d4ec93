"""The conformance kit for auths: over real sockets, with the client of a real run."""

from __future__ import annotations

import asyncio
import json
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from gc import get_referents
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, ClassVar, Final, TypeVar, cast
from urllib.parse import urlsplit

import httpx
import pytest

from penstock.config.models import Chosen, HttpSettings
from penstock.errors import ReadError
from penstock.http.client import ApiClient, ApiRequest
from penstock.redaction import looks_secret
from penstock.strategies import AuthContext, AuthStrategy, PluginConfig
from penstock.testing.clients import authenticated
from penstock.testing.conformance import PluginConformance, leaves, require
from penstock.testing.server import Handler, Received, Reply, serve
from penstock.values import JSON, StopReason

ResultT = TypeVar("ResultT")

RESOURCES: Final = "/conformance/"
"""Below this path is what the kit asks for; everything else is the scheme's own."""
WAITERS: Final = 64
_ONCE: Final = 3
"""How often one request may be sent where every answer is 401: the first time, and twice with new credentials."""
_RENEWALS: Final = 8
"""How often credentials may be renewed, in all, where every answer is 401."""
_OURS: Final = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "connection", "content-type", "content-length", "x-kit"}
)
_LONG: Final = 8
"""Characters of a value that is not found in a text by chance."""
_ASKED: Final[tuple[tuple[str, str, JSON], ...]] = (
    ("GET", f"{RESOURCES}plain", None),
    ("GET", f"{RESOURCES}query?b=2&a=1&b=1&e=&s=%2F+%7e&f=~;x", None),
    ("GET", f"{RESOURCES}path%2Fwith%20blanks/%E2%82%AC", None),
    ("POST", f"{RESOURCES}body", {"query": "π", "page": 1}),
    ("PUT", f"{RESOURCES}body?dry=true", [1, 2.5, None]),
)


class _Api:
    """The API of one test: answers what the kit asks for, and hands the rest to the author's ``answer``."""

    def __init__(self, kit: AuthConformance) -> None:
        self.kit = kit
        self.asked: list[Received] = []
        """Requests for what the kit asks for, in order."""
        self.own: list[Received] = []
        """Requests of the auth's own."""
        self.challenged = 0
        """How many of ``asked`` the author's ``answer`` replied to."""
        self.closed: Handler | None = None
        """What answers everything the kit asks for, instead of an API that is content."""
        self.genuine: list[Reply] = []
        """What the author's ``answer`` gave to requests of the auth's own."""
        self.before_own: Callable[[int], None] = lambda _: None
        """Called with its number before a request of the auth's own is answered."""
        self.own_answer: Callable[[Received, Reply], Reply] = lambda _, genuine: genuine
        """What the auth's own requests are answered with."""
        self._revoked: set[str] = set()
        self._lock = threading.Lock()

    def revoke(self) -> None:
        """Refuse from now on every credential that was seen so far."""
        self._revoked |= {self.kit.credential(request) for request in self.asked}

    def __call__(self, request: Received) -> Reply:
        if not request.path.startswith(RESOURCES):
            with self._lock:
                self.own.append(request)
                number = len(self.own)
            self.before_own(number)
            genuine = self.kit.answer(request) or Reply({"error": "not found"}, 404)
            self.genuine.append(genuine)
            return self.own_answer(request, genuine)
        with self._lock:
            self.asked.append(request)
            challenge = self.kit.answer(request)
            if challenge is not None:
                self.challenged += 1
                return challenge
        if self.closed is not None:
            return self.closed(request)
        return self.kit.refusal(request) if self.kit.credential(request) in self._revoked else Reply({"items": []})


class AuthConformance(PluginConformance):
    """What an auth must do. Inherit from it, and say what to test and how the API answers.

    ::

        class TestSignature(AuthConformance):
            strategy = Signature
            config = {"signingSecret": "0123456789-0123456789"}

    An auth that obtains something (a token, a nonce) asks for it at a path of the connection, which ``answer`` answers.
    """

    family = "auth"
    strategy: ClassVar[type[AuthStrategy[Any]] | AuthStrategy[Any]]
    signs: ClassVar[bool] = True
    """Whether anything is added to requests; False for an auth that lets them be."""
    shares: ClassVar[bool] = True
    """Whether what it obtains serves many requests; False where each request needs its own."""
    renews: ClassVar[bool | None] = None
    """Whether what the API refuses is obtained anew; None: whether it obtains anything."""

    def settings(self, url: str) -> Mapping[str, Any]:
        """Return settings that work with the API at this URL; by default ``config``."""
        del url
        return self.config

    def answer(self, request: Received) -> Reply | None:
        """Answer a request of the auth's own, or refuse one that is not signed as it should be; None: it is.

        Called for every request, from several threads, one at a time for what the kit asks for.
        """
        del request
        return None

    def refusal(self, request: Received) -> Reply:
        """Return how the API refuses credentials that have expired."""
        del request
        return Reply({"error": "unauthorized"}, 401)

    def credential(self, request: Received) -> str:
        """Return what of a request an API would revoke; by default all that was added to it, body aside."""
        added = sorted((name, value) for name, value in request.headers.items() if name.lower() not in _OURS)
        return f"{added} {urlsplit(request.target).query}"

    async def prepare(self, context: AuthContext) -> None:
        """Leave in ``context.tokens`` what somebody's login would have left there; by default nothing."""
        del context

    def example(self) -> Mapping[str, Any]:
        """Return settings that work with some API."""
        return self.settings("https://api.test")

    def test_building_touches_neither_network_nor_strategy(self, tmp_path: Path) -> None:
        """``build`` sends nothing and leaves no trace in the strategy, which serves every connection."""
        before = dict(vars(self.offered()))

        async def run(client: ApiClient, url: str) -> None:
            """Send nothing."""

        api, _ = self._run(run, tmp_path)
        require(not api.own, f"build() sent {[request.target for request in api.own]}; wait for the first request")
        require(vars(self.offered()) == before, "the strategy keeps something; what belongs to a connection goes there")

    def test_a_request_is_signed_and_otherwise_left_as_it_is(self, tmp_path: Path) -> None:
        """Method, path, query (byte for byte), body and the user's headers arrive as they were asked for."""
        bare = self._sent_for(_ASKED, tmp_path, AlwaysBare())
        signed = self._sent_for(_ASKED, tmp_path, self)
        for before, after in zip(bare, signed, strict=True):
            _compare(before, after)
            if self.signs:
                added = self.credential(after) != self.credential(before) or after.body != before.body
                require(added, f"nothing was added to {after.method} {after.target}; set signs = False if so intended")

    def test_each_request_is_sent_once(self, tmp_path: Path) -> None:
        """Where the API is content, what was asked for is asked for once, unless the API demanded a signature."""
        api, statuses = self._get(3, tmp_path)
        require(statuses == [200] * 3, f"the API is content, and the requests ended with {statuses}")
        sent = len(api.asked) - api.challenged
        require(sent == len(statuses), f"{len(statuses)} requests were sent {sent} times")

    def test_however_many_requests_wait_what_they_need_is_obtained_once(self, tmp_path: Path) -> None:
        """64 requests at once cost no more of the auth's own requests than one does."""
        one, _ = self._get(1, tmp_path / "one")
        many, statuses = self._get(WAITERS, tmp_path / "many")
        require(statuses == [200] * WAITERS, f"not all of {WAITERS} requests at once succeeded: {Counter(statuses)}")
        allowed = len(one.own) * (1 if self.shares else WAITERS)
        require(
            len(many.own) <= allowed,
            f"{WAITERS} requests at once cost {len(many.own)} requests of the auth's own, one alone {len(one.own)}: "
            "guard what is obtained with an asyncio.Lock; set shares = False if each request needs its own",
        )

    def test_64_requests_that_are_refused_together_cost_one_renewal(self, tmp_path: Path) -> None:
        """What the API refuses with 401 is obtained anew, once for all, and no request is lost."""
        counts: list[int] = []

        async def run(client: ApiClient, url: str) -> list[int | str]:
            statuses = await _get(client, url, 1)
            counts.append(len(api.own))
            api.revoke()
            statuses += await _get(client, url, WAITERS)
            counts.append(len(api.own))
            return statuses

        api = _Api(self)
        _, statuses = self._run(run, tmp_path, api=api)
        first, both = counts
        if not (first if self.renews is None else self.renews):
            pytest.skip("it obtains nothing that could be renewed")
        require(statuses == [200] * (WAITERS + 1), f"requests were lost to a 401: {Counter(statuses)}")
        allowed = first * (1 if self.shares else 2 * WAITERS)
        require(both - first <= allowed, f"a renewal cost {both - first} requests of the auth's own, a token {first}")

    def test_an_api_that_refuses_everything_is_not_asked_for_ever(self, tmp_path: Path) -> None:
        """Where every answer is 401, each request ends with an error, after few attempts."""
        api = _Api(self)
        one, _ = self._get(1, tmp_path / "one")
        api.closed = self.refusal
        _, statuses = self._get(WAITERS, tmp_path / "closed", api=api)
        expected = [str(status).startswith(StopReason.AUTH_FAILED) for status in statuses]
        require(all(expected), f"a 401 must end the request with {StopReason.AUTH_FAILED}: {Counter(statuses)}")
        self._require_named(statuses)
        sent = Counter(request.path for request in api.asked)
        most = _ONCE + (api.challenged > 0)
        require(max(sent.values()) <= most, f"a request was sent {max(sent.values())} times; {most} is the most")
        allowed = max(1, len(one.own)) * (_RENEWALS if self.shares else WAITERS * most)
        require(len(api.own) <= allowed, f"{len(api.own)} requests of the auth's own were made in vain")

    def test_cancelling_the_request_that_obtains_takes_it_from_nobody(self, tmp_path: Path) -> None:
        """The request that asks for a token is cancelled; those that wait for the same one get it."""
        asked, go = threading.Event(), threading.Event()

        def wait(number: int) -> None:
            if number == 1:
                asked.set()
                go.wait(10)

        async def run(client: ApiClient, url: str) -> list[int]:
            asking = asyncio.create_task(client.send(ApiRequest("GET", f"{url}{RESOURCES}asking")))
            done = asyncio.ensure_future(asyncio.to_thread(asked.wait, 10))
            await asyncio.wait({asking, done}, return_when=asyncio.FIRST_COMPLETED)
            if not api.own:
                asked.set()
                await asyncio.gather(asking, done)
                return []
            others = [
                asyncio.create_task(client.send(ApiRequest("GET", f"{url}{RESOURCES}{number}"))) for number in range(8)
            ]
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait({asking})
            go.set()
            return [(await asyncio.wait_for(other, 10)).status for other in others]

        api = _Api(self)
        api.before_own = wait
        _, statuses = self._run(run, tmp_path, api=api)
        if not api.own:
            pytest.skip("it obtains nothing")
        require(statuses == [200] * 8, f"requests that waited for the same token ended with {statuses}")

    def test_credentials_go_nowhere_else(self, tmp_path: Path) -> None:
        """Wherever redirects, links and challenges lead: another origin is sent nothing at all."""
        with serve(lambda _: Reply({"access_token": "elsewhere", "token": "elsewhere"})) as other:
            for number, lead in enumerate(_leads(other.url)):
                on_the_way, at_the_end = _Api(self), _Api(self)
                on_the_way.own_answer = _always(lead)
                at_the_end.closed = _always(lead)
                for name, api in (("way", on_the_way), ("end", at_the_end)):
                    self._get(1, tmp_path / f"{name}{number}", api=api)
                targets = [request.target for request in other.received]
                require(not targets, f"another origin was asked for {targets}, because an answer led there")

    def test_a_token_endpoint_that_answers_nonsense_is_an_error_that_says_so(self, tmp_path: Path) -> None:
        """Whatever the auth's own requests are answered with, the read ends with ``auth_failed`` and a message."""
        for number, nonsense in enumerate(_NONSENSE):
            api = _Api(self)
            api.own_answer = _always(nonsense)
            _, statuses = self._get(1, tmp_path / str(number), api=api)
            if not api.own:
                pytest.skip("it obtains nothing")
            self._require_named(statuses)

    def test_no_secret_shows_when_things_go_wrong(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Neither messages nor tracebacks nor logs nor prints show a secret, though every answer repeats it."""
        caplog.set_level("DEBUG")
        for number, (closed, own) in enumerate(((_echo, None), (None, _echo), (None, _misnamed))):
            api = _Api(self)
            api.closed = closed
            if own is not None:
                api.own_answer = own
            _, failures = self._run(_failures, tmp_path / str(number), api=api)
            obtained = _obtained(api)
            for failure in failures:
                self.show_no_secret("an error", failure, *obtained)
            for record in caplog.records:
                if record.thread != threading.get_ident():  # the author's API, which may say what it likes
                    continue
                self.show_no_secret(f"the logger {record.name}", f"{record.getMessage()} {record.args!r}", *obtained)
            out, err = capfd.readouterr()
            self.show_no_secret("what was printed", out + err, *obtained)

    def test_secrets_are_absent_from_the_repr_of_what_signs(self, tmp_path: Path) -> None:
        """No object of the plugin shows a secret when it is printed, before and after its first request."""
        shown: dict[str, str] = {}

        async def run(client: ApiClient, url: str) -> None:
            await _get(client, url, 1)
            auth = client._auth  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to be looked at
            shown.update(_objects_of(auth, type(self.offered()).__module__.partition(".")[0]))

        api, _ = self._run(run, tmp_path)
        for what, text in shown.items():
            self.show_no_secret(f"the repr of {what}", text, *_obtained(api))

    def _sent_for(self, asked: Sequence[tuple[str, str, JSON]], tmp_path: Path, kit: AuthConformance) -> list[Received]:
        """Return how requests arrived, the last of each."""
        sent: list[Received] = []

        async def run(client: ApiClient, url: str) -> None:
            for method, target, body in asked:
                await client.send(ApiRequest(method, f"{url}{target}", {"X-Kit": "kept"}, body))
                sent.append(api.asked[-1])

        api = _Api(kit)
        kit._run(run, tmp_path, api=api)
        return sent

    def _get(self, count: int, tmp_path: Path, *, api: _Api | None = None) -> tuple[_Api, list[int | str]]:
        """Get so many resources at once; the status of each, or what was wrong."""

        async def run(client: ApiClient, url: str) -> list[int | str]:
            return await _get(client, url, count)

        return self._run(run, tmp_path, api=api)

    def _run(
        self, use: Callable[[ApiClient, str], Any], tmp_path: Path, *, api: _Api | None = None
    ) -> tuple[_Api, Any]:
        """Open a client for a connection with this auth, and use it."""
        answering = api or _Api(self)

        async def run(url: str) -> Any:  # noqa: ANN401 - whatever ``use`` returns
            connection = HttpSettings(base_url=url, max_concurrent_requests=WAITERS, max_retries=0)
            auth = Chosen(cast("AuthStrategy[Any]", self.offered()), self.validated(self.settings(url)))
            async with authenticated(connection, auth, tokens=tmp_path / "tokens", prepare=self.prepare) as client:
                return await use(client, url)

        tmp_path.mkdir(exist_ok=True)
        with serve(answering) as server:
            return answering, asyncio.run(run(server.url))

    def _require_named(self, statuses: Sequence[int | str]) -> None:
        """Fail if an error was not raised on purpose."""
        crashed = f'the auth plugin "{self.offered().name}" failed: '
        bad = [status for status in statuses if isinstance(status, str) and crashed in status]
        require(not bad, f"raise penstock.errors.AuthError with what was answered, rather than: {bad[:1]}")


class AlwaysBare(AuthConformance):
    """The kit's own measure: requests that nobody signs."""

    signs = False

    def offered(self) -> Any:  # noqa: ANN401 - a strategy
        """Return an auth that adds nothing."""
        return _Bare()

    def settings(self, url: str) -> Mapping[str, Any]:
        """Return no settings."""
        del url
        return {}


async def _get(client: ApiClient, url: str, count: int) -> list[int | str]:
    async def one(number: int) -> int | str:
        try:
            return (await client.send(ApiRequest("GET", f"{url}{RESOURCES}{number}"))).status
        except ReadError as error:
            return f"{error.reason}: {error}"

    return await asyncio.gather(*map(one, range(count)))


async def _failures(client: ApiClient, url: str) -> list[str]:
    """Return all that the error of a request says, and those behind it."""
    said: list[str] = []
    try:
        await client.send(ApiRequest("GET", f"{url}{RESOURCES}failing"))
    except ReadError as error:
        said.append("".join(traceback.format_exception(error)))
        behind: BaseException | None = error
        while behind is not None:
            said.append(f"{behind} {behind!r} {behind.args!r}")
            behind = behind.__cause__ or behind.__context__
    return said


def _always(reply: Reply) -> Callable[..., Reply]:
    def answer(*_: object) -> Reply:
        return reply

    return answer


def _compare(before: Received, after: Received) -> None:
    """Fail unless the second request is the first one, signed."""
    require(after.method == before.method, f"{before.method} became {after.method}")
    require(after.path == before.path, f"the path {before.path} became {after.path}")
    asked, signed = (urlsplit(request.target).query.split("&") for request in (before, after))
    sent = iter(["", *signed])
    require(all(part in sent for part in asked), f"the query of {before.target} became that of {after.target}")
    require(after.headers["X-Kit"] == "kept", f"a header that the user set became {after.headers['X-Kit']!r}")
    for name in ("accept", "content-type", "host"):
        same = name == "host" or after.headers[name] == before.headers[name]
        require(same, f"the header {name} became {after.headers[name]!r}")
    if after.body != before.body:
        given, became = json.loads(before.body or b"null"), json.loads(after.body or b"null")
        kept = isinstance(given, dict) and isinstance(became, dict) and given.items() <= became.items()
        require(kept, f"the body {before.body!r} became {after.body!r}")


def _leads(url: str) -> Iterator[Reply]:
    """Iterate over answers that lead to another origin."""
    yield Reply({}, 302, {"Location": f"{url}/users"})
    yield Reply({}, 307, {"Location": f"{url}/users"})
    challenge = f'Bearer realm="{url}/token", authorization_uri="{url}/authorize", resource_metadata="{url}/meta"'
    links = {"Location": f"{url}/login", "Link": f'<{url}/login>; rel="next"', "Refresh": f"0; url={url}/login"}
    yield Reply({"login_url": f"{url}/login"}, 401, {"WWW-Authenticate": challenge, **links})
    everywhere = dict.fromkeys(("url", "next", "href", "endpoint", "token_endpoint", "refresh_url"), f"{url}/next")
    yield Reply({"access_token": "t", "token": "t", "nonce": "n", **everywhere}, 200, links)


_NONSENSE: Final = (
    Reply(b"<html>down</html>", 200, {"Content-Type": "text/html"}),
    Reply(b"<html>down</html>", 502, {"Content-Type": "text/html"}),
    Reply(b"", 204),
    Reply(b'{"cut', 200),
    Reply(b"\xff\xfe", 200),
    *(Reply(body) for body in cast("tuple[JSON, ...]", (None, 7, "text", [[]], {}, {"error": "busy"}))),
    *(Reply({"error": "unauthorized"}, status) for status in (400, 401, 500)),
)


def _told(request: Received) -> dict[str, JSON]:
    """Return a document that repeats a request whole."""
    headers: dict[str, JSON] = {name: str(value) for name, value in request.headers.items()}
    body = request.body.decode(errors="replace")
    text = f"cannot accept {request.target} {headers} {body}"
    return {"error": "invalid", "message": text, "error_description": text, "headers": headers, "body": body}


def _echo(request: Received, _: Reply | None = None) -> Reply:
    """Refuse a request, and repeat all it said."""
    return Reply(_told(request), 400)


def _misnamed(_: Received, genuine: Reply) -> Reply:
    """Give what was asked for under names that nobody expects."""
    body = cast("JSON", genuine.body)
    members = body if isinstance(body, dict) else {"all": body}
    return Reply({f"{name}_": value for name, value in members.items()}, genuine.status, genuine.headers)


def _obtained(api: _Api) -> list[str]:
    """Return what was obtained for a request and went with it."""
    sent = " ".join(f"{request.headers.items()} {request.target}" for request in api.asked)
    bodies = cast("list[JSON]", [reply.body for reply in api.genuine])
    values = [(path[-1], value) for body in bodies if isinstance(body, dict) for path, value in leaves(body)]
    return [
        value
        for name, value in values
        if isinstance(value, str) and len(value) >= _LONG and (value in sent or looks_secret(name))
    ]


def _objects_of(auth: object, package: str) -> dict[str, str]:
    """Return how everything of a package shows itself that can be reached from what signs."""
    waiting, met, shown = [auth], dict[int, object](), dict[str, str]()
    while waiting:
        one = waiting.pop()
        if id(one) in met or isinstance(one, type | ModuleType | FunctionType):
            continue
        met[id(one)] = one
        ours = type(one).__module__.partition(".")[0] == package
        if ours:
            shown[type(one).__qualname__] = f"{shown.get(type(one).__qualname__, '')} {one!r} {one}"
        if ours or isinstance(one, dict | list | tuple | set | frozenset):
            waiting += get_referents(one)
    return shown


class _BareConfig(PluginConfig):
    """Nothing."""


class _Bare(AuthStrategy[_BareConfig]):
    """Adds nothing."""

    name = "bare"
    Config = _BareConfig

    def build(self, config: _BareConfig, context: AuthContext) -> httpx.Auth:
        del config, context
        return httpx.Auth()
