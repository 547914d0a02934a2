"""The group that all commands are in: their help shows examples as they were written."""

from __future__ import annotations

import click


class Commands(click.Group):
    """A line of a docstring with nothing but a backslash and a b keeps its paragraph unwrapped."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """The command is one of the group's."""
        if cmd.help is not None:
            cmd.help = cmd.help.replace("\\b\n", "\b\n")
        super().add_command(cmd, name)
