"""How the compiled tier hands a case over to libjq."""

from __future__ import annotations


class Undecided(Exception):  # noqa: N818 - it is no error: the fast path passes the question on
    """The fast path cannot decide this value exactly: libjq must.

    Raised for whatever jq answers with an error (libjq then words it) and for whatever this tier does not
    reproduce to the last digit: unusual floats, arithmetic beyond 2^53, very deep or very large values.
    """


class OutsideSubsetError(Exception):
    """The text is not in the compiled subset, or no jq at all: libjq must take the whole expression."""
