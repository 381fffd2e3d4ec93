"""``penstock explain``: where an entity came from, and why it is in the catalog, waits, or is absent.

What the journal and the catalog say (``facts.py``) gives a verdict (``verdict.py``, a pure function); the page that
showed the entity may be read again (``reread.py``). Nothing is guessed: what is not known is said to be so.
"""
