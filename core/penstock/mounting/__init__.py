"""Plugins that are mounted into a folder instead of installed: read without importing, checked, then used.

``mount`` does it all for a start; ``examine`` for one wheel or folder, such as ``penstock plugins check`` looks at.
"""

from penstock.mounting.codes import About, Code, Refusal
from penstock.mounting.mount import Mounted, Verdict, examine, mount
from penstock.mounting.settings import MountSettings

__all__ = ["About", "Code", "MountSettings", "Mounted", "Refusal", "Verdict", "examine", "mount"]
