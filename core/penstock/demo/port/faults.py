"""What can be told to go wrong, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from penstock.demo.port.wire import Answer, Received

Name: TypeAlias = Literal[
    "limited", "broken", "unavailable", "expired", "slow", "dropped", "missing", "too_large", "forbidden"
]
"""429; 500; 503; 401; an answer that takes ``seconds``; done, and the connection breaks; 404; 413; 403."""
_STATUS: Final[dict[Name, tuple[int, str]]] = {
    "limited": (429, "too_many_requests"),
    "broken": (500, "internal_error"),
    "unavailable": (503, "unavailable"),
    "expired": (401, "unauthorized"),
    "missing": (404, "not_found"),
    "too_large": (413, "payload_too_large"),
    "forbidden": (403, "forbidden"),
}


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong with the next ``times`` requests to paths that end in ``path``."""

    name: Name
    path: str
    times: int = 1
    seconds: float = 0.0
    holding: str = ""
    """Only with requests whose body has this."""


@dataclass(slots=True)
class Faults:
    """The switches."""

    pending: list[Fault] = field(default_factory=list[Fault])
    rejected: dict[str, str] = field(default_factory=dict[str, str])
    """Identifiers of entities that are refused whenever they are written, and with what words."""

    def due(self, request: Received) -> Fault | None:
        """Return what goes wrong with this request."""
        path = request.target.partition("?")[0]
        for fault in self.pending:
            if fault.times > 0 and path.endswith(fault.path) and fault.holding.encode() in request.body:
                fault.times -= 1
                return fault
        return None


def instead(fault: Fault) -> Answer | None:
    """Return what is answered before anything is done; None where the request is to be served."""
    if fault.name not in _STATUS:
        return None
    status, error = _STATUS[fault.name]
    headers = {"x-trace-id": "trace-of-a-fault"}
    if fault.name == "limited":
        headers["retry-after"] = f"{fault.seconds:g}"
    return Answer({"ok": False, "error": error, "message": f"told to: {fault.name}"}, status, headers)
