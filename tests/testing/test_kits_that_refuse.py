"""The kits notice what is wrong: for each rule a plugin that breaks it, which the test of that rule refuses."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
import pytest
from pydantic import ConfigDict, Field, SecretStr, field_validator

from penstock import (
    JSON,
    UNSET,
    AuthContext,
    AuthStrategy,
    Entity,
    EntityBatch,
    EntityKey,
    Outcome,
    OwnedEntity,
    Page,
    PageRequest,
    PaginationStrategy,
    PluginConfig,
    Sink,
    SinkContext,
    SinkStrategy,
    Stop,
    StopReason,
)
from penstock.errors import AuthError
from penstock.testing import Answer, AuthConformance, Catalog, PaginationConformance, Received, Reply, SinkConformance
from penstock.testing.auth import RESOURCES

SECRET = "s3cret-of-the-test"


class TokenConfig(PluginConfig):
    """Settings of a token that is asked for."""

    password: SecretStr = Field(description="what is handed in for a token")
    token_path: str = Field(default="/token", description="where")


class Signing(httpx.Auth):
    """Asks for a token, once, and again after a 401; as it should be."""

    requires_response_body = True

    def __init__(self, config: TokenConfig, context: AuthContext) -> None:
        self.config, self.context = config, context
        self.lock = asyncio.Lock()
        self._token = ""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        used = await self.token("")
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {await self.token(used)}"
            yield request

    async def token(self, refused: str) -> str:
        async with self.lock:
            if self._token == refused:
                self._token = await self.context.to_the_end(self.obtain())
            return self._token

    async def obtain(self) -> str:
        asked = httpx.Request("POST", self.context.url(self.config.token_path), json={"pw": self.password()})
        answer = await self.context.send(asked)
        try:
            token = answer.json()["token"]
        except (ValueError, LookupError, TypeError) as error:
            message = f"the token endpoint answered {answer.status_code}, without a token"
            raise AuthError(message) from error
        if not isinstance(token, str):
            message = "the token is no text"
            raise AuthError(message)
        self.context.conceal(token)
        return token

    def password(self) -> str:
        return self.config.password.get_secret_value()


class Good(AuthStrategy[TokenConfig]):
    """A token that is asked for."""

    name = "token"
    Config = TokenConfig
    signing: ClassVar[type[Signing]] = Signing

    def build(self, config: TokenConfig, context: AuthContext) -> httpx.Auth:
        return self.signing(config, context)


class GoodConformance(AuthConformance):
    strategy = Good
    config = {"password": SECRET}

    @cached_property
    def numbers(self) -> Iterator[int]:
        return itertools.count(1)

    def answer(self, request: Received) -> Reply | None:
        if request.path.startswith(RESOURCES):
            return None if request.headers["Authorization"] else Reply({}, 401)
        return Reply({"token": f"a-token-with-number-{next(self.numbers)}"})


class TestGood(GoodConformance):
    """The kit refuses nothing that is right."""

    def test_it_is_tried(self) -> None:
        assert self.offered().name == "token"


def signed_by(signing: type[Signing]) -> AuthConformance:
    """Return the kit for another way of signing."""

    class Bad(Good):
        """Not as it should be."""

    Bad.signing = signing
    kit = GoodConformance()
    kit.strategy = Bad()  # type: ignore[misc, assignment]
    return kit


class Unlocked(Signing):
    async def token(self, refused: str) -> str:
        if self._token == refused:
            self._token = await self.obtain()
        return self._token


class GivenUpHalfway(Signing):
    task: asyncio.Task[str] | None = None

    async def token(self, refused: str) -> str:
        if self.task is None or (refused and self.task.result() == refused):
            self.task = asyncio.create_task(self.obtain())
        return await self.task  # which a cancelled waiter takes with it


class Final401(Signing):
    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self.token('')}"
        yield request


class Stubborn(Signing):
    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        refused = ""
        for _ in range(20):
            refused = await self.token(refused)
            request.headers["Authorization"] = f"Bearer {refused}"
            if (yield request).status_code != 401:
                return


class Crashing(Signing):
    async def obtain(self) -> str:
        asked = httpx.Request("POST", self.context.url("/token"))
        return str((await self.context.send(asked)).json()["token"])


class Curious(Signing):
    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        async for one in super().async_auth_flow(request):
            response = yield one
            if "Location" in response.headers:
                yield httpx.Request("GET", response.headers["Location"], headers=request.headers)


class Rewriting(Signing):
    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.url = request.url.copy_set_param("sig", await self.token(""))  # which decodes and encodes the others
        request.headers["Authorization"] = "Bearer x"
        yield request


class Twice(Signing):
    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self.token('')}"
        yield request
        yield request


class Telling(Signing):
    async def obtain(self) -> str:
        logging.getLogger("acme").info("logging in with %s", self.password())
        return await super().obtain()


class Printing(Signing):
    async def obtain(self) -> str:
        token = await super().obtain()
        print(f"got {token}")  # noqa: T201
        return token


class Shown(Signing):
    def __repr__(self) -> str:
        return f"Shown({self._token!r})"


class Impatient(Signing):
    def __init__(self, config: TokenConfig, context: AuthContext) -> None:
        super().__init__(config, context)
        httpx.post(context.url("/token"))


SIGNING: dict[str, tuple[type[Signing], str, str]] = {
    "asks for a token each time": (
        Unlocked, "test_however_many_requests_wait_what_they_need_is_obtained_once", "asyncio.Lock",
    ),
    "renews for each": (Unlocked, "test_64_requests_that_are_refused_together_cost_one_renewal", "a renewal cost"),
    "is cancelled": (GivenUpHalfway, "test_cancelling_the_request_that_obtains_takes_it_from_nobody", "|."),
    "takes a 401 for final": (Final401, "test_64_requests_that_are_refused_together_cost_one_renewal", "lost to a 401"),
    "never gives up": (Stubborn, "test_an_api_that_refuses_everything_is_not_asked_for_ever", "was sent 20 times"),
    "crashes": (Crashing, "test_a_token_endpoint_that_answers_nonsense_is_an_error_that_says_so", "raise .*AuthError"),
    "follows links": (Curious, "test_credentials_go_nowhere_else", "another origin was asked for"),
    "rewrites the query": (Rewriting, "test_a_request_is_signed_and_otherwise_left_as_it_is", "the query of"),
    "sends twice": (Twice, "test_each_request_is_sent_once", "3 requests were sent 6 times"),
    "logs": (Telling, "test_no_secret_shows_when_things_go_wrong", "the logger acme shows a secret"),
    "prints": (Printing, "test_no_secret_shows_when_things_go_wrong", "what was printed shows a secret"),
    "shows itself": (Shown, "test_secrets_are_absent_from_the_repr_of_what_signs", "the repr of"),
    "sends when built": (Impatient, "test_building_touches_neither_network_nor_strategy", "build.. sent"),
}  # fmt: skip


@pytest.mark.parametrize("what", SIGNING)
def test_the_kit_refuses_an_auth_that(what: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    signing, rule, message = SIGNING[what]
    test = getattr(signed_by(signing), rule)
    more = [request.getfixturevalue(name) for name in ("caplog", "capfd")] if "no_secret" in rule else []

    with pytest.raises((AssertionError, asyncio.CancelledError), match=message):
        test(tmp_path, *more)


class Open(TokenConfig):
    """Takes anything."""

    model_config = ConfigDict(extra="ignore", frozen=False)


class Bare(PluginConfig):
    password: SecretStr
    api_token: str = Field(default="", description="a secret")


class Leaky(TokenConfig):
    """Repeats what it refuses."""

    @field_validator("password")
    @classmethod
    def _plain(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().isprintable():
            message = f"{value.get_secret_value()} cannot be sent"
            raise ValueError(message)
        return value


@pytest.mark.parametrize(
    ("config", "rule", "message"),
    [
        (Open, "test_a_setting_that_does_not_exist_is_refused", "was accepted"),
        (Open, "test_settings_cannot_be_changed", "not frozen"),
        (Bare, "test_every_setting_is_documented", "needs a docstring"),
        (Bare, "test_secrets_are_declared_as_secrets", "api_token: a plain str"),
        (Leaky, "test_a_refusal_never_shows_a_secret", "the refusal of a setting shows a secret"),
    ],
)
def test_the_kit_refuses_settings_that_are_not_closed_documented_and_silent(
    config: type[PluginConfig], rule: str, message: str
) -> None:
    class Bad(Good):
        """Not as it should be."""

    Bad.Config = config  # type: ignore[assignment]
    kit = GoodConformance()
    kit.strategy = Bad()  # type: ignore[misc, assignment]

    with pytest.raises(AssertionError, match=message):
        getattr(kit, rule)()


class KeysetConfig(PluginConfig):
    """Settings of keys."""

    size: int = Field(default=4, description="how many a page")


class Keyset(PaginationStrategy[KeysetConfig]):
    """Goes on after the last item, as it should be."""

    name = "keyset"
    Config = KeysetConfig

    def first(self, config: KeysetConfig) -> PageRequest:
        return PageRequest(params={"limit": config.size})

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        if not page.items:
            return Stop(StopReason.EMPTY_PAGE)
        last = page.items[-1]
        key = last.get("id") if isinstance(last, dict) else None
        if not isinstance(key, int):
            return Stop(StopReason.MISSING_CURSOR, "the last item has no id")
        if page.repeats_previous:
            return Stop(StopReason.REPEATED_PAGE, "the API ignores after")
        return PageRequest(params={"limit": config.size, "after": key}, state={"after": key})


class KeysetConformance(PaginationConformance):
    strategy = Keyset
    page_size_setting = "size"

    def answer(self, asked: PageRequest, records: Sequence[dict[str, JSON]], cap: int) -> Answer:
        after, limit = asked.params.get("after", 0), asked.params.get("limit", cap)
        assert isinstance(after, int)
        assert isinstance(limit, int)
        left: list[JSON] = [record for record in records if int(str(record["id"])) > after]
        return Answer({"items": left[: min(cap, limit)], "total": len(records)})


class TestKeyset(KeysetConformance):
    """The kit refuses nothing that is right."""

    def test_it_is_tried(self) -> None:
        assert self.offered().name == "keyset"


class Counting(Keyset):
    """Counts its pages itself."""

    def __init__(self) -> None:
        self.pages = 0

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        self.pages += 1
        decided = super().next(config, page)
        return decided if isinstance(decided, Stop) else replace(decided, state=self.pages)


class Clocked(Keyset):
    """Looks at the clock."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        decided = super().next(config, page)
        return decided if isinstance(decided, Stop) else replace(decided, state=time.monotonic_ns())


