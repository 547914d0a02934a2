"""A check of the gate: commands, what is read off them, and the verdict that follows.

A check is plain data. Its commands are those that a person types, so that whatever it says can be
repeated; its reader turns what they printed into a figure, a number of executions, and the ways
in which it fell short. The verdict is not the reader's to give.
"""

from __future__ import annotations

import shlex
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from model.checker import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

UNKNOWN: Final = 3  # the exit code of a command that does not know
TAIL_LINES: Final = 12
_NO_ENVIRONMENT: Final[Mapping[str, str]] = {}


class Cores(Enum):
    """How much of the machine a check takes while it runs."""

    ONE = 1
    ALL = 2
    ALONE = 3  # nothing else runs beside it, or what it measures is worth nothing


@frozen
class Command:
    """What a person would type, in the project's folder.

    Attributes:
        words: the program and its arguments; `python` is the Python that runs the gate.
        environment: what is set besides.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = _NO_ENVIRONMENT

    @property
    def line(self) -> str:
        """As it is typed."""
        sets = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*sets, shlex.join(self.words)])


@frozen
class Ran:
    """What came of a command.

    Attributes:
        command: which.
        code: its exit code; None if its time was over.
        output: what it printed.
        complaint: what it printed as errors.
        seconds: how long it took, wall clock.
    """

    command: Command
    code: int | None
    output: str
    complaint: str
    seconds: float

    @property
    def tail(self) -> list[str]:
        """The last lines that it printed."""
        return (self.output + self.complaint).rstrip().splitlines()[-TAIL_LINES:]


@frozen
class Plan:
    """What is chosen for one run of the gate.

    Attributes:
        root: the project's folder; everything runs there.
        output: where reports are written.
        seed: what the machines' fresh part begins with.
        rotation: which planted bugs' turn it is.
        processes: so many processes can work at once.
    """

    root: Path
    output: Path
    seed: int
    rotation: int
    processes: int

    def place(self, check: str) -> Path:
        """Where the check's commands may leave files."""
        return self.output / check


@frozen
class Shortfall:
    """A way in which a check fell short.

    Attributes:
        words: what, where, and by how much.
        repeat: the command that shows it again; empty if the check's own does.
    """

    words: str
    repeat: str = ""


@frozen
class Reading:
    """What was read off a check's commands.

    Attributes:
        figure: what was measured or counted.
        executions: so many things were really executed; none is a failure.
        shortfalls: the ways in which the bar was missed.
        notes: what must be said besides.
        unknown: why it cannot be known whether the bar was missed; None if it can.
    """

    figure: str
    executions: int
    shortfalls: tuple[Shortfall, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: str | None = None


class CannotRead(ValueError):
    """A command did not print, or leave, what it should have; the message is one line."""


@frozen
class Check:
    """One thing that the gate demands.

    Attributes:
        name: as `--only` takes it.
        demand: what is demanded, in a clause.
        bar: what the figure must reach, and who says so.
        commands: what is run, in this order.
        read: what is read off them.
        budget_s: seconds, wall clock, for all of them; what takes longer is unknown.
        cores: how much of the machine it takes.
    """

    name: str
    demand: str
    bar: str
    commands: Callable[[Plan], Sequence[Command]]
    read: Callable[[Plan, Sequence[Ran]], Reading]
    budget_s: float
    cores: Cores = Cores.ONE


@frozen
class Outcome:
    """What came of a check.

    Attributes:
        check: which.
        verdict: whether it is passed; what is unknown is not.
        reading: what was read off it.
        ran: its commands.
        files: the counterexamples that were found meanwhile, by this check or another.
    """

    check: Check
    verdict: Verdict
    reading: Reading
    ran: tuple[Ran, ...]
    files: tuple[Path, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether the bar was reached."""
        return self.verdict is Verdict.HOLDS

    @property
    def seconds(self) -> float:
        """How long it took, wall clock."""
        return sum(one.seconds for one in self.ran)

    @property
    def repeat(self) -> tuple[str, ...]:
        """The commands that show it again."""
        said = [one.repeat for one in self.reading.shortfalls if one.repeat]
        return tuple(dict.fromkeys(said)) or tuple(one.command.line for one in self.ran)

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "check": self.check.name,
            "demand": self.check.demand,
            "bar": self.check.bar,
            "verdict": self.verdict.value,
            "figure": self.reading.figure,
            "executions": self.reading.executions,
            "shortfalls": [one.words for one in self.reading.shortfalls],
            "notes": list(self.reading.notes),
            "unknown": self.reading.unknown,
            "seconds": round(self.seconds, 1),
            "commands": [one.command.line for one in self.ran],
            "repeat": list(self.repeat),
        }


def judged(check: Check, plan: Plan, ran: Sequence[Ran]) -> Outcome:
    """The check's outcome is returned.

    What did not come to its end, or printed what nobody can read, is unknown; what executed
    nothing is violated, whatever else it says.

    Args:
        check: which.
        plan: of the gate's run.
        ran: its commands, as far as they came.
    """
    late = next((one for one in ran if one.code is None), None)
    if late is not None:
        words = f"not at its end within its budget of {check.budget_s:g} s"
        return _unknown(check, ran, words)
    try:
        reading = check.read(plan, ran)
    except (CannotRead, KeyError, TypeError, ValueError, OSError) as error:
        return _unknown(check, ran, _unreadable(ran, error))
    if reading.executions == 0:
        nothing = Shortfall("nothing was executed: that is a failure, not a pass")
        reading = _with(reading, nothing)
    elif not reading.shortfalls and reading.unknown is None:
        reading = _by_exit_code(reading, ran)
    if reading.shortfalls:
        return Outcome(check, Verdict.VIOLATED, reading, tuple(ran))
    verdict = Verdict.HOLDS if reading.unknown is None else Verdict.UNKNOWN
    return Outcome(check, verdict, reading, tuple(ran))


def _by_exit_code(reading: Reading, ran: Sequence[Ran]) -> Reading:
    """Whatever was read, a command that failed is no pass."""
    failed = next((one for one in ran if one.code), None)
    if failed is None:
        return reading
    last = failed.tail[-1].strip() if failed.tail else "and said nothing"
    words = f"{failed.command.words[0]} ended with exit code {failed.code}: {last}"
    return _with(reading, Shortfall(words, failed.command.line))


def _with(reading: Reading, shortfall: Shortfall) -> Reading:
    return Reading(
        reading.figure,
        reading.executions,
        (*reading.shortfalls, shortfall),
        reading.notes,
        reading.unknown,
    )


def _unknown(check: Check, ran: Sequence[Ran], words: str) -> Outcome:
    return Outcome(check, Verdict.UNKNOWN, Reading("-", 0, unknown=words), tuple(ran))


def _unreadable(ran: Sequence[Ran], error: Exception) -> str:
    failed = next((one for one in ran if one.code), None)
    if failed is None or not failed.tail:
        return f"cannot be read: {' '.join(str(error).split()) or type(error).__name__}"
    return f"exit code {failed.code}: {failed.tail[-1].strip()}"
