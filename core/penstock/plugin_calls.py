"""Calls into the code of plugins, bounded: what blocks, what waits for ever and what is no ``Exception`` is survived.

Code that blocks is interrupted by a timer's signal, which costs less than a thread and, unlike a thread, can be got rid
of. It reaches Python code and sleeping, not a C library that never comes back; and only the main thread, in which the
command line runs everything: elsewhere, and on systems without such a timer, only waiting is bounded.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Generator
from types import FrameType, TracebackType
from typing import Any, Final, Generic, TypeVar

ResultT = TypeVar("ResultT")
BLOCKING_SECONDS: Final = 20.0
"""The default of ``plugins.blockingTimeout``: the lease of a run is lost to others after 30."""
WAITING_SECONDS: Final = 900.0
"""The default of ``plugins.timeout``: a server may ask for as long a wait."""
_AGAIN: Final = 0.5
"""Seconds until code is interrupted once more that went on regardless."""
_OUR_BUSINESS: Final = (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)


class HangError(Exception):
    """A call of a plugin takes too long."""


class RudeError(Exception):
    """A plugin raised what is no ``Exception`` and would end the process: ``SystemExit``, say."""


class _Interruption(BaseException):  # no ``except Exception`` of a plugin stops it
    """Raised by the timer, wherever the code happens to be."""


class blocking:  # noqa: N801 - used as a ``with`` statement's word, as ``suppress`` is
    """Bound code that does not give way: ``with blocking(20): strategy.next(...)``.

    Args:
        seconds: How long the block may take.

    Raises:
        HangError: It took longer.
        RudeError: It raised what is no ``Exception``.
    """

    __slots__ = ("_armed", "_before", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False
        self._before: Any = None

    def __enter__(self) -> None:
        """Start the timer, unless there is none, or it is somebody else's."""
        if not _has_timer() or signal.getitimer(signal.ITIMER_REAL)[0]:
            return
        self._before = signal.signal(signal.SIGALRM, _interrupt)
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, self._seconds, _AGAIN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and say what happened in words that do not end the process."""
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)
        if isinstance(error, _Interruption):
            message = f"it did not return within {self._seconds:g} s (plugins.blockingTimeout)"
            raise HangError(message) from error
        if error is not None and not isinstance(error, (Exception, *_OUR_BUSINESS)):
            message = f"it raised {type(error).__name__}({', '.join(map(repr, error.args))})"
            raise RudeError(message) from error


def _has_timer() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _Interruption


class Activity:
    """What is under way on a plugin's account: while something is, the plugin is not the one that hangs."""

    def __init__(self) -> None:
        self._under_way = 0
        self._since = 0.0

    def __enter__(self) -> None:
        """Count something as under way for the length of a ``with`` block; several may be."""
        self._under_way += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Count it no longer."""
        self._under_way -= 1
        self._since = asyncio.get_running_loop().time()

    def quiet(self, since: float, now: float) -> float:
        """Return how many seconds nothing was under way, at most since a moment."""
        return 0.0 if self._under_way else now - max(since, self._since)


async def bounded(
    call: Awaitable[ResultT],
    *,
    waiting_seconds: float = WAITING_SECONDS,
    blocking_seconds: float = BLOCKING_SECONDS,
    activity: Activity | None = None,
) -> ResultT:
    """Await a call of a plugin.

    Args:
        call: What to await.
        waiting_seconds: How long it may wait while nothing is under way on its account.
        blocking_seconds: How long it may go without giving way to others.
        activity: What is under way; nothing by default, so that all of its time counts.

    Raises:
        HangError: It takes longer.
        RudeError: It raised what is no ``Exception``.
    """
    steps = call.__await__()
    with blocking(blocking_seconds):
        try:
            waits_for = steps.send(None)
        except StopIteration as end:  # most auths wait for nothing
            result: ResultT = end.value
            return result
    loop = asyncio.get_running_loop()
    started, scope = loop.time(), asyncio.timeout(None)
    try:
        async with scope:
            timer: asyncio.TimerHandle

            def look() -> None:
                nonlocal timer
                quiet = loop.time() - started if activity is None else activity.quiet(started, loop.time())
                if quiet >= waiting_seconds:
                    scope.reschedule(loop.time())
                else:
                    timer = loop.call_later(waiting_seconds - quiet, look)

            timer = loop.call_later(waiting_seconds, look)
            try:
                return await _Rest(steps, waits_for, blocking_seconds)
            finally:
                timer.cancel()
    except TimeoutError as error:
        if not scope.expired():
            raise
        message = f"it did not go on within {waiting_seconds:g} s (plugins.timeout)"
        raise HangError(message) from error


class _Rest(Generic[ResultT]):
    """Awaits a call whose first step is done; each further step, from one wait to the next, is bounded."""

    __slots__ = ("_seconds", "_steps", "_waits_for")

    def __init__(self, steps: Generator[Any, Any, ResultT], waits_for: object, seconds: float) -> None:
        self._steps = steps
        self._waits_for = waits_for
        self._seconds = seconds

    def __await__(self) -> Generator[Any, None, ResultT]:
        waits_for = self._waits_for
        while True:
            error: BaseException | None = None
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - a cancellation, for example, is the call's to hear of
                error = thrown
            with blocking(self._seconds):
                try:
                    waits_for = self._steps.send(None) if error is None else self._steps.throw(error)
                except StopIteration as end:
                    result: ResultT = end.value
                    return result
