"""The token store: grants that must outlive the process, one file each (0600, in a folder of 0700).

A refresh token that may be used once is the only way back in: it is on the disk, whole, before what it came with is
used, and no two processes use it at once.
"""

from __future__ import annotations

from penstock.tokens.own import OwnTokens
from penstock.tokens.store import FileTokens, StoredToken

__all__ = ["FileTokens", "OwnTokens", "StoredToken"]
