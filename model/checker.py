"""What a checker is: it reads a history record by record and gives one of three verdicts."""

from __future__ import annotations

import abc
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.history import Record

Watches = dict["type[Record]", "Callable[[Any], str | None]"]


class Verdict(StrEnum):
    """What is known of a promise; `unknown` is never a pass."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@frozen
class Violation:
    """A promise that was broken, and the two facts that conflict.

    Attributes:
        promise: its name, as S1.
        sentence: what happened, in one sentence.
        record: the index of the record that showed it, counted from 0.
    """

    promise: str
    sentence: str
    record: int


class Checker(abc.ABC):
    """Judges one promise; subclasses say which records they watch.

    A watching method returns the sentence of a violation, or None. `verdict` starts as `unknown`
    for promises that only the end of a run can show.
    """

    promise: ClassVar[str]
    words: ClassVar[str]
    at_once: ClassVar[bool] = True

    def __init__(self) -> None:
        self.verdict = Verdict.HOLDS if self.at_once else Verdict.UNKNOWN

    @abc.abstractmethod
    def watches(self) -> Watches:
        """The records that this promise depends on, each with the method that takes it."""
