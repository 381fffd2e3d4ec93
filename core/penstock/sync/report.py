"""What a run did: the numbers and errors of each kind, and the exit code they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import asdict

from penstock.values import JSON, RemarkLevel, StopReason

Status: TypeAlias = Literal["complete", "incomplete", "held", "interrupted"]
Extent: TypeAlias = Literal["full", "changes"]

EXIT_CODES: Final[dict[Status, int]] = {"complete": 0, "incomplete": 1, "held": 3, "interrupted": 130}
MAX_MESSAGES: Final = 50
"""Messages kept per kind; the counters count all."""


class Message(Struct, frozen=True):
    """Something a person should know, and where it happened."""

    where: str
    """The kind, request, item or setting: ``/teams/{team}/members team=core page 3``."""
    message: str


Heard: TypeAlias = Callable[[RemarkLevel, Message], None]


class KindReport(Struct, eq=False):
    """One resource of the mapping in one run; all numbers are counts."""

    kind: str
    status: Status = "complete"
    requests: int = 0
    pages: int = 0
    not_modified: int = 0
    """Pages that are the same as in an earlier run, as the source says: nothing of them was sent or written."""
    fetched: int = 0
    """Raw items."""
    selected: int = 0
    """Items (after ``itemsToParse``) for which the selector was true."""
    filtered: int = 0
    """Items for which it was false."""
    skipped: int = 0
    """Selected items without an identifier or blueprint."""
    failed: int = 0
    """Items that broke an expression they need, and entities that the sink refused."""
    refused: int = 0
    """Entities that the sink refused."""
    duplicates: int = 0
    """Entities that came more than once; where they differ, the last one counts."""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    held: int = 0
    """Deletions that wait for approval."""
    kept: int = 0
    """Entities that are missing and stay, for their deletion was rejected."""
    missing: int = 0
    """Entities that this read did not show, kept until later complete ones do not show them either."""
    stop_reasons: Counter[StopReason] = field(default_factory=Counter[StopReason])
    """How the reads of its partitions ended."""
    errors: list[Message] = field(default_factory=list[Message])
    """Why it is not complete; at most ``MAX_MESSAGES``."""
    warnings: list[Message] = field(default_factory=list[Message])
    """What is odd and did no harm; at most ``MAX_MESSAGES``."""
    extent: Extent = "full"
    """Whether everything was asked for, or only what has changed since an earlier run: then nothing was deleted."""
    full_because: str | None = None
    """Why everything of a resource with ``incremental`` was asked for; None where it was not, and of all others."""
    seconds: float = 0.0
    redact: Callable[[str], str] = str
    """Takes secrets out of a message at once: by the end of the run, those of its beginning may be forgotten."""
    heard: Heard | None = None
    """Hears each message that is kept."""

    def error(self, where: str, message: str) -> None:
        """Record why this kind is incomplete."""
        self.status = "incomplete"
        self._keep("error", self.errors, where, message)

    def warn(self, where: str, message: str) -> None:
        """Record something odd."""
        self._keep("warning", self.warnings, where, message)

    def _keep(self, level: RemarkLevel, messages: list[Message], where: str, message: str) -> None:
        if len(messages) < MAX_MESSAGES:
            shown = Message(self.redact(where), self.redact(message))
            if shown not in messages:
                messages.append(shown)
                if self.heard is not None:
                    self.heard(level, shown)


class RunReport(Struct, eq=False):
    """One run; ``kinds`` has one entry per resource, in the mapping's order."""

    run: str
    source: str
    started_at: datetime
    """Aware, UTC."""
    kinds: list[KindReport] = field(default_factory=list[KindReport])
    seconds: float = 0.0
    interrupted: bool = False
    resumed: bool = False
    """Whether it went on where an earlier one was broken off; its numbers are those of its own part."""
    unmapped: list[KindReport] = field(default_factory=list[KindReport])
    """One for each kind that is not in the mapping any more, where entities of it are held or were deleted."""
    resume_at: datetime | None = None
    """Before this the source wants no requests, so the run ended early; None where it did not."""

    @property
    def status(self) -> Status:
        """The worst of the kinds: interrupted, incomplete, held, complete."""
        if self.interrupted:
            return "interrupted"
        found = {kind.status for kind in (*self.kinds, *self.unmapped)}
        if "incomplete" in found:
            return "incomplete"
        return "held" if "held" in found else "complete"

    @property
    def exit_code(self) -> int:
        """The process's exit code (an interrupted run's is 130; whoever knows the signal was SIGTERM uses 143)."""
        return EXIT_CODES[self.status]

    def redact(self, redactor: Callable[[str], str]) -> None:
        """Pass every message through ``redactor``."""
        for kind in (*self.kinds, *self.unmapped):
            for messages in (kind.errors, kind.warnings):
                messages[:] = [Message(redactor(one.where), redactor(one.message)) for one in messages]

    def to_json(self) -> JSON:
        """Return the report as documented: numbers are integers (``seconds`` is not), times RFC 3339 in UTC."""
        return {
            "run": self.run,
            "source": self.source,
            "status": self.status,
            "resumed": self.resumed,
            "started_at": _to_text(self.started_at),
            "resume_at": None if self.resume_at is None else _to_text(self.resume_at),
            "seconds": round(self.seconds, 3),
            "kinds": [_kind_to_json(kind) for kind in self.kinds],
            "unmapped": [
                {"kind": kind.kind, "held": kind.held, "deleted": kind.deleted, **_messages_to_json(kind)}
                for kind in self.unmapped
            ],
        }


def _to_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kind_to_json(kind: KindReport) -> JSON:
    content = {**asdict(kind), **_messages_to_json(kind)}
    for name in ("redact", "heard"):
        del content[name]
    content["stop_reasons"] = {reason.value: count for reason, count in sorted(kind.stop_reasons.items())}
    content["seconds"] = round(kind.seconds, 3)
    return content


def _messages_to_json(kind: KindReport) -> dict[str, JSON]:
    return {
        name: [asdict(message) for message in messages]
        for name, messages in (("errors", kind.errors), ("warnings", kind.warnings))
    }
