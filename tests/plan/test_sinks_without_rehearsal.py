from __future__ import annotations

import asyncio

import pytest

from penstock.errors import PluginError
from penstock.plan.rehearse import rehearsal
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from support.configuring import load, with_acme
from support.server import routes, serve


def test_a_sink_that_offers_no_rehearsal_is_named_and_nothing_is_fetched(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("project"))

    async def run(url: str) -> None:
        settings = load(
            f"connection: {{baseUrl: {url}}}\nsink: {{type: acme, url: x}}\nresources: []\n", plugins=with_acme()
        )
        async with rehearsal(settings, Secrets(), only=(), observer=Observer(), stop=asyncio.Event()):
            pass

    with serve(routes({})) as api:
        with pytest.raises(PluginError) as raised:
            asyncio.run(run(api.url))
        assert api.received == []

    assert str(raised.value) == "the sink acme cannot be planned for: its plugin does not offer rehearse()"
