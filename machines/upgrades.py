"""Upgrades: a counterexample of an older format as one of the format after it.

Each is a pure function of whatever JSON says; what is wrong with it is found afterwards, in its
newest form. Files are never rewritten for it: the next format comes with the next save.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from machines.checks import kind_of, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMAT: Final = 2


def from_1(given: dict[str, Any]) -> dict[str, Any]:
    """The ending becomes one list of clauses; format 1 had it in a list of such lists.

    Raises:
        ValueError: what format 1 says otherwise than format 2 is not as format 1 says it.
    """
    for key in ("certificate", "world"):
        if key in given:
            raise _wrong("$", f"unknown: {key!r}; it came with format 2")
    ending = given.get("ending", [])
    if not isinstance(ending, list):
        raise _wrong("$.ending", f"a list is needed, not {kind_of(ending)}")
    for at, clauses in enumerate(ending):
        if not isinstance(clauses, list):
            raise _wrong(f"$.ending[{at}]", f"a list is needed, not {kind_of(clauses)}")
    return {**given, "format": 2, "ending": list(itertools.chain(*ending))}


UPGRADES: Final[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {1: from_1}


def upgraded(given: Any) -> dict[str, Any]:
    """The same counterexample, in today's format.

    Args:
        given: what a file says.

    Raises:
        ValueError: it is none, or none of its format; the message is one line.
    """
    if not isinstance(given, dict):
        raise _wrong("$", f"an object is needed, not {kind_of(given)}")
    known = [*UPGRADES, FORMAT]
    form = given.get("format")
    if type(form) is not int or form not in known:
        found = short(form) if "format" in given else "none"
        legal = " and ".join(map(str, known))
        raise _wrong("$.format", f"{found} is not known; known are {legal}")
    newer: dict[str, Any] = given
    while newer["format"] != FORMAT:
        newer = UPGRADES[newer["format"]](newer)
    return newer


def _wrong(where: str, what: str) -> ValueError:
    return ValueError(f"at {where}: {what}")
