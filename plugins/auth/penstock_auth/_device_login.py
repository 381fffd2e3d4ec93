"""A person logs in with another device: device authorization (RFC 8628)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from penstock import JSON, AuthContext, Person
from penstock.errors import AuthError
from penstock_auth._answers import error_of, keys_of, read_token_answer, what

Announce: TypeAlias = Callable[[], Awaitable[httpx.Response]]
"""Asks the device authorization endpoint for a code (RFC 8628 section 3.1)."""
Ask: TypeAlias = Callable[[str], Awaitable[httpx.Response]]
"""Asks the token endpoint whether a device code was approved (section 3.4)."""
Sleep: TypeAlias = Callable[[float], Awaitable[None]]
_INTERVAL: Final = 5.0
"""Seconds between two questions where the server says nothing; what ``slow_down`` adds (sections 3.2, 3.5)."""
_LIFETIME: Final = 900.0
_WAIT: Final = "authorization_pending"
_SLOWER: Final = "slow_down"
_TOO_LATE: Final = "expired_token"


async def ask_device(
    announce: Announce, ask: Ask, context: AuthContext, person: Person, *, sleep: Sleep = asyncio.sleep
) -> httpx.Response:
    """Show a person where to approve, and ask until they have; return the token endpoint's last answer.

    Args:
        announce: Sends the first request.
        ask: Sends each of the following.
        context: Says what time it is, and conceals.
        person: Who is shown the code.
        sleep: Waits between two questions.

    Raises:
        CredentialsRefusedError: The person or the server refuses.
        AuthError: Nobody approved in time, or an answer is none.
    """
    response = await announce()
    answer = read_token_answer(response)
    device_code = _text(answer, "device_code", response)
    context.conceal(device_code)
    end = context.time() + _seconds(answer.get("expires_in"), _LIFETIME)
    interval = _seconds(answer.get("interval"), _INTERVAL)
    _show(answer, response, person)
    while context.time() + interval < end:
        await sleep(interval)
        response = await ask(device_code)
        error = error_of(response)
        if error == _SLOWER:
            interval += _INTERVAL
        elif error == _TOO_LATE:
            break
        elif error != _WAIT:
            return response
    message = "nobody approved the code in time; log in again for a new one"
    raise AuthError(message)


def _show(answer: Mapping[str, JSON], response: httpx.Response, person: Person) -> None:
    user_code, place = _text(answer, "user_code", response), _link(answer, "verification_uri", response)
    complete = answer.get("verification_uri_complete")
    person.tell(f"the code to enter, or to compare, is {user_code}")
    person.visit(_link(answer, "verification_uri_complete", response) if complete else place)


def _text(answer: Mapping[str, JSON], name: str, response: httpx.Response) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        message = f"{what(response)}: there is no text at {name}; {keys_of(answer)}"
        raise AuthError(message)
    return value


def _link(answer: Mapping[str, JSON], name: str, response: httpx.Response) -> str:
    url = _text(answer, name, response)
    if urlsplit(url).scheme not in {"http", "https"}:
        message = f"{what(response)}: {name} is no http or https URL"
        raise AuthError(message)
    return url


def _seconds(value: JSON, usual: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return usual
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return usual
    return seconds if math.isfinite(seconds) and seconds >= 0 else usual
