"""Plans made in this process, and what a folder holds, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock import Entity, OwnedEntity
from penstock.config.models import Settings
from penstock.http.lending import Lent
from penstock.plan.apply import Applied, apply_plan
from penstock.plan.changes import Change
from penstock.plan.file import basis_of, plan_lines, read_plan
from penstock.plan.plan import Plan
from penstock.plan.rehearse import rehearsal
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.sinks import open_sink, sink_exists
from support.project import Project, user
from support.server import ApiServer, routes

PLACE = "the catalog"
SECRET = "s3cret-t0ken"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was made: its report, and its changes in the order of plan files."""

    report: RunReport
    changes: list[Change]


def plan(project: Project, *, only: Collection[str] = (), out: Path | None = None) -> Planned:
    """Plan; write the plan to a file if one is named."""

    async def run() -> tuple[Planned, list[bytes]]:
        settings, secrets = project.settings(), Secrets()
        async with rehearsal(settings, secrets, only=only, observer=Observer(), stop=asyncio.Event()) as found:
            made = Plan(settings, PLACE, found, secrets)
            lines = list(plan_lines(made, basis_of(settings, PLACE, secrets), only))
            return Planned(found.report, list(made.changes())), lines

    planned, lines = asyncio.run(run())
    if out is not None:
        out.write_bytes(b"".join(lines))
    return planned


def apply(project: Project, file: Path) -> Applied:
    """Apply a plan file."""
    return asyncio.run(
        apply_plan(
            read_plan(file),
            project.settings(),
            Secrets(),
            place=PLACE,
            observer=Observer(),
            stop=asyncio.Event(),
        )
    )


def entities(settings: Settings) -> dict[tuple[str, str], Entity]:
    """What the catalog of these settings holds; nothing where there is none."""

    async def read() -> dict[tuple[str, str], Entity]:
        async with open_sink(settings.sink, Lent("a reader", Secrets())) as sink:
            return {(one.blueprint, one.identifier): one async for chunk in sink.entities() for one in chunk}

    return asyncio.run(read()) if sink_exists(settings.sink) else {}


def owned(settings: Settings) -> list[OwnedEntity]:
    """What of the catalog belongs to the source of these settings, and which kind wrote it."""

    async def read() -> list[OwnedEntity]:
        async with open_sink(settings.sink, Lent(settings.source, Secrets())) as sink:
            return [one async for chunk in sink.owned() for one in chunk]

    return asyncio.run(read())


def outcome(report: RunReport) -> list[Mapping[str, Any]]:
    """What a report says of each kind, without what depends on the clock and on how often was tried."""
    content = report.to_json()
    assert isinstance(content, dict)
    kinds: Any = content["kinds"]
    return [{name: value for name, value in kind.items() if name not in {"seconds", "requests"}} for kind in kinds]


def change(api: ApiServer) -> None:
    """Have one user come, one go and two change, and all teams go."""
    users = [
        {**user(0), "email": SECRET},
        {**user(1), "name": "`One` |\n@two </details>"},
        user(2),
        {"id": 9, "name": "New"},
    ]
    api.handler = routes({"/users": {"users": users}, "/teams": []})
