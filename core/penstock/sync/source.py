"""The source's side of a run: one client, the answers that several resources need, and the expressions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

from penstock.config.models import HttpSettings, RequestSpec, Settings
from penstock.expressions import Evaluator
from penstock.http.auth import build_auth
from penstock.http.client import ApiClient
from penstock.http.errands import Errands
from penstock.http.judge import judge_by
from penstock.http.wire import Wire
from penstock.redaction import Secrets
from penstock.strategies import TokenSlot, TokenStore
from penstock.sync.answers import SharedAnswers, name_of, shared_requests
from penstock.sync.read import Read, Recall
from penstock.sync.requests import Endpoint
from penstock.sync.spool import Kept, Send
from penstock.sync.transform import Extract


class Source(Struct, frozen=True):
    """An opened source."""

    settings: Settings
    client: ApiClient
    secrets: Secrets
    """What must be neither shown nor kept."""
    evaluator: Evaluator
    answers: SharedAnswers
    shared: frozenset[str]
    """The names of the requests that ``answers`` keeps."""
    send_for_pages: Send
    send_for_parents: Send

    def open_read(
        self, spec: RequestSpec, values: Mapping[str, str], extract: Extract, recall: Recall | None = None
    ) -> Read:
        """Begin to read a request with these path values; nothing is sent before the first page is asked for.

        ``recall`` knows pages of earlier runs; it is not asked about what several resources need, which is read whole.

        Raises:
            ReadError: A path value cannot be part of a URL.
        """
        return self._open(spec, values, extract, self.send_for_pages, recall)

    def open_discovery(self, spec: RequestSpec, values: Mapping[str, str], extract: Extract) -> Read:
        """Begin to read what names partitions; as ``open_read``."""
        return self._open(spec, values, extract, self.send_for_parents)

    def _open(
        self, spec: RequestSpec, values: Mapping[str, str], extract: Extract, send: Send, recall: Recall | None = None
    ) -> Read:
        endpoint = Endpoint.of(self.settings.connection.http, spec, values)
        limit = self.settings.plugins.blocking_timeout
        if name_of(spec) in self.shared:
            return Read(endpoint, self.answers.send, extract, blocking_timeout=limit)
        return Read(endpoint, send, extract, recall, blocking_timeout=limit)


class _Tokens(TokenStore):
    """What an auth may reach of the store of the settings, which few ways of logging in ask for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def locked(self, label: str) -> AbstractAsyncContextManager[TokenSlot]:
        """Hold the label's lock for the length of an ``async with`` block."""
        from penstock.tokens import FileTokens, OwnTokens  # noqa: PLC0415 - 6 ms of a start

        auth = self._settings.connection.auth
        return OwnTokens(FileTokens.of(self._settings.tokens), auth.strategy, auth.config).locked(label)


@asynccontextmanager
async def open_source(
    settings: Settings,
    secrets: Secrets,
    kept: Kept | None = None,
    make_wire: Callable[[HttpSettings], Wire] | None = None,
) -> AsyncGenerator[Source]:
    """Make a source's client and all that belongs to it, and close it at the end; nothing is sent yet.

    Args:
        settings: How to reach it.
        secrets: What no message may show; learns what is obtained on the way.
        kept: Where answers are kept; nowhere by default.
        make_wire: Gives what sends the requests; a plain ``Wire`` by default.
    """
    http, auth = settings.connection.http, settings.connection.auth
    async with (make_wire or Wire)(http) as wire:
        errands = Errands(http, wire, _Tokens(settings), secrets)
        with Evaluator(settings.expressions) as evaluator:
            judge = None if http.rate_limit_when is None else judge_by(evaluator.compile(http.rate_limit_when))
            signing, name = build_auth(auth, errands, settings.plugins), auth.strategy.name
            client = ApiClient(
                http, signing, wire, errands, secrets, auth_name=name, judge=judge, limits=settings.plugins
            )
            pages, parents = kept.senders(client.send) if kept else (client.send, client.send)
            with SharedAnswers(parents) as answers:
                shared = shared_requests(settings.resources)
                yield Source(settings, client, secrets, evaluator, answers, shared, pages, parents)
