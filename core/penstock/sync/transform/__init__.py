"""Turn the items of a page into entities."""

from penstock.sync.transform.expand import source_path
from penstock.sync.transform.items import Extract, Extracted, extract_elements, extract_items, name_of_type
from penstock.sync.transform.mapper import Mapper
from penstock.sync.transform.result import MappedItems

__all__ = [
    "Extract",
    "Extracted",
    "MappedItems",
    "Mapper",
    "extract_elements",
    "extract_items",
    "name_of_type",
    "source_path",
]