class Reading(Keyset):
    """Reads a file."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        Path(__file__).read_bytes()
        return super().next(config, page)


class Tupled(Keyset):
    """Keeps a tuple."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        decided = super().next(config, page)
        return decided if isinstance(decided, Stop) else replace(decided, state=(1, 2))  # type: ignore[arg-type]


class Consuming(Keyset):
    """Takes items away."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        decided = super().next(config, page)
        if isinstance(page.body, dict):
            page.body.pop("total", None)
        return decided


class Guessing(Keyset):
    """Guesses wrongly."""

    def ahead(self, config: KeysetConfig, page: Page, steps: int) -> PageRequest | None:
        return PageRequest(params={"limit": config.size, "after": steps * 100})


class Trusting(Keyset):
    """Does not notice repeated pages."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        decided = super().next(config, replace(page, repeats_previous=False))
        return decided if isinstance(decided, Stop) else replace(decided, params={**decided.params, "n": page.index})


class Content(Keyset):
    """Takes a repeated page for the end."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        return Stop(StopReason.NO_MORE) if page.repeats_previous else super().next(config, page)


class Short(Keyset):
    """Stops too early."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        return Stop(StopReason.SHORT_PAGE) if page.index == 1 else super().next(config, page)


class Careless(Keyset):
    """Expects items."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        return PageRequest(params={"after": page.items[-1]["id"]}) if page.items else Stop(StopReason.EMPTY_PAGE)  # type: ignore[index,call-overload,dict-item]


class Adding(Keyset):
    """Counts with a total that may be anything."""

    def next(self, config: KeysetConfig, page: Page) -> PageRequest | Stop:
        total = page.body["total"] if isinstance(page.body, dict) else 0
        return Stop(StopReason.TOTAL_REACHED) if total + 0 < 0 else super().next(config, page)  # type: ignore[operator]


class Sizeless(Keyset):
    """Asks for no size."""

    def first(self, config: KeysetConfig) -> PageRequest:
        return PageRequest()


READING: dict[str, tuple[type[Keyset], Callable[[PaginationConformance], None], str]] = {
    "keeps what it counts": (Counting, lambda kit: kit.test_the_same_page_leads_to_the_same_decision(5), "not pure"),
    "looks at the clock": (Clocked, lambda kit: kit.test_the_same_page_leads_to_the_same_decision(5), "not pure"),
    "reads a file": (Reading, lambda kit: kit.test_nothing_outside_is_touched(), "touched the world outside"),
    "has no JSON for its state": (Tupled, lambda kit: kit.test_a_read_can_be_resumed_at_any_page(), "in JSON"),
    "changes the page": (Consuming, lambda kit: kit.test_a_page_is_left_as_it_is(), "changed the page"),
    "guesses wrongly": (Guessing, lambda kit: kit.test_what_is_asked_for_ahead_is_what_next_asks_for(13), "ahead"),
    "asks for a repeated page": (Trusting, lambda kit: kit.test_an_api_that_repeats_itself_is_noticed(1), "no end"),
    "takes a repetition for the end": (Content, lambda kit: kit.test_an_api_that_repeats_itself_is_noticed(1), "as if"),
    "stops too early": (Short, lambda kit: kit.test_an_api_that_behaves_is_read_whole(13, 4), "13 records came as"),
    "expects items": (Careless, lambda kit: kit.test_whatever_an_answer_is_the_read_comes_to_an_end(), "ReadError"),
    "expects a number": (
        Adding,
        lambda kit: kit.test_whatever_an_answer_says_of_the_next_page_the_read_comes_to_an_end(),
        "without total",
    ),
    "asks for no size": (Sizeless, lambda kit: kit.test_the_page_size_is_asked_for(2), "the largest page has"),
}


@pytest.mark.parametrize("what", READING)
def test_the_kit_refuses_a_pagination_that(what: str) -> None:
    strategy, rule, message = READING[what]
    kit = KeysetConformance()
    kit.strategy = strategy  # type: ignore[misc]

    with pytest.raises(AssertionError, match=message):
        rule(kit)


Row = dict[str, Any]


class FileConfig(PluginConfig):
    """Settings of a file."""

    path: Path = Field(description="the file")


class FileSink(Sink):
    """The whole catalog as one JSON file, as it should be but for a rehearsal."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        self.rows: dict[str, Row] = {}

    async def __aenter__(self) -> Self:
        self.rows = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        return self

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        outcomes = [self.put(batch.kind, entity) for entity in batch.entities]
        self.save()
        return outcomes

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        outcomes = [self.drop(key) for key in keys]
        self.save()
        return outcomes

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        for row in self.sorted():
            if row["source"] == self.source:
                yield [OwnedEntity(row["kind"], row["blueprint"], row["identifier"])]

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        for row in self.sorted():
            if blueprint in (None, row["blueprint"]):
                yield [Entity(**{name: row[name] for name in row if name not in ("source", "kind")})]

    def put(self, kind: str, entity: Entity) -> Outcome:
        try:
            key = self.key(entity)
        except (ValueError, TypeError) as error:
            return Outcome("refused", str(error))
        old = self.rows.get(key)
        if old and old["source"] != self.source:
            return Outcome("refused", f"it belongs to {old['source']}")
        row = self.merged(old or {}, entity)
        self.rows[key] = row | {"source": self.source, "kind": kind}
        return Outcome("created" if not old else "updated" if self.changed(old, row) else "unchanged")

    def changed(self, old: Row, row: Row) -> bool:
        before = {name: value for name, value in old.items() if name not in ("source", "kind")}
        return json.dumps(row, sort_keys=True) != json.dumps(before, sort_keys=True)

    def merged(self, old: Row, entity: Entity) -> Row:
        new = {name: value for name, value in asdict(entity).items() if value is not UNSET}
        for name in ("properties", "relations"):
            new[name] = {**old.get(name, {}), **new[name]}
        kept = {name: value for name, value in old.items() if name not in ("source", "kind")}
        return {"title": None, "icon": None, "team": None, **kept, **new}

    def key(self, entity: Entity) -> str:
        names: list[object] = [entity.blueprint, entity.identifier]
        if not all(isinstance(name, str) for name in names):
            message = "its names are no text"
            raise TypeError(message)
        if not entity.blueprint or not entity.identifier:
            message = "it has no name"
            raise ValueError(message)
        json.dumps(self.merged({}, entity), ensure_ascii=False, allow_nan=False).encode()
        return json.dumps([entity.blueprint, entity.identifier], ensure_ascii=False)

    def drop(self, key: EntityKey) -> Outcome:
        name = json.dumps([key.blueprint, key.identifier], ensure_ascii=False)
        row = self.rows.get(name)
        if row is None:
            return Outcome("absent")
        if row["source"] != self.source:
            return Outcome("refused", f"it belongs to {row['source']}")
        del self.rows[name]
        return Outcome("deleted")

    def sorted(self) -> list[Row]:
        return sorted(self.rows.values(), key=lambda row: (row["blueprint"], row["identifier"]))

    def save(self) -> None:
        self.path.write_text(json.dumps(self.rows, ensure_ascii=False), "utf-8")


