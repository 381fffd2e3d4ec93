"""The source's side of a run: one client, the answers that several resources need, and the expressions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from penstock.config.models import RequestSpec, Settings
from penstock.config.secrets import secrets_of
from penstock.expressions import Evaluator
from penstock.http.auth import build_auth
from penstock.http.client import ApiClient
from penstock.sync.answers import SharedAnswers, name_of, shared_requests
from penstock.sync.read import Extract, Read
from penstock.sync.requests import Endpoint


class Source(NamedTuple):
    """An opened source."""

    settings: Settings
    client: ApiClient
    evaluator: Evaluator
    answers: SharedAnswers
    shared: frozenset[str]
    """The names of the requests that ``answers`` keeps."""

    def open_read(self, spec: RequestSpec, values: Mapping[str, str], extract: Extract) -> Read:
        """Begin to read a request with these path values; nothing is sent before the first page is asked for.

        Raises:
            ReadError: A path value cannot be part of a URL.
        """
        endpoint = Endpoint.of(self.settings.connection.http, spec, values)
        send = self.answers.send if name_of(spec) in self.shared else self.client.send
        return Read(endpoint, send, extract)


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncGenerator[Source]:
    """Make a source's client and all that belongs to it, and close it at the end; nothing is sent yet."""
    auth = settings.connection.auth
    name, secrets = auth.strategy.name, secrets_of(settings)
    async with ApiClient(settings.connection.http, build_auth(auth), auth_name=name, secrets=secrets) as client:
        with SharedAnswers(client.send) as answers, Evaluator(settings.expressions) as evaluator:
            yield Source(settings, client, evaluator, answers, shared_requests(settings.resources))
