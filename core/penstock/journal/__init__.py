"""The run journal: what each run read, and in which partitions each entity was last seen (SQLite, WAL).

It is what makes deletion safe: a sink knows what exists, the journal knows which complete reads would have to show it.
It is written after the sink, so it never claims more than the sink has; losing it costs nothing but caution.
"""

from __future__ import annotations

from penstock.journal.file import FORMAT, JournalError, JournalFile, copy_of, path_of
from penstock.journal.holds import Decision, Hold, Holds, Reason
from penstock.journal.identities import Identity
from penstock.journal.journal import Journal, Sighting
from penstock.journal.missing import REASONS, Cause, Fate, Finding, Group, Missing
from penstock.journal.progress import Checkpoint, Finished, Progress
from penstock.journal.runs import Run, Runs

__all__ = [
    "FORMAT",
    "REASONS",
    "Cause",
    "Checkpoint",
    "Decision",
    "Fate",
    "Finding",
    "Finished",
    "Group",
    "Hold",
    "Holds",
    "Identity",
    "Journal",
    "JournalError",
    "JournalFile",
    "Missing",
    "Progress",
    "Reason",
    "Run",
    "Runs",
    "Sighting",
    "copy_of",
    "path_of",
]
