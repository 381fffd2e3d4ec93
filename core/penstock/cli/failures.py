"""What the command line says, and how it ends, when something goes wrong."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from penstock.cli.console import say

if TYPE_CHECKING:
    from penstock.redaction import Secrets

FAILED: Final = 1
MISUSED: Final = 2
MOVED: Final = 4
"""A plan no longer fits; nothing was done."""
ABSENT: Final = 5
"""The catalog has no such entity."""
BUSY: Final = 75
"""``EX_TEMPFAIL`` of sysexits.h: try later."""
_OF_THE_MACHINE: Final = frozenset(
    {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENOSPC, errno.EPERM, errno.EROFS}
)
"""What an operating system refuses to whoever may not, or has no room: no defect of ours."""


class Context(Struct):
    """What the command knows by the time something goes wrong."""

    settings: object = None
    """Values whose secrets no message may show."""
    _secrets: Secrets | None = None
    _of: object = None

    @property
    def secrets(self) -> Secrets:
        """The secrets of the settings; whoever obtains others while the command runs adds them."""
        if self._secrets is None or self._of is not self.settings:
            from penstock.config.models import Settings
            from penstock.config.secrets import secrets_of
            from penstock.redaction import Secrets, secrets_in

            known = secrets_of(self.settings) if isinstance(self.settings, Settings) else secrets_in(self.settings)
            self._secrets, self._of = Secrets(known), self.settings
        return self._secrets

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        return self.secrets(text)


@contextmanager
def explained(*, verbose: bool) -> Generator[Context]:
    """End the process with a message and the exit code that fits, should the block raise.

    Errors raised on purpose are already fit for a user, and so is what the machine refuses. Anything else is a defect:
    its message is shown without secrets, and with ``verbose`` its traceback.
    """
    from penstock.errors import AlreadyRunningError, ConfigurationError, PenstockError

    context = Context()
    try:
        with _redacted_logs(context), _scrubbed(context):
            yield context
    except BrokenPipeError:
        raise  # nobody reads on; click ends quietly
    except ConfigurationError as error:
        for warning in error.warnings:
            say(context.redact(f"warning: {warning}"))
        for problem in error.problems:
            say(context.redact(str(problem)))
        _trace(error, context, verbose=verbose)
        raise SystemExit(code_of(error)) from error
    except AlreadyRunningError as error:
        say(context.redact(f"error: {error}"))
        raise SystemExit(code_of(error)) from error
    except PenstockError as error:
        say(context.redact(f"error: {error}"))
        _trace(error, context, verbose=verbose)
        raise SystemExit(code_of(error)) from error
    except Exception as error:
        if refused := refused_by_machine(error):
            say(context.redact(f"error: {refused}"))
            _trace(error, context, verbose=verbose)
            raise SystemExit(code_of(error)) from error
        say(context.redact(f"unexpected error: {type(error).__name__}: {error}"))
        if not verbose:
            say("run the command again with -v for the traceback, which a bug report needs")
        _trace(error, context, verbose=verbose)
        raise SystemExit(code_of(error)) from error


def code_of(error: Exception) -> int:
    """Return the exit code of a command that cannot go on."""
    from penstock.errors import AlreadyRunningError, ConfigurationError, PluginError

    if isinstance(error, AlreadyRunningError):
        return BUSY
    return MISUSED if isinstance(error, ConfigurationError | PluginError) else FAILED


def refused_by_machine(error: Exception) -> str:
    """Return what the operating system has refused, and for which file; empty where the error is something else."""
    if not isinstance(error, OSError) or error.errno not in _OF_THE_MACHINE:
        return ""
    named = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return f"{named}{error.strerror}"


@contextmanager
def _redacted_logs(context: Context) -> Generator[None]:
    """Write what is logged to stderr, without secrets: libraries and plugins log as they like."""
    import logging

    from penstock.redaction import RedactingFilter

    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter(context.redact))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


@contextmanager
def _scrubbed(context: Context) -> Generator[None]:
    """Take secrets out of whatever is raised: more may be made of it than we show."""
    try:
        yield
    except Exception as error:
        from penstock.redaction import scrub

        scrub(error, context.redact)
        raise


def misuse(where: str, message: str) -> Exception:
    """Return the error for a command line option that cannot be followed."""
    from penstock.errors import ConfigurationError, Problem

    return ConfigurationError([Problem(where, message)])


def _trace(error: BaseException, context: Context, *, verbose: bool) -> None:
    if verbose:
        import traceback

        say(context.redact("".join(traceback.format_exception(error)).rstrip()))
