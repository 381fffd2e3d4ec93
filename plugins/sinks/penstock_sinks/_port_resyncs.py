"""How Port tells that somebody asks for a sync, and which of what it tells is such a request (sync.md section 2).

Nothing here touches the network.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Final

from penstock import JSON, Listening
from penstock_sinks._port_api import Object

REQUESTS_FLAG: Final = "OCEAN_KAFKA_INTEGRATION_RESYNC_REQUESTS_TOPIC_ENABLED"
"""Of organisations that have a topic for requests alone."""
_LIBRARY: Final = "confluent_kafka"


def why_not_kafka(listening: Listening) -> str:
    """Return why Kafka cannot be had although it was asked for; empty where it can."""
    if listening.kafka is None:
        return "eventListener.brokers are not set"
    if find_spec(_LIBRARY) is None:
        return "its library is not installed (pip install 'penstock[kafka]')"
    return ""


def destination_of(listening: Listening) -> Object:
    """Return what the integration says of where it is told of changes."""
    if listening.way == "kafka" and not why_not_kafka(listening):
        return {"type": "KAFKA"}
    if listening.way == "call" and listening.callback is not None:
        return {"type": "WEBHOOK", "url": listening.callback.get_secret_value()}
    return {}


def topic_of(organisation: str, flags: Collection[str]) -> str:
    """Return where an organisation's requests are to be read."""
    return f"{organisation}.{'integration.resync.requests' if REQUESTS_FLAG in flags else 'change.log'}"


def asks_for_sync(message: Object, identifier: str, own: Collection[str], destination: str) -> bool:
    """Return whether a message of a change log, or of the topic of requests, asks for a sync of our integration.

    Args:
        message: The message.
        identifier: Of our integration.
        own: All that Port may call it by: its identifier, and its number there.
        destination: ``KAFKA`` or ``WEBHOOK``: where our integration is told of changes.
    """
    asked = _within(message, "context").get("integrationId")
    ours = isinstance(asked, str) and asked in own
    if "diff" not in message and "action" not in message:
        return ours  # the topic of requests has nothing else
    if message.get("action") == "RESYNC":
        return ours
    after = _within(message, "diff", "after")
    return (
        after.get("identifier") == identifier
        and _within(after, "changelogDestination").get("type") == destination
        and after.get("updatedAt") != _within(after, "resyncState").get("updatedAt")  # else a sync told how it goes
    )


def is_change(message: Object) -> bool:
    """Return whether a call tells of a change; another one is a plain request."""
    return bool(message.keys() & {"diff", "action", "context"})


class ResyncRequests:
    """Which requests for a sync are new, by the moments at which they were made.

    Args:
        since: When the last one was made that needs no sync any more; None: any is new.
    """

    def __init__(self, since: datetime | None) -> None:
        self._since = since

    def is_new(self, request: JSON) -> bool:
        """Return whether a request, as Port gives it, is newer than the last one; it is the last one then.

        Raises:
            ValueError: Its moment is none; with what stands there.
        """
        if not isinstance(request, dict):
            return False
        made = moment(request.get("updatedAt"))
        if made is None:
            raise ValueError(f"{request.get('updatedAt')!r}")
        if self._since is not None and made <= self._since:
            return False
        self._since = made
        return True


def moment(value: JSON) -> datetime | None:
    """Return a moment that Port gives; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def last_sync(integration: Object) -> datetime | None:
    """Return the moment before which every request was seen by a sync; None where there was no sync.

    Of the beginning of the last sync and its last news, the earlier one: what was asked for between them may have been
    missed, and one sync too many does no harm.
    """
    state = _within(integration, "resyncState")
    known = [found for name in ("lastResyncStart", "updatedAt") if (found := moment(state.get(name))) is not None]
    return min(known, default=None)


def _within(value: JSON, *path: str) -> Object:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
