"""Commands that have commands of their own."""

from __future__ import annotations

import click


class Group(click.Group):
    """Lists its commands as they were added, not by the alphabet: first what is wanted first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        del ctx
        return list(self.commands)
