"""History: what was seen in each run, kept in a database, and what that says over many runs.

What is kept and read is imported when it is asked for: the pytest plugin is loaded everywhere, and
a project without a database pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.history.facts import Check, Counterexample, Figure, Run, Test
from machines.history.place import place_of

if TYPE_CHECKING:
    from machines.history.environment import Environment

__all__ = ["Check", "Counterexample", "Figure", "Run", "Test", "place_of", "record"]


def record(run: Run, place: str, environment: Environment | None = None) -> str | None:
    """The run is kept whole, or not at all; why it is not is returned, in one line.

    Nothing is raised: what remembers runs must not be what fails them.

    Args:
        run: what was seen.
        place: where the history is, as `place_of` says; empty for nowhere.
        environment: what it was seen in; this one unless given.

    Returns:
        None if it was kept, or was not to be.
    """
    if not place:
        return None
    from machines.history.place import named  # noqa: PLC0415 - see the module's docstring

    try:
        from machines.history.environment import here  # noqa: PLC0415 - see the docstring
        from machines.history.writer import write  # noqa: PLC0415 - see the module's docstring

        write(run, place, environment or here(run.root))
    except Exception as error:
        return f"history: not recorded in {named(place)}: {_line(error)}"
    return None


def _line(error: Exception) -> str:
    """The error in one line; of the database's library what the database said."""
    words = " ".join(str(getattr(error, "orig", None) or error).split())
    return words[:300] or type(error).__name__
