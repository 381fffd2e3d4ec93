"""Explanations made in this process, and an API whose answers change."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.config.load import Inputs
from penstock.config.places import load_places
from penstock.config.secrets import secrets_of
from penstock.explain.document import to_json
from penstock.explain.explain import Explanation
from penstock.explain.explain import explain as explain_entity
from penstock.redaction import Secrets
from penstock.values import EntityKey
from support.project import Project, user
from support.server import Received, Reply


class Api:
    """``/users`` in pages of three, ``/teams`` and their members; a path in ``broken`` answers 500."""

    def __init__(self) -> None:
        self.users = [user(number) for number in range(1, 8)]
        self.members: dict[str, list[str]] = {"a": ["m1", "m2"], "b": ["m3"]}
        self.broken: set[str] = set()

    def __call__(self, request: Received) -> Reply:
        if request.path in self.broken:
            return Reply({"message": "out of order"}, 500)
        if request.path == "/teams":
            return Reply([{"id": team} for team in self.members])
        if request.path.startswith("/teams/"):
            return Reply([{"id": member} for member in self.members[request.path.split("/")[2]]])
        start = 3 * int(request.param("page", "1")) - 3
        return Reply({"users": self.users[start : start + 3]})


def explain(project: Project, blueprint: str, identifier: str, *, offline: bool = False) -> Explanation:
    """Explain an entity of a project, as the command does."""
    settings = project.settings()
    places = load_places(Inputs(config_file=project.folder / "penstock.yml"))
    secrets = Secrets(secrets_of(settings))
    key = EntityKey(blueprint, identifier)
    return asyncio.run(explain_entity(settings, secrets, places, key, place="the catalog", offline=offline))


def document(project: Project, blueprint: str, identifier: str, *, offline: bool = False) -> dict[str, Any]:
    """The same as programs get it."""
    return to_json(explain(project, blueprint, identifier, offline=offline))
