"""The run journal: what each run read, and in which partitions each entity was last seen (SQLite, WAL).

It is what makes deletion safe: a sink knows what exists, the journal knows which complete reads would have to show it.
It is written after the sink, so it never claims more than the sink has; losing it costs nothing but caution.
"""

from __future__ import annotations

from penstock.journal.accounts import Absence, Account, Accounts, Asked, Deletion, End, Listing, Refusal, Seen
from penstock.journal.file import FORMAT, JournalError, JournalFile, ReadableJournal, copy_of, path_of
from penstock.journal.holds import Decision, Hold, Holds, Reason
from penstock.journal.identities import Identity
from penstock.journal.journal import Journal, Sighting, is_unicode
from penstock.journal.missing import REASONS, Cause, Due, Fate, Finding, Group, Missing
from penstock.journal.progress import Checkpoint, Finished, Progress
from penstock.journal.runs import Run, Runs

__all__ = [
    "FORMAT",
    "REASONS",
    "Absence",
    "Account",
    "Accounts",
    "Asked",
    "Cause",
    "Checkpoint",
    "Decision",
    "Deletion",
    "Due",
    "End",
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
    "Listing",
    "Missing",
    "Progress",
    "ReadableJournal",
    "Reason",
    "Refusal",
    "Run",
    "Runs",
    "Seen",
    "Sighting",
    "copy_of",
    "is_unicode",
    "path_of",
]
