"""The three things a plugin can be: a way to prove who we are, a way to page, a place for entities.

Each is one class with a ``name``, a ``Config`` and a method or two. Strategies hold no state: one instance serves every
connection, and what belongs to one connection is passed in or returned.
"""

from __future__ import annotations

from penstock.strategies.auth import AuthContext as AuthContext
from penstock.strategies.auth import AuthStrategy as AuthStrategy
from penstock.strategies.auth import NestedAuth as NestedAuth
from penstock.strategies.auth import Person as Person
from penstock.strategies.auth import TokenSlot as TokenSlot
from penstock.strategies.auth import TokenStore as TokenStore
from penstock.strategies.pagination import PaginationStrategy as PaginationStrategy
from penstock.strategies.settings import OceanVariable as OceanVariable
from penstock.strategies.settings import PluginConfig as PluginConfig
from penstock.strategies.sink import Sink as Sink
from penstock.strategies.sink import SinkContext as SinkContext
from penstock.strategies.sink import SinkStrategy as SinkStrategy
