"""What Port holds: pages of entities, of one blueprint or of ours, and single ones by name."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import chain
from typing import Any, Final, cast

from penstock.errors import SinkError
from penstock_sinks._port_api import Api, RefusalError

_LOG: Final = logging.getLogger(__name__)
PAGE: Final = 1000
"""Entities in a page of a search, as many as Port gives."""
OURS_PAGE: Final = 5000
"""Names in a page of all that is ours."""
NAMED: Final = 100
"""Identifiers in one search for them."""

Found = dict[str, Any]
Rule = Mapping[str, object]


def rule(name: str, operator: str, value: object) -> Rule:
    """Return one condition of a search."""
    return {"property": name, "operator": operator, "value": value}


class Finder:
    """Searches, a page at a time."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ours = (
            rule("$datasource", "contains", api.owner.prefix),
            rule("$datasource", "contains", api.owner.suffix),
        )

    async def blueprint(self, identifier: str) -> Mapping[str, Any]:
        """Return a blueprint; raises RefusalError where there is none."""
        body = (await self._api.call("GET", "blueprints", identifier)).body
        return cast("Mapping[str, Any]", body.get("blueprint") or {})

    async def blueprints(self) -> list[Mapping[str, Any]]:
        """Return all blueprints, sorted by identifier."""
        try:
            body = (await self._api.call("GET", "blueprints")).body
        except RefusalError as error:
            raise _unlisted("the blueprints", error) from error
        found = cast("list[Mapping[str, Any]]", body.get("blueprints") or [])
        return sorted(found, key=lambda one: str(one["identifier"]))

    async def pages(self, blueprint: Mapping[str, Any], *, ours: bool) -> AsyncIterator[list[Found]]:
        """Iterate over the entities of a blueprint, those of ours or all, in no order.

        Raises:
            RefusalError: Port refuses the search.
        """
        identifier = str(blueprint["identifier"])
        rules = [*self._ours] if ours else [rule("$blueprint", "=", identifier)]
        body: dict[str, object] = {
            "query": {"combinator": "and", "rules": rules},
            "include": list(_members_of(blueprint)),
            "limit": PAGE,
        }
        path = ("blueprints", identifier, "entities", "search")
        async for page in self._follow(path, body):
            yield page

    async def ours(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Iterate over the blueprints and identifiers of all that is ours, in no order."""
        asked: dict[str, object] = {
            "datasource_prefix": self._api.owner.prefix,
            "datasource_suffix": self._api.owner.suffix,
            "limit": OURS_PAGE,
        }
        try:
            async for page in self._follow(("blueprints", "entities", "datasource-entities"), asked):
                yield [(one["blueprint"], one["identifier"]) for one in page]
        except RefusalError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise _unlisted("our entities", error) from error
            _LOG.info("Port has no list of our entities: each blueprint is searched")
            async for names in self._ours_of_each():
                yield names

    async def named(self, blueprint: str, identifiers: Sequence[str], *, ours: bool) -> set[str]:
        """Return which of these there are, of ours or of all."""
        found: set[str] = set()
        rules = self._ours if ours else ()
        for start in range(0, len(identifiers), NAMED):
            chunk = identifiers[start : start + NAMED]
            entities = await self._search(blueprint, chunk, rules, ("identifier", "blueprint"))
            found.update(str(one["identifier"]) for one in entities)
        return found

    async def last_written(self, blueprint: str, identifiers: Sequence[str]) -> dict[str, str]:
        """Return when Port wrote those of these last that are ours (ISO 8601), by identifier."""
        found: dict[str, str] = {}
        for start in range(0, len(identifiers), NAMED):
            chunk = identifiers[start : start + NAMED]
            entities = await self._search(blueprint, chunk, self._ours, ("identifier", "blueprint", "updatedAt"))
            found.update((str(one["identifier"]), str(one.get("updatedAt") or "")) for one in entities)
        return found

    async def read(self, blueprint: str, identifiers: Sequence[str]) -> list[Found]:
        """Return those of these that there are, whole, whoever owns them."""
        found: list[Found] = []
        for start in range(0, len(identifiers), NAMED):
            found += await self._search(blueprint, identifiers[start : start + NAMED], (), ())
        return found

    async def matching(self, blueprint: str, query: Rule) -> list[str]:
        """Return the names of what a search query finds in a blueprint."""
        body = {"combinator": "and", "rules": [rule("$blueprint", "=", blueprint), query]}
        options = "exclude_calculated_properties=true&include=blueprint&include=identifier"
        try:
            answer = (await self._api.call("POST", "entities", "search", query=options, body=body)).body
        except RefusalError as error:
            raise _unlisted(f"entities of {blueprint}", error) from error
        return [str(one["identifier"]) for one in cast("list[Found]", answer.get("entities") or [])]

    async def _search(
        self, blueprint: str, identifiers: Sequence[str], rules: Sequence[Rule], include: Collection[str]
    ) -> list[Found]:
        wanted = [rule("$identifier", "in", list(identifiers)), rule("$blueprint", "=", blueprint), *rules]
        query = "&".join(["exclude_calculated_properties=true", *(f"include={name}" for name in include)])
        body = {"combinator": "and", "rules": wanted}
        try:
            answer = (await self._api.call("POST", "entities", "search", query=query, body=body)).body
        except RefusalError as error:
            raise _unlisted(f"entities of {blueprint}", error) from error
        return cast("list[Found]", answer.get("entities") or [])

    async def _ours_of_each(self) -> AsyncIterator[list[tuple[str, str]]]:
        for blueprint in await self.blueprints():
            try:
                async for page in self.pages(blueprint, ours=True):
                    yield [(str(blueprint["identifier"]), one["identifier"]) for one in page]
            except RefusalError as error:
                raise _unlisted(f"our entities of {blueprint['identifier']}", error) from error

    async def _follow(self, path: Sequence[str], body: dict[str, object]) -> AsyncIterator[list[Found]]:
        while True:
            answer = (await self._api.call("POST", *path, body=body)).body
            page = cast("list[Found]", answer.get("entities") or [])
            if page:
                yield page
            following = answer.get("next")
            if not following:
                return
            if following == body.get("from"):  # what is not listed would look as if it were not there
                message = f"Port's list {'/'.join(path)} does not end: it names the same page twice"
                raise SinkError(message)
            body["from"] = following


def _members_of(blueprint: Mapping[str, Any]) -> Iterator[str]:
    """Name what can be written: nothing that Port calculates."""
    schema = cast("Mapping[str, Any]", blueprint.get("schema") or {})
    properties = cast("Mapping[str, Any]", schema.get("properties") or {})
    relations = cast("Mapping[str, Any]", blueprint.get("relations") or {})
    return chain(
        ("identifier", "blueprint", "title", "icon", "team"),
        (f"properties.{name}" for name in properties),
        (f"relations.{name}" for name in relations),
    )


def _unlisted(what: str, error: RefusalError) -> SinkError:
    return SinkError(f"Port does not list {what}: {error.message} ({error.status} {error.code})")