class Files(SinkStrategy[FileConfig]):
    """One JSON file."""

    name = "files"
    Config = FileConfig
    sink: ClassVar[type[FileSink]] = FileSink

    def open(self, config: FileConfig, context: SinkContext) -> Sink:
        return self.sink(config.path, context.source)


class FilesConformance(SinkConformance):
    strategy = Files
    many = 50

    def settings(self, folder: Path) -> Mapping[str, Any]:
        return {"path": folder / "catalog.json"}


class TestFiles(FilesConformance):
    """The kit refuses nothing that is right."""

    def test_it_is_tried(self) -> None:
        assert self.offered().name == "files"


class Forgetful(FileSink):
    """Replaces whole entities."""

    def merged(self, old: Row, entity: Entity) -> Row:
        del old
        return super().merged({}, entity)


class Pythonic(FileSink):
    """Takes 1 for true."""

    def changed(self, old: Row, row: Row) -> bool:
        return {name: value for name, value in old.items() if name not in ("source", "kind")} != row


class Greedy(FileSink):
    """Takes what belongs to others."""

    def put(self, kind: str, entity: Entity) -> Outcome:
        for row in self.rows.values():
            row["source"] = self.source
        return super().put(kind, entity)


class Reordering(FileSink):
    """Sorts its outcomes."""

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        return sorted(await super().write(batch), key=lambda outcome: outcome.kind)


