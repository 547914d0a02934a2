"""Two engines: the abstract pool as the tables step it, and as SPIN searches its Promela twin.

`python -m machines.engines` searches a few sizes with both and prints what each has counted.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model import abstract
from model.abstract import Count

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMELA: Final = Path(abstract.__file__).with_name("promela") / "pool.pml"
PROGRAMS: Final = ("spin", "gcc")
SIZES: Final = ((1, 1), (2, 1), (2, 2))  # workers and sessions
LIMIT_S: Final = 300.0
# Breadth first; no partial order reduction, which would leave states out.
_COMPILED: Final = ("-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-DBFS")
_DEPTH_MAX: Final = 100_000
_ROW: Final = re.compile(r"/\* (?P<state>\w+): (?P<because>\w+) \*/[ \\]*$")


class SpinError(Exception):
    """SPIN could not search the specification, or found that something in it does not hold."""


def missing() -> list[str]:
    """The programs that SPIN needs and that are not there are returned."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def by_tables(workers: int, sessions: int) -> Count:
    """What the explicit search of `model/abstract.py` counts is returned."""
    return abstract.count(abstract.searched(workers, sessions))


def by_spin(workers: int, sessions: int, promela: str | None = None) -> Count:
    """What SPIN counts in the Promela specification is returned.

    Args:
        workers: how many places there are.
        sessions: how many sessions clients open.
        promela: the specification; that in the repository if None.

    Raises:
        SpinError: if it cannot be searched to its end, or an assertion or a deadlock was found.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "pool.pml")
        source.write_text(PROMELA.read_text() if promela is None else promela)
        sizes = (f"-DWORKERS={workers}", f"-DSESSIONS={sessions}")
        _run(folder, "spin", *sizes, "-a", source.name)
        _run(folder, "gcc", *_COMPILED, "-o", "pan", "pan.c")
        return _count(_run(folder, "./pan", f"-m{_DEPTH_MAX}"))


def _run(folder: str, *command: str) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - fixed programs on the project's own file
            command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stdout", "") or getattr(error, "stderr", "") or error
        raise SpinError(f"{command[0]} failed: {said}") from error
    return ran.stdout


def _count(said: str) -> Count:
    """What SPIN printed, in our words.

    It counts as a transition also how it came to the first state, which nothing leads to.
    """
    errors = _number(r"errors: (\d+)", said)
    if errors or "max search depth too small" in said:
        raise SpinError(f"the search did not end well: {said}")
    return Count(
        states=_number(r"(\d+) states, stored", said),
        steps=_number(r"(\d+) transitions", said) - 1,
        depth=_number(r"depth reached (\d+)", said),
    )


def _number(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    if found is None:
        raise SpinError(f"no {pattern!r} in what it printed: {said}")
    return int(found[1])


def rows(promela: str) -> Iterator[tuple[str, str, str]]:
    """Every option that is a row is yielded: its state, its reason, and what is left without it.

    Args:
        promela: the specification, in which such an option ends in a comment that names its row.
    """
    lines = promela.splitlines()
    begins = 0
    for at, line in enumerate(lines):
        if line.lstrip().startswith("::"):
            begins = at
        named = _ROW.search(line)
        if named is not None:
            without = [*lines[:begins], *lines[at + 1 :]]
            yield named["state"], named["because"], "\n".join(without) + "\n"


def main() -> int:
    """Both engines have searched every size; the exit code is returned.

    Returns:
        0 if they agree, 1 if not, 2 if a program is missing.
    """
    if missing():
        print(f"not found: {', '.join(missing())}; Debian has both", file=sys.stderr)  # noqa: T201
        return 2
    agree = True
    print("workers  sessions    states     steps  depth  SPIN")  # noqa: T201 - its output
    for workers, sessions in SIZES:
        ours, spins = by_tables(workers, sessions), by_spin(workers, sessions)
        agree &= ours == spins
        line = f"{workers:7}  {sessions:8}  {ours.states:8,}  {ours.steps:8,}  {ours.depth:5}"
        print(f"{line}  {'the same' if ours == spins else spins}")  # noqa: T201 - its output
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
