"""Failures in groups: by the promise that was broken, and by where each run first went astray."""

from __future__ import annotations

import re
import traceback
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines import counterexample
from machines.harness.staged import Violated
from machines.run import Report, canonical_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_WORDS_MAX: Final = 200


@frozen
class Failure:
    """One run, test or file that failed.

    Attributes:
        name: its own.
        promise: what was broken, as S1; the name of the error where it is none of the promises.
        deviation: where it first went astray, with `#` for every number.
        words: the same, with the numbers.
    """

    name: str
    promise: str
    deviation: str
    words: str


@frozen
class Group:
    """Failures that are one failure, as far as can be told.

    Attributes:
        promise: theirs.
        deviation: theirs.
        failures: they, in the order given.
    """

    promise: str
    deviation: str
    failures: tuple[Failure, ...]

    def __str__(self) -> str:
        names = ", ".join(failure.name for failure in self.failures)
        times = f"{len(self.failures)} times" if len(self.failures) > 1 else "once"
        return f"{self.promise}, {times}: {self.failures[0].words} [{names}]"


def analyze_failures(failed: Mapping[str, Report | BaseException | Path]) -> list[Group]:
    """The failures in groups, those of most failures first.

    Args:
        failed: by name, what a run showed, what a test raised, or a counterexample's file; a
            report that broke nothing is passed over.

    Raises:
        CounterexampleError: a file is no counterexample.
    """
    groups: defaultdict[tuple[str, str], list[Failure]] = defaultdict(list)
    for name, what in failed.items():
        failure = _failure(name, what)
        if failure is not None:
            groups[failure.promise, failure.deviation].append(failure)
    made = [Group(*key, tuple(failures)) for key, failures in groups.items()]
    return sorted(made, key=lambda group: (-len(group.failures), group.promise, group.deviation))


def first_deviation(expected: Iterable[Any], actual: Iterable[Any]) -> str | None:
    """Where two event logs part first, in words; None if they do not.

    Args:
        expected: a report's `log`.
        actual: another's.
    """
    for at, (one, other) in enumerate(zip_longest(_lines(expected), _lines(actual))):
        if one != other:
            return f"entry {at}: expected {_short(one)}, saw {_short(other)}"
    return None


def _failure(name: str, what: Report | BaseException | Path) -> Failure | None:
    if isinstance(what, Report):
        if what.violation is None:
            return None
        at = what.step if what.step is not None else len(what.steps)
        step = what.steps[at].do if at < len(what.steps) else "the end"
        return _made(name, what.violation.promise, f"at {step}: {what.violation.sentence}")
    if isinstance(what, Path):
        example = counterexample.load(what)
        return _made(name, example.promise, example.sentence)
    if isinstance(what, Violated):
        return _made(name, what.promise, str(what).removeprefix(f"{what.promise}: "))
    frames = traceback.extract_tb(what.__traceback__)
    where = f"in {Path(frames[-1].filename).name}, {frames[-1].name}: " if frames else ""
    words = (str(what) or "without words").splitlines()[0]
    return _made(name, type(what).__name__, f"{where}{words}")


def _made(name: str, promise: str, words: str) -> Failure:
    return Failure(name, promise, _NUMBER.sub("#", words), words)


def _lines(log: Iterable[Any]) -> Iterable[str]:
    return map(canonical_line, log)


def _short(line: str | None) -> str:
    if line is None:
        return "nothing more"
    return line if len(line) <= _WORDS_MAX else f"{line[:_WORDS_MAX]}…"
