"""Map items as a sync does, without a source or a sink."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from penstock.config.models import (
    Chosen,
    EntityMapping,
    ExpressionLimits,
    ItemsToParse,
    RequestSpec,
    Resource,
)
from penstock.expressions import Evaluator
from penstock.strategies import PaginationStrategy, PluginConfig
from penstock.sync.transform import MappedItems, Mapper
from penstock.values import JSON, Page, PageRequest, Stop, StopReason

TIERS = ["compiled subset", "libjq"]
"""The two ways an expression may be evaluated; ``evaluator_of`` forces either."""


class OnePage(PaginationStrategy[PluginConfig]):
    """Asks for nothing more."""

    name = "one_page"
    Config = PluginConfig

    def first(self, config: PluginConfig) -> PageRequest:
        del config
        return PageRequest()

    def next(self, config: PluginConfig, page: Page) -> PageRequest | Stop:
        del config, page
        return Stop(StopReason.SINGLE_REQUEST)


def evaluator_of(tier: str) -> Evaluator:
    """Return an evaluator with a short time limit, with or without the compiled subset."""
    limits = ExpressionLimits(timeout=0.5, memory_bytes=256 * 1024 * 1024)
    return Evaluator(limits, compile_subset=None if tier == TIERS[0] else lambda _: None)


def resource_of(
    *entities: Mapping[str, object], query: str = "true", items_to_parse: ItemsToParse | None = None
) -> Resource:
    """Return a resource that maps items to these entities, written as in a mapping file."""
    return Resource(
        index=0,
        kind="/items",
        request=RequestSpec("/items", "GET", {}, {}, {}, Chosen(OnePage(), PluginConfig())),
        path_parameters=(),
        query=query,
        data_path=None,
        items_to_parse=items_to_parse,
        entities=tuple(EntityMapping.model_validate(entity) for entity in entities),
    )


def map_items(
    evaluator: Evaluator, resource: Resource, items: Sequence[JSON], path_values: Mapping[str, str] | None = None
) -> MappedItems:
    """Map one page with a new mapper."""
    return asyncio.run(Mapper(resource, evaluator).map(items, path_values or {}))
