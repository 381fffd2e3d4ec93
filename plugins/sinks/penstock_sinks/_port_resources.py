"""The files with which an installation begins: ``blueprints`` and ``port-app-config`` in a folder (sync.md 8.2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self, cast

import yaml

from penstock import JSON
from penstock.errors import SinkError

DEFAULT: Final = Path(".port/resources")
_OF_OCEAN: Final = Path("/app/.port/resources")
"""The same in Ocean's image, whose working directory is not ours: who comes from there mounts files there."""
_LOG: Final = logging.getLogger(__name__)
_SUFFIXES: Final = (".json", ".yaml", ".yml")
_OTHERS: Final = ("actions", "scorecards", "pages")
"""Files that Ocean makes something of, and we do not."""


class Resources(NamedTuple):
    """What the files hold; None for a file that is not there."""

    blueprints: JSON = None
    mapping: dict[str, JSON] | None = None

    @classmethod
    def beneath(cls, folder: Path) -> Self:
        """Read the files of a folder, or of one of the usual ones where that is not there.

        Raises:
            SinkError: A file cannot be read, holds no YAML or JSON, or no mapping where it should.
        """
        folder = next((one for one in (folder, DEFAULT, _OF_OCEAN) if one.is_dir()), DEFAULT)
        for name in _OTHERS:
            for file in _files(folder, name):
                _LOG.warning("%s: is not sent to Port: of the resources only blueprints and port-app-config are", file)
        mapping = _only(folder, "port-app-config")
        if mapping is not None and not isinstance(mapping, dict):
            raise SinkError(f"{folder / 'port-app-config'}: expected a mapping document with resources")
        return cls(_only(folder, "blueprints"), mapping)


def _files(folder: Path, name: str) -> Iterator[Path]:
    return (file for suffix in _SUFFIXES if (file := folder / f"{name}{suffix}").is_file())


def _only(folder: Path, name: str) -> JSON:
    files = list(_files(folder, name))
    if len(files) > 1:
        raise SinkError(f"{files[0]} and {files[1]} are there: only one of them can be meant")
    if not files:
        return None
    [file] = files
    try:
        content: object = yaml.load(file.read_text("utf-8-sig"), _Loader)  # noqa: S506 - see there; JSON is YAML
    except OSError as error:
        raise SinkError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SinkError(f"{file}: the file is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SinkError(f"{file}:{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise SinkError(f"{file}: is not YAML: {error}") from error
    return cast("JSON", content)


class _Loader(yaml.SafeLoader):
    """Reads a date as the text that it is: the document goes to Port as JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - so PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
