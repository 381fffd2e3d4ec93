"""A plan in a file, for ``penstock apply``: what it was made for, then a change a line; no secrets.

The first line is an object with ``penstock_plan``, the format's number. So it is written and compared in bounded
memory, and can be looked through with line tools.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, cast

import orjson
from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from penstock.config.models import Settings
from penstock.errors import ConfigurationError, Problem
from penstock.expressions.exact import decode, encode
from penstock.plan.changes import Change
from penstock.plan.plan import Plan
from penstock.redaction import Redactor, Secrets
from penstock.sync.report import Status
from penstock.sync.requests import canonical
from penstock.sync.task import mapping_of
from penstock.values import JSON

FORMAT: Final = 1
_MARK: Final = "penstock_plan"
_NEW: Final = "make a new one with `penstock plan --out FILE`"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Basis(_Model):
    """What a plan was made for; digests say whether it is the same without repeating it."""

    source: str
    base_url: str
    sink: str
    place: str
    sink_settings: str
    mapping: str
    deletion: str


class KindStatus(_Model):
    """How a kind was read."""

    kind: str
    status: Status


class Header(_Model):
    """The first line of a plan file."""

    penstock_plan: int = FORMAT
    made_at: str
    basis: Basis
    only: tuple[str, ...]
    """Kinds that were read; all when empty."""
    full: bool = False
    """Whether everything was read: ``--full``."""
    kinds: tuple[KindStatus, ...]
    changes: int
    """How many lines follow."""


def basis_of(settings: Settings, place: str, secrets: Secrets) -> Basis:
    """Return what a plan with these settings is made for."""
    redactor, sink = secrets.redactor, settings.sink
    return Basis(
        source=settings.source,
        base_url=redactor(settings.connection.http.base_url),
        sink=sink.strategy.name,
        place=redactor(place),
        sink_settings=_digest(sink.config.model_dump(mode="json"), redactor),
        mapping=_digest(mapping_of(settings), redactor),
        deletion=_digest(settings.flags.model_dump(mode="json"), redactor),
    )


def _digest(value: object, redactor: Redactor) -> str:
    """Return a digest of a value without its secrets: they may be other ones where the plan is applied."""
    plain = cast("JSON", orjson.loads(canonical(value)))
    return sha256(canonical(redactor.json(plain))).hexdigest()


def plan_lines(plan: Plan, basis: Basis, only: Collection[str]) -> Iterator[bytes]:
    """Yield the lines of a plan file."""
    header = Header(
        made_at=plan.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        basis=basis,
        only=tuple(kind.kind for kind in plan.kinds if kind.name in only),
        full=plan.full,
        kinds=tuple(KindStatus(kind=kind.kind, status=kind.status) for kind in plan.kinds),
        changes=sum(plan.counts.values()),
    )
    yield encode(header.model_dump(mode="json")) + b"\n"
    for change in plan.changes():
        yield encode(change.to_json()) + b"\n"


class PlanFile(Struct, frozen=True):
    """A plan that was read back; its changes are read when they are needed."""

    path: Path
    header: Header

    def changes(self) -> Iterator[Change]:
        """Iterate over them as the file has them.

        Raises:
            ConfigurationError: A line is none.
        """
        with self.path.open("rb") as lines:
            next(lines)
            for number, line in enumerate(lines, start=2):
                try:
                    change = Change.from_json(decode(line))
                except ValueError as error:
                    raise _refusal(f"{self.path}:{number}", f"{error}; {_NEW}") from error
                yield change

    def require_basis(self, basis: Basis) -> None:
        """Refuse to go on with other settings than the plan was made with.

        Raises:
            ConfigurationError: Names all that is different.
        """
        where, found = str(self.path), list(_other_basis(self.header.basis, basis))
        if found:
            raise ConfigurationError([*(Problem(where, f"it was made {text}") for text in found), Problem(where, _NEW)])


def read_plan(path: Path) -> PlanFile:
    """Read what a plan file was made for, and see that it is whole.

    Raises:
        ConfigurationError: It is none, or not of this format.
    """
    try:
        with path.open("rb") as lines:
            header = _header(path, next(lines, b""))
            count = sum(line.endswith(b"\n") for line in lines)
    except OSError as error:
        raise _refusal(str(path), f"it cannot be read: {error.strerror}") from error
    if count != header.changes:
        message = f"it is not whole: it has {count} changes of {header.changes}; {_NEW}"
        raise _refusal(str(path), message)
    return PlanFile(path, header)


def _other_basis(planned: Basis, now: Basis) -> Iterator[str]:
    """Yield what a plan was made for and would not be made for now."""
    if planned.source != now.source:
        yield f'for the source "{planned.source}", not "{now.source}"'
    if planned.base_url != now.base_url:
        yield f"for {planned.base_url}, not for {now.base_url}"
    if (planned.sink, planned.place) != (now.sink, now.place):
        yield f"for {planned.place} (sink {planned.sink}), not for {now.place} (sink {now.sink})"
    elif planned.sink_settings != now.sink_settings:
        yield f"with other settings of the sink {now.sink}"
    if planned.mapping != now.mapping:
        yield "with another mapping: resources have been edited since"
    if planned.deletion != now.deletion:
        yield "with other settings of what may be deleted, such as entityDeletionThreshold"


def _header(path: Path, line: bytes) -> Header:
    try:
        content = orjson.loads(line)
        number = content[_MARK]
        if number == FORMAT:
            return Header.model_validate(content)
    except (ValueError, TypeError, LookupError) as error:  # pydantic's ValidationError is a ValueError
        raise _refusal(str(path), f"it is no plan; {_NEW}") from error
    message = f"it is a plan of format {number}, and this penstock knows {FORMAT}; {_NEW}"
    raise _refusal(str(path), message)


def _refusal(where: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(where, message)])
