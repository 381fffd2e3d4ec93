"""A catalog as a folder of JSON lines, with a store in front of it.

While it is open, the entities are in a private SQLite file inside the folder (``.staging.db``), read from the lines on
opening: so that a batch is durable when ``write`` returns, memory is bounded, and all rules are those of the store.
Closing writes the files of changed blueprints anew and removes it. Should the process be killed in between, the staging
file stays: it has every whole batch, and the next one to open the folder goes on with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

import orjson

from penstock import JSON, Entity
from penstock.errors import SinkError
from penstock_sinks._database import Database, require_parent
from penstock_sinks._json import UnstorableError, decode, text_flaw
from penstock_sinks._merge import fresh, offer
from penstock_sinks._store import CHUNK, Row, Store

STAGING: Final = ".staging.db"
TEMPORARY: Final = ".publishing.tmp"
MAX_NAME: Final = 200
"""Bytes of a file's name; file systems stop at 255."""

_MEMBERS: Final = frozenset(Row._fields)
_LOADED: Final = "SELECT 1 FROM sqlite_master WHERE name = 'changed'"
_WATCH: Final = (
    "CREATE TABLE changed (blueprint TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    "CREATE TRIGGER inserted AFTER INSERT ON entities BEGIN INSERT OR IGNORE INTO changed VALUES (new.blueprint); END",
    "CREATE TRIGGER updated AFTER UPDATE ON entities BEGIN INSERT OR IGNORE INTO changed VALUES (new.blueprint); END",
    "CREATE TRIGGER deleted AFTER DELETE ON entities BEGIN INSERT OR IGNORE INTO changed VALUES (old.blueprint); END",
)


class _Lines(Store):
    """A store that is filled from the lines of a folder.

    Args:
        path: The folder.
        source: Who writes.
        staging: The file of the store.
    """

    def __init__(self, path: Path, source: str, staging: Path) -> None:
        super().__init__(staging, source)
        self._path = path
        self._lock: int | None = None
        """File descriptor of the folder, locked while it is open."""

    def _lock_folder(self) -> None:
        self._lock = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock_folder(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _load(self) -> None:
        """Read the lines, unless the store has them already."""
        if self.database.read(_LOADED):
            return
        try:
            with self.database.transaction():  # of one piece, so that a staging file is either empty or whole
                for file in sorted(self._path.glob("*.jsonl")):
                    self._load_file(file)
                for statement in _WATCH:
                    self.database.execute(statement)
        except BaseException:
            self._remove_staging()
            raise

    def _load_file(self, file: Path) -> None:
        with self._explained("read"), file.open("rb") as lines:
            rows = _rows(file, lines)
            while chunk := list(islice(rows, CHUNK)):
                try:
                    self.add(chunk)
                except sqlite3.IntegrityError as error:
                    message = f"{file}: an identifier comes twice, at or before {chunk[-1].identifier!r}"
                    raise SinkError(message) from error

    def _remove_staging(self) -> None:
        """Remove the staging file while the folder is still locked; SQLite removes its log when it is closed."""
        self.database.abandon()
        self.database.path.unlink(missing_ok=True)

    @contextmanager
    def _explained(self, doing: str) -> Generator[None]:
        try:
            yield
        except BlockingIOError as error:
            message = f"{self._path}: cannot {doing} the catalog: another process is using it"
            raise SinkError(message) from error
        except OSError as error:
            message = f"{self._path}: cannot {doing} the catalog: {error.strerror or error}"
            raise SinkError(message) from error


class Folder(_Lines):
    """The entities of one folder, seen by one source; no other process may have it open."""

    def __init__(self, path: Path, source: str) -> None:
        super().__init__(path, source, path / STAGING)

    def open(self) -> None:
        """Lock the folder, and read it unless a killed process has left its staging file."""
        try:
            with self._explained("open"):
                require_parent(self._path)
                self._path.mkdir(exist_ok=True)
                self._lock_folder()
            super().open()
            self._load()
        except BaseException:
            self._leave()
            raise

    def close(self) -> None:
        """Write the changed files, remove the staging file and unlock the folder."""
        if self._lock is None:
            return
        try:
            with self._explained("write to"):
                for [blueprint] in self.database.read("SELECT blueprint FROM changed"):
                    self._publish(blueprint)
                os.fsync(self._lock)
                self._remove_staging()
        finally:
            self._leave()

    def _publish(self, blueprint: str) -> None:
        target, temporary = self._path / file_name(blueprint), self._path / TEMPORARY
        try:
            with temporary.open("wb") as file:
                rows = self.rows(blueprint)
                found = bool(rows)
                while rows:
                    file.writelines(map(_line, rows))
                    rows = self.rows(blueprint, rows[-1])
                file.flush()
                os.fsync(file.fileno())
            if found:
                temporary.replace(target)
            else:
                target.unlink(missing_ok=True)
        finally:
            temporary.unlink(missing_ok=True)

    def _leave(self) -> None:
        self.database.abandon()
        self._unlock_folder()


def flaw(path: Path) -> str:
    """Return why a path cannot be that of a catalog; empty where it can be."""
    try:
        require_parent(path)
        return f"{path} is a file; name a folder" if path.exists() and not path.is_dir() else ""
    except OSError as error:
        return f"{path}: {error.strerror or error}"


class Rehearsal(_Lines):
    """The entities of one folder, in a file elsewhere, to which anything may be done; the folder stays as it is.

    Args:
        path: The folder; it need not exist.
        source: Who writes.
        copy: The file.
    """

    def __init__(self, path: Path, source: str, copy: Path) -> None:
        super().__init__(path, source, copy)
        self._left = Database(path / STAGING)
        """What a killed process may have left, which is then what the folder holds."""

    def open(self) -> None:
        """Read the folder, which is locked meanwhile."""
        try:
            with self._explained("read"):
                require_parent(self._path)
                if self._path.exists():
                    self._lock_folder()
                    self._left.copy_to(self.database.path)
            super().open()
            self._load()
        finally:
            self._unlock_folder()


def file_name(blueprint: str) -> str:
    """Return the name of a blueprint's file: what is no letter, digit, ``_``, ``.``, ``-`` or ``~`` is percent-encoded.

    So is a leading dot; where a name is too long, a digest stands for its end.
    """
    name = quote(blueprint, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME - 33]}~{hashlib.sha256(blueprint.encode()).hexdigest()[:32]}"
    return f"{name}.jsonl"


