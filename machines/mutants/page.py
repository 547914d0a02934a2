"""The page of the planted bugs: `python -m machines.mutants.page > docs/planted-bugs.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import attrs

from machines.mutants import MUTANTS
from machines.parts import POOL, Parts

if TYPE_CHECKING:
    from machines.mutants import Mutant

_HEAD: Final = """\
# The planted bugs

What `poolcheck selfcheck` plants in the pool, one at a time, and demands that the machines find:
each is one small override of one part, and the promise that it breaks must find it alone, with no
help from the other promises. `core` is the deciding part, `decoder` reads what workers send,
`server` is a worker's loop, `process` a worker's process as the pool sees it. A bug is hunted on
the first layer that has its part: on `sim`, or on `wire`, or, what only processes have, on `real`,
where nothing is shrunk. Each has a saved trace in `artifacts/counterexamples/` that breaks the
promise with the bug and holds without.

"""


def page() -> str:
    """The page is returned, a row for each planted bug, by promise."""
    rows = [
        f"| {mutant.promise} | `{mutant.name}` | {part_of(mutant)} | {mutant.layer} "
        f"| {mutant.words} |"
        for mutant in sorted(MUTANTS, key=_place)
    ]
    table = [
        "| breaks | bug | part | hunted on | what it does |",
        "| --- | --- | --- | --- | --- |",
    ]
    return _HEAD + "\n".join([*table, *rows]) + "\n"


def part_of(mutant: Mutant) -> str:
    """The name of the one part that the bug is in."""
    names = [attribute.name for attribute in attrs.fields(Parts)]
    return next(n for n in names if getattr(mutant.parts, n) is not getattr(POOL, n))


def _place(mutant: Mutant) -> tuple[bool, int]:
    return mutant.promise.startswith("L"), int(mutant.promise[1:])


if __name__ == "__main__":
    sys.stdout.write(page())
