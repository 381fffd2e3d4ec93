"""The files of one source as they were at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self, cast

import orjson
from msgspec import Struct

from penstock.config.load import Inputs
from penstock.veiled import Veiled


class Files(Struct, frozen=True):
    """Where the configuration of a source stands."""

    config: Path | None
    """Our file; None where the environment says everything."""
    mapping: Path | None = None
    dotenv: Path | None = None
    """It need not exist."""
    ocean_config: Path | None = None
    """Nor need this: the file that Ocean has beside it."""

    def read(self) -> Snapshot:
        """Return what they hold now.

        Raises:
            OSError: One of them cannot be read.
            UnicodeDecodeError: One of them is not UTF-8 text.
        """
        there = Files(self.config, self.mapping, _if_there(self.dotenv), _if_there(self.ocean_config))
        return Snapshot(there, {str(file): file.read_text("utf-8-sig") for file in there.all() if file is not None})

    def all(self) -> Sequence[Path | None]:
        """Return them in the order in which they are given."""
        return (self.config, self.mapping, self.dotenv, self.ocean_config)


class Snapshot(Veiled, frozen=True):
    """A configuration that no longer changes; two of them are equal if the files hold the same."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"texts"})

    files: Files
    texts: Mapping[str, str]
    """What each file holds, by its path: there may be secrets in it."""

    def inputs(self, environ: Mapping[str, str]) -> Inputs:
        """Return where the settings of this snapshot come from."""
        return Inputs(
            config_file=self.files.config,
            mapping_file=self.files.mapping,
            environ=environ,
            dotenv=self.files.dotenv,
            ocean_config=self.files.ocean_config,
            text_of=self._text_of,
        )

    def to_json(self) -> bytes:
        """Return the snapshot for another process."""
        return orjson.dumps({"files": [name and str(name) for name in self.files.all()], "texts": self.texts})

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Return the snapshot that ``to_json`` wrote."""
        content = cast("dict[str, object]", orjson.loads(data))
        names = cast("list[str | None]", content["files"])
        files = Files(*(None if name is None else Path(name) for name in names))
        return cls(files, cast("dict[str, str]", content["texts"]))

    def _text_of(self, file: Path) -> str:
        return self.texts[str(file)]


def _if_there(file: Path | None) -> Path | None:
    return file if file is not None and file.is_file() else None
