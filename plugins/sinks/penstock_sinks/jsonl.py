"""``sink: {type: jsonl}``: a folder with one file ``<blueprint>.jsonl`` for each blueprint.

Each line is one entity, sorted by identifier: ``{blueprint, identifier, title, icon, team, properties, relations,
source, kind}``, the last two saying who owns it and which kind wrote it last. What the name of a file cannot hold is
percent-encoded. The files change when the sink is closed, each at once; those without changes are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from penstock import PluginConfig, Sink, SinkContext, SinkStrategy, hookimpl
from penstock_sinks._folder import Folder, Rehearsal, flaw
from penstock_sinks._sink import StoreSink, is_there


class JsonlConfig(PluginConfig):
    """Settings of ``sink: {type: jsonl}``."""

    path: Path = Field(
        default=Path("catalog"), description="the folder; made when it does not exist, in a folder that does"
    )


class Jsonl(SinkStrategy[JsonlConfig]):
    """A catalog as text, one line an entity, for git, diff and jq."""

    name = "jsonl"
    Config = JsonlConfig

    def open(self, config: JsonlConfig, context: SinkContext) -> Sink:
        """Return the sink; the folder is opened when it is entered."""
        return StoreSink(Folder(config.path, context.source))

    def rehearse(self, config: JsonlConfig, context: SinkContext, folder: Path) -> Sink:
        """Return a sink for the entities of the folder, read when it is entered; the lines are not written back."""
        return StoreSink(Rehearsal(config.path, context.source, folder / "catalog.db"))

    def exists(self, config: JsonlConfig) -> bool:
        """Return whether there is something at the path."""
        return is_there(config.path)

    def unusable(self, config: JsonlConfig) -> Mapping[str, str]:
        """Return whether the path is in no folder, or is of a file."""
        why = flaw(config.path)
        return {"path": why} if why else {}


@hookimpl
def penstock_sink() -> Jsonl:
    """Offer JSON lines."""
    return Jsonl()