def _line(row: Row) -> bytes:
    names = {"blueprint": row.blueprint, "identifier": row.identifier, "title": row.title, "icon": row.icon}
    owner = {"source": row.source, "kind": row.kind}
    texts = f',"team":{row.team or "null"},"properties":{row.properties},"relations":{row.relations},'
    return orjson.dumps(names)[:-1] + texts.encode() + orjson.dumps(owner)[1:] + b"\n"


def _rows(file: Path, lines: Iterator[bytes]) -> Iterator[Row]:
    right = None
    for number, line in enumerate(lines, start=1):
        try:
            row = _row(decode(line.decode().rstrip("\n")))
            if row.blueprint != right and file_name(row.blueprint) != file.name:
                message = f'the blueprint "{row.blueprint}" has the file {file_name(row.blueprint)}'
                raise UnstorableError(message)
        except ValueError as error:
            message = f"{file}:{number}: {error}"
            raise SinkError(message) from error
        right = row.blueprint
        yield row


def _row(line: JSON) -> Row:
    if not isinstance(line, dict) or line.keys() != _MEMBERS:
        message = f"a line must be an object of {', '.join(Row._fields)}"
        raise UnstorableError(message)
    for name in ("source", "kind"):
        if flaw := text_flaw(line[name]):
            message = f"{name} {flaw}"
            raise UnstorableError(message)
    for name in ("properties", "relations"):
        if not isinstance(line[name], dict):
            message = f"{name} must be an object"
            raise UnstorableError(message)
    entity = Entity(
        blueprint=cast("str", line["blueprint"]),  # texts are looked at by offer()
        identifier=cast("str", line["identifier"]),
        title=cast("str | None", line["title"]),
        icon=cast("str | None", line["icon"]),
        team=line["team"],
        properties=cast("dict[str, JSON]", line["properties"]),
        relations=cast("dict[str, JSON]", line["relations"]),
    )
    content = fresh(offer(entity))
    return Row(cast("str", line["source"]), cast("str", line["kind"]), entity.blueprint, entity.identifier, *content)
