"""How long the fault suite runs, and by which seed: chosen by the environment, which ``tox -e soak`` sets."""

from __future__ import annotations

import os
import random
from typing import Final

SOAK: Final = bool(os.environ.get("PENSTOCK_SOAK"))
"""Whether everything is tried, not only some of it."""
SEED: Final = int(os.environ.get("PENSTOCK_SEED") or (random.randrange(1_000_000) if SOAK else 0))
"""Of what is chosen at random; always the same but in a soak, where the head of the output has it."""
SEEDS: Final = int(os.environ.get("PENSTOCK_SEEDS") or (1000 if SOAK else 20))
"""How many sequences of faults are tried, and moments to be killed at in a soak."""
