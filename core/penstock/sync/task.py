"""What a run was told to read, in a word: only a run with the same task can go on where another was broken off."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from penstock.config.models import RequestSpec, Resource, Settings
from penstock.sync.answers import name_of
from penstock.sync.requests import canonical


def digest_of(settings: Settings, only: Collection[str]) -> str:
    """Return a digest of everything that decides which pages are read, and which entities they become."""
    parts = (settings.source, settings.connection.http.base_url, mapping_of(settings), sorted(only), settings.anew)
    return sha256(canonical(parts)).hexdigest()


def mapping_of(settings: Settings) -> list[object]:
    """Return all that the mapping says of pages and entities, as JSON; it may hold secrets."""
    return [resource_of(resource) for resource in settings.resources]


def resource_of(resource: Resource) -> list[object]:
    """Return what the mapping says of one resource."""
    expansion = resource.items_to_parse
    return [
        resource.kind,
        _request(resource.request),
        [[one.name, _request(one.request), one.data_path, one.field, one.filter] for one in resource.path_parameters],
        resource.query,
        resource.data_path,
        None if expansion is None else [expansion.expression, expansion.name, expansion.remove_source],
        [entity.model_dump(mode="json") for entity in resource.entities],
        None if resource.incremental is None else resource.incremental.model_dump(mode="json"),
    ]


def _request(request: RequestSpec) -> list[object]:
    return [name_of(request), request.pagination.strategy.name, request.pagination.config.model_dump(mode="json")]
