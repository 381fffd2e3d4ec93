"""How Port says no."""

from __future__ import annotations

from collections.abc import Mapping


class RefusedError(Exception):
    """A request, or one entity of it, is refused."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message

    def body(self) -> Mapping[str, object]:
        """Return what the answer says."""
        return {"ok": False, "error": self.error, "message": self.message}


def invalid(message: str) -> RefusedError:
    """Return what says that something does not match its schema."""
    return RefusedError(422, "invalid_request", message)


def not_found(message: str) -> RefusedError:
    """Return what says that something is not there."""
    return RefusedError(404, "not_found", message)
