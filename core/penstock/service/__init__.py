"""``penstock serve``: sources kept in step for as long as the process runs.

Every sync is a process of its own, so that neither a plugin nor a leak can take the service down, and a sync that
hangs can be ended. What it is told is a snapshot of the files: a mistake in them does no harm before they are sound.
"""

from penstock.service.configuration import Files
from penstock.service.serve import Options, serve
from penstock.service.sources import Folder, OneSource

__all__ = ["Files", "Folder", "OneSource", "Options", "serve"]
