"""``sink: {type: sqlite}``: a catalog in one SQLite file.

The table ``entities`` has a row for each entity (``team``, ``properties`` and ``relations`` as JSON text), and each
blueprint a view of its name with one column for each property and relation (``penstock_views`` lists them). The file
is in WAL mode: others may read it during a sync. Closed, it is one plain file that can be copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from penstock import PluginConfig, Sink, SinkContext, SinkStrategy, hookimpl
from penstock_sinks._database import Database
from penstock_sinks._sink import StoreSink, is_there
from penstock_sinks._store import Rehearsal, Store


class SqliteConfig(PluginConfig):
    """Settings of ``sink: {type: sqlite}``."""

    path: Path = Field(
        default=Path("catalog.db"), description="the file; made when it does not exist, in a folder that does"
    )


class Sqlite(SinkStrategy[SqliteConfig]):
    """A catalog in one SQLite file, for SQL, Datasette and spreadsheets."""

    name = "sqlite"
    Config = SqliteConfig

    def open(self, config: SqliteConfig, context: SinkContext) -> Sink:
        """Return the sink; the file is opened when it is entered."""
        return StoreSink(Store(config.path, context.source))

    def rehearse(self, config: SqliteConfig, context: SinkContext, folder: Path) -> Sink:
        """Return a sink for a copy of the file, made when it is entered."""
        return StoreSink(Rehearsal(config.path, context.source, folder / "catalog.db"))

    def exists(self, config: SqliteConfig) -> bool:
        """Return whether there is something at the path."""
        return is_there(config.path)

    def unusable(self, config: SqliteConfig) -> Mapping[str, str]:
        """Return whether the path is in no folder, is one, or is of something else."""
        why = Database(config.path).flaw()
        return {"path": why} if why else {}


@hookimpl
def penstock_sink() -> Sqlite:
    """Offer SQLite."""
    return Sqlite()
