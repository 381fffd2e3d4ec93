"""The reader of ``penstock.testing``, under the name by which the tests know it."""

from __future__ import annotations

from penstock.testing.paging import Answer, Reading, config_of, page_of, read, script

__all__ = ["Answer", "Reading", "config_of", "page_of", "read", "script"]
