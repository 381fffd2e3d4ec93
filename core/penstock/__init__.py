"""penstock: any HTTP API's records, mapped and kept in step, in a catalog.

These are the names that plugins and embedding programs lean on. They are imported on first use, so that
``penstock --help`` does not pay for what a sync needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.hookspecs import hookimpl as hookimpl
    from penstock.listening import KafkaSettings as KafkaSettings
    from penstock.listening import Listener as Listener
    from penstock.listening import Listening as Listening
    from penstock.secret_files import SecretFile as SecretFile
    from penstock.sink_client import ClientSettings as ClientSettings
    from penstock.sink_client import SinkAnswer as SinkAnswer
    from penstock.sink_client import SinkClient as SinkClient
    from penstock.strategies import AuthContext as AuthContext
    from penstock.strategies import AuthStrategy as AuthStrategy
    from penstock.strategies import NestedAuth as NestedAuth
    from penstock.strategies import OceanVariable as OceanVariable
    from penstock.strategies import PaginationStrategy as PaginationStrategy
    from penstock.strategies import Person as Person
    from penstock.strategies import PluginConfig as PluginConfig
    from penstock.strategies import Sink as Sink
    from penstock.strategies import SinkContext as SinkContext
    from penstock.strategies import SinkStrategy as SinkStrategy
    from penstock.strategies import TokenSlot as TokenSlot
    from penstock.strategies import TokenStore as TokenStore
    from penstock.values import JSON as JSON
    from penstock.values import UNSET as UNSET
    from penstock.values import Entity as Entity
    from penstock.values import EntityBatch as EntityBatch
    from penstock.values import EntityKey as EntityKey
    from penstock.values import HeldEntity as HeldEntity
    from penstock.values import KindNews as KindNews
    from penstock.values import Outcome as Outcome
    from penstock.values import OwnedEntity as OwnedEntity
    from penstock.values import Ownership as Ownership
    from penstock.values import Page as Page
    from penstock.values import PageRequest as PageRequest
    from penstock.values import QueryValue as QueryValue
    from penstock.values import Remark as Remark
    from penstock.values import RunNews as RunNews
    from penstock.values import Settled as Settled
    from penstock.values import Silence as Silence
    from penstock.values import Stop as Stop
    from penstock.values import StopReason as StopReason
    from penstock.values import SyncRequest as SyncRequest
    from penstock.values import Timetable as Timetable
    from penstock.values import Token as Token
    from penstock.values import WriteFlags as WriteFlags
    from penstock.version import VERSION as VERSION

_HOME = {
    "hookimpl": "penstock.hookspecs",
    "AuthContext": "penstock.strategies",
    "AuthStrategy": "penstock.strategies",
    "ClientSettings": "penstock.sink_client",
    "KafkaSettings": "penstock.listening",
    "Listener": "penstock.listening",
    "Listening": "penstock.listening",
    "NestedAuth": "penstock.strategies",
    "OceanVariable": "penstock.strategies",
    "PaginationStrategy": "penstock.strategies",
    "Person": "penstock.strategies",
    "PluginConfig": "penstock.strategies",
    "SecretFile": "penstock.secret_files",
    "Sink": "penstock.strategies",
    "SinkAnswer": "penstock.sink_client",
    "SinkClient": "penstock.sink_client",
    "SinkContext": "penstock.strategies",
    "SinkStrategy": "penstock.strategies",
    "TokenSlot": "penstock.strategies",
    "TokenStore": "penstock.strategies",
    "JSON": "penstock.values",
    "UNSET": "penstock.values",
    "Entity": "penstock.values",
    "EntityBatch": "penstock.values",
    "EntityKey": "penstock.values",
    "HeldEntity": "penstock.values",
    "KindNews": "penstock.values",
    "Outcome": "penstock.values",
    "OwnedEntity": "penstock.values",
    "Ownership": "penstock.values",
    "Page": "penstock.values",
    "PageRequest": "penstock.values",
    "QueryValue": "penstock.values",
    "Remark": "penstock.values",
    "RunNews": "penstock.values",
    "Settled": "penstock.values",
    "Silence": "penstock.values",
    "Stop": "penstock.values",
    "StopReason": "penstock.values",
    "SyncRequest": "penstock.values",
    "Timetable": "penstock.values",
    "Token": "penstock.values",
    "WriteFlags": "penstock.values",
    "VERSION": "penstock.version",
}


def __getattr__(name: str) -> object:
    """Import a public name from where it lives (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
