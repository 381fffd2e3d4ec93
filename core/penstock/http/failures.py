"""What can go wrong with a request: every error names the request, what happened and how often it was tried."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from msgspec import Struct

from penstock.errors import ReadError
from penstock.http.documents import MESSAGE_CHARACTERS, excerpt, shorten
from penstock.http.moments import in_words
from penstock.http.silence import SilenceError
from penstock.values import StopReason


class HttpError(ReadError):
    """A request that gave no usable answer."""

    def __init__(self, message: str, *, reason: StopReason, status: int | None = None, attempts: int = 0) -> None:
        super().__init__(shorten(message, MESSAGE_CHARACTERS), reason=reason)
        self.status = status
        """Of the last answer; None when there was none."""
        self.attempts = attempts


class RequestFailedError(HttpError):
    """No answer, or an error status, after the retries."""


class AuthFailedError(HttpError):
    """The credentials were refused, or could not be obtained."""


class QuotaError(HttpError):
    """The source asks to wait longer than it may: a matter of time, not of anything broken."""

    def __init__(self, request: str, until: float) -> None:
        super().__init__(
            f"{request}: the source wants no requests before {in_words(until)}, which is later than maxRetryWait "
            "allows to wait; run again then",
            reason=StopReason.QUOTA,
        )
        self.until = until
        """Seconds since 1970."""


class UnreadableAnswerError(HttpError):
    """The answer is cut off, larger than the limit or badly encoded."""


class ForeignLinkError(HttpError):
    """The request or a redirect leads to an origin that is not allowed."""


class Told(Struct, frozen=True):
    """What every error says of its request."""

    request: str
    """``GET https://a.test/users?token=***``."""
    attempts: int
    note: str
    redact: Callable[[str], str]
    """Takes the secrets out of what the other side wrote."""

    def _tail(self, body: str = "") -> str:
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        note = f" ({self.note})" if self.note else ""
        return f"{tries}{note}: {body}" if body else f"{tries}{note}"

    def status(self, status: int, content: bytes, content_type: str) -> HttpError:
        """Return the error for an answer that is not a success."""
        refused = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        kind = AuthFailedError if refused else RequestFailedError
        reason = StopReason.AUTH_FAILED if refused else StopReason.REQUEST_FAILED
        return kind(self._answer(status, content, content_type), reason=reason, status=status, attempts=self.attempts)

    def limited(self, status: int, content: bytes, content_type: str) -> HttpError:
        """Return the error for an answer that still says, after the retries, that a rate limit is used up."""
        message = self._answer(status, content, content_type, "a rate limit")
        return RequestFailedError(message, reason=StopReason.REQUEST_FAILED, status=status, attempts=self.attempts)

    def quota(self, until: float) -> HttpError:
        """Return the error for a request that has to wait longer than it may."""
        return QuotaError(self.request, until)

    def unjudged(self, why: str) -> HttpError:
        """Return the error for an answer of which the user's expression could not tell what it is."""
        return RequestFailedError(
            f"{self.request}: {self.redact(why)}", reason=StopReason.EXPRESSION_FAILED, attempts=self.attempts
        )

    def silence(self, error: SilenceError) -> HttpError:
        """Return the error for a request that was not answered, or not to the end."""
        message = f"{self.request}: {self.redact(str(error))}{self._tail()}"
        if error.cut_off:
            return UnreadableAnswerError(message, reason=StopReason.UNREADABLE_ANSWER, attempts=self.attempts)
        return RequestFailedError(message, reason=StopReason.REQUEST_FAILED, attempts=self.attempts)

    def unsendable(self, why: str) -> HttpError:
        """Return the error for a request that cannot be sent at all."""
        return RequestFailedError(f"{self.request}: {self.redact(why)}", reason=StopReason.REQUEST_FAILED)

    def unreadable(self, why: str) -> HttpError:
        """Return the error for a success that cannot be read."""
        return UnreadableAnswerError(
            f"{self.request}: {self.redact(why)}", reason=StopReason.UNREADABLE_ANSWER, attempts=self.attempts
        )

    def auth(self, why: str) -> HttpError:
        """Return the error for an auth that could not get its credentials."""
        return AuthFailedError(
            f"{self.request}: the credentials could not be obtained: {self.redact(why)}{self._tail()}",
            reason=StopReason.AUTH_FAILED,
            attempts=self.attempts,
        )

    def redirect(self, status: int, why: str) -> HttpError:
        """Return the error for a redirect that is not followed."""
        return RequestFailedError(
            f"{self.request}: {self._status_text(status, '')}: {self.redact(why)}",
            reason=StopReason.REQUEST_FAILED,
            status=status,
            attempts=self.attempts,
        )

    def foreign(self, target: str, status: int | None = None) -> HttpError:
        """Return the error for a way that leads out of the allowed origins."""
        how = "leads" if status is None else "redirects"
        return ForeignLinkError(
            f"{self.request}: {how} to {target}, which is neither the origin of baseUrl nor in allowedOrigins; "
            "credentials are not sent there",
            reason=StopReason.FOREIGN_LINK,
            status=status,
            attempts=self.attempts,
        )

    def _answer(self, status: int, content: bytes, content_type: str, meaning: str = "") -> str:
        text = self._status_text(status, content_type)
        told = f"{text}, {meaning}" if meaning else text
        return f"{self.request}: {told}{self._tail(self._body(content, content_type))}"

    def _status_text(self, status: int, content_type: str) -> str:
        try:
            text = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:
            text = str(status)
        return f"{text} ({self.redact(content_type)})" if content_type else text

    def _body(self, content: bytes, content_type: str) -> str:
        # Redacted before it is cut: a secret that is cut in two would not be found.
        return excerpt(self.redact(content.decode(errors="replace")).encode(), content_type) if content else ""