class Fragile(FileSink):
    """Lets one entity spoil a batch."""

    def put(self, kind: str, entity: Entity) -> Outcome:
        self.key(entity)
        return super().put(kind, entity)


class Lazy(FileSink):
    """Writes when it is closed."""

    def save(self) -> None:
        """Wait."""

    async def __aexit__(self, *_: object) -> None:
        FileSink.save(self)


class Unsorted(FileSink):
    """Lists as it comes."""

    def sorted(self) -> list[Row]:
        return list(self.rows.values())


class Unfenced(FileSink):
    """Claims without effect."""

    async def claim(self) -> None:
        """Do nothing."""


class Early(FileSink):
    """Makes its file at once."""

    def __init__(self, path: Path, source: str) -> None:
        super().__init__(path, source)
        path.touch()


KEEPING: dict[str, tuple[type[FileSink], str, tuple[object, ...], str]] = {
    "forgets": (Forgetful, "test_what_a_batch_does_not_mention_stays", ("title",), "expected"),
    "takes 1 for true": (Pythonic, "test_a_value_of_another_json_type_is_a_change", (1, True), "expected ..updated"),
    "takes from others": (Greedy, "test_an_entity_of_another_source_is_refused_and_stays", (), "expected 'refused'"),
    "mixes outcomes up": (Reordering, "test_outcomes_come_in_the_order_of_the_batch", (), "expected"),
    "fails for one": (
        Fragile,
        "test_what_cannot_be_kept_is_refused_and_the_rest_of_the_batch_goes_on",
        ("not a number",),
        "not JSON compliant",
    ),
    "is late": (Lazy, "test_what_was_written_is_durable_when_write_returns", (), "expected"),
    "does not sort": (Unsorted, "test_listings_are_sorted_by_code_point", (), "expected"),
    "claims for nothing": (Unfenced, "test_a_run_that_was_overtaken_writes_and_deletes_nothing", (), "DID NOT RAISE"),
}


@pytest.mark.parametrize("what", KEEPING)
def test_the_kit_refuses_a_sink_that(what: str, tmp_path: Path) -> None:
    sink, rule, arguments, message = KEEPING[what]

    class Bad(Files):
        """Not as it should be."""

    Bad.sink = sink
    catalog = Catalog(Bad(), {"path": tmp_path / "catalog.json"})

    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception), match=message):
        getattr(FilesConformance(), rule)(catalog, *arguments)


def test_the_kit_refuses_a_sink_that_touches_something_before_it_is_entered(tmp_path: Path) -> None:
    class Bad(Files):
        """Not as it should be."""

    Bad.sink = Early
    (tmp_path / "catalog").mkdir()
    catalog = Catalog(Bad(), {"path": tmp_path / "catalog" / "catalog.json"})

    with pytest.raises(AssertionError, match=r"catalog\.json"):
        FilesConformance().test_opening_touches_nothing_before_the_sink_is_entered(catalog, tmp_path)
