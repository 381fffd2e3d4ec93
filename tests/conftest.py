"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# how long an example takes depends on the machine and on coverage, and is no property of the code
settings.register_profile("penstock", deadline=None)
settings.load_profile("penstock")
