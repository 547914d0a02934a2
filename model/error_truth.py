"""The promise about errors: what the pool says of one, and does about it, is as specified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model import history as saw
from model.checker import Checker, Watches
from model.holding import Holding
from model.recovery import ANSWERS, FAILURES, answer, severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.recovery import Answer

_GOING = ("degraded", "terminating")
_EXHAUSTED = ("MemoryError", "OSError")


class _Attempts:
    """What is known of one task's attempts.

    Attributes:
        over: how many are over without an answer.
        started: how many of these are known to have started.
        running: whether the present one is known to have started.
        worker: who holds it, or held it in its last attempt; None if nobody ever did.
        held: who holds it now.
        waited: seconds of the last back-off.
        category: of the last error that ended an attempt.
    """

    def __init__(self, retries: int, session: int | None) -> None:
        self.retries = retries
        self.session = session
        self.over = self.started = 0
        self.running = False
        self.worker: int | None = None
        self.held: int | None = None
        self.waited = 0.0
        self.category = "connection"
        self.exhausted = False

    def end(self, category: str) -> None:
        """The present attempt is over."""
        self.over += 1
        self.started += self.running
        self.running = False
        self.worker, self.held = self.held, None
        self.category = category


class ErrorsToldTruly(Checker):
    """S15: categories, severities, strategies, treatments, attempts and waits are as specified.

    Whether a function that nobody saw start has started, the pool may assume; then what follows
    from either assumption is right.
    """

    promise = "S15"
    words = (
        "what went wrong is told, and answered, as the table of errors says: its category, "
        "severity, strategy and treatment, the attempts so far, and the wait before the next"
    )

    def __init__(self) -> None:
        super().__init__()
        self._config: saw.Configured | None = None
        self._states: dict[int, str] = {}
        self._because: dict[int, str] = {}
        self._untold: dict[int, str] = {}
        self._unanswered: dict[int, int] = {}
        self._tasks: dict[int, _Attempts] = {}
        self._ended: dict[int, str] = {}
        self._broke = False
        self._unserved: set[int] = set()
        self._holding = Holding()

    def watches(self) -> Watches:
        return {
            saw.Configured: self._configured,
            saw.StartAsked: self._start_asked,
            saw.Moved: self._moved,
            saw.CheckAsked: self._check_asked,
            saw.CheckAnswered: self._check_answered,
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Recalled: self._recalled,
            saw.Started: self._started,
            saw.Finished: self._finished,
            saw.Troubled: self._troubled,
            saw.RetryPlanned: self._planned,
            saw.Diverted: self._diverted,
            saw.FallbackRefused: lambda r: self._unserved.add(r.task),
            saw.Resolved: self._resolved,
            saw.Answered: self._answered,
            saw.Broke: self._break,
            saw.Told: self._told,
        }

    # What is remembered.

    def _configured(self, record: saw.Configured) -> None:
        self._config = record

    def _break(self, _: saw.Broke) -> None:
        self._broke = True

    def _start_asked(self, record: saw.StartAsked) -> None:
        self._states[record.worker] = "initializing"

    def _check_asked(self, record: saw.CheckAsked) -> None:
        self._unanswered[record.worker] = self._unanswered.get(record.worker, 0) + 1

    def _check_answered(self, record: saw.CheckAnswered) -> None:
        self._unanswered.pop(record.worker, None)

    def _moved(self, record: saw.Moved) -> str | None:
        worker = record.worker
        if record.after == "terminated":
            self._states.pop(worker, None)
        else:
            self._states[worker] = record.after
        self._because[worker] = record.because
        self._holding.moved(record)
        if worker in self._untold:
            return self._silence(worker)
        if record.because in FAILURES:
            self._untold[worker] = record.because
        return None

    def _silence(self, worker: int) -> str:
        return f"worker {worker} failed because {self._untold[worker]}, and that was not told"

    def _submitted(self, record: saw.Submitted) -> None:
        self._tasks[record.task] = _Attempts(record.retries, record.session)

    def _assigned(self, record: saw.Assigned) -> None:
        self._holding.assigned(record)
        if record.task in self._tasks:
            task = self._tasks[record.task]
            task.held, task.exhausted = record.worker, False

    def _recalled(self, record: saw.Recalled) -> None:
        self._holding.recalled(record)
        for number in record.tasks:
            if number in self._tasks:
                self._tasks[number].held = None

    def _started(self, record: saw.Started) -> None:
        if record.task in self._tasks and record.worker is not None:
            self._tasks[record.task].running = True

    def _finished(self, record: saw.Finished) -> None:
        if record.task in self._tasks and record.ending == "raised":
            value: Any = record.value
            exhausted = isinstance(value, (list, tuple)) and value[0] in _EXHAUSTED
            self._tasks[record.task].exhausted = exhausted

    # What is judged.

    def _troubled(self, record: saw.Troubled) -> str | None:
        because = self._untold.pop(record.worker, None)
        who = f"worker {record.worker}"
        if because is None:
            return f"{who} was said to have failed ({record.category}), but it had not"
        if (record.category, record.treatment) != FAILURES[because]:
            told, right = (record.category, record.treatment), FAILURES[because]
            return f"{who} failed because {because}, told as {told}; right is {right}"
        asked = self._unanswered.get(record.worker, 0)
        return self._too_bad(who, record.category, record.severity, range(asked + 1))

    def _too_bad(
        self, who: str, category: str, told: str, attempts: Iterable[int], *, lone: bool = False
    ) -> str | None:
        touched = not lone and self._touches_all()
        right = {severity(category, count, touches_all=touched) for count in attempts}
        if told in right:
            return None
        return f"{who}: {category} was told as {told}; right is {' or '.join(sorted(right))}"

    def _touches_all(self) -> bool:
        return len(self._states) > 1 and all(state in _GOING for state in self._states.values())

    def _planned(self, record: saw.RetryPlanned) -> str | None:
        task = self._tasks.get(record.task)
        who = f"task {record.task}"
        if task is None or task.held is None:
            return f"{who} was to be tried again, but nobody held it"
        begun = task.running
        task.end(self._category(task))
        if record.attempt != task.over + 1:
            return f"{who} was said to get attempt {record.attempt}; it gets {task.over + 1}"
        waited, task.waited = task.waited, record.delay
        if not begun and (record.strategy, record.delay) == ("immediate_retry", 0.0):
            return None
        answers = self._answers(task, waited)
        if any(a.strategy == record.strategy and a.allows(record.delay) for a in answers):
            return None
        told = f"{record.strategy} in {record.delay:g} s"
        right = " or ".join(sorted({str(a) for a in answers}))
        return f"{who} was to be tried again by {told}; right is {right}"

    def _diverted(self, record: saw.Diverted) -> None:
        task = self._tasks.get(record.task)
        if task is not None and task.held is not None:
            task.end(self._category(task))

    def _category(self, task: _Attempts) -> str:
        because = self._because.get(task.held if task.held is not None else -1, "")
        if because in ("checkin_error", "recovery_degrade"):
            return "resource" if task.exhausted else "task"
        return FAILURES.get(because, ("connection", ""))[0]

    def _answers(self, task: _Attempts, waited: float) -> list[Answer]:
        """What is right, for each number of attempts that the pool may take to have started."""
        if self._config is None:
            return []
        touched = self._touches_all()
        counts = range(max(1, task.started), task.over + 1)
        return [
            answer(self._config.waits, task.category, count, waited, touches_all=touched)
            for count in counts
        ]

    def _resolved(self, record: saw.Resolved) -> str | None:
        self._ended[record.task] = record.ending
        task = self._tasks.get(record.task)
        if task is None or record.ending not in ("lost", "raised"):
            return None
        if task.held is None:
            if record.ending == "raised":  # the fallback executor ran it, and it raised there
                task.category = "task"
            return None
        task.end(self._category(task))
        if task.session is not None or self._broke or task.over > task.retries:
            return None
        answers = self._answers(task, task.waited)
        if answers and all(a.least is not None for a in answers):
            left = task.retries + 1 - task.over
            return f"task {record.task} was given up, but may run {left} times more"
        return None

    def _answered(self, record: saw.Answered) -> str | None:
        task = self._tasks.pop(record.task, None)
        ending = self._ended.pop(record.task, "")
        if task is None:
            return None
        who = f"task {record.task}, {ending},"
        attempts = task.over + (task.held is not None)
        told = (record.session, record.attempt, record.worker)
        right = (task.session, attempts, task.worker if task.held is None else task.held)
        if told != right:
            return f"{who} was told as of (session, attempt, worker) {told}; right is {right}"
        if ending in ("returned", "cancelled"):
            error = (record.category, record.severity, record.strategy)
            return f"{who} was told as an error: {error}" if any(error) else None
        categories, strategies = ANSWERS.get(ending, (set(), set()))
        if ending in ("lost", "raised"):
            categories = {task.category}
        if ending == "broken":
            unserved = record.task in self._unserved
            categories = {"system" if unserved else "initialization"}
            strategies = {"failover" if unserved else "circuit_break"}
        if record.category not in categories or record.strategy not in strategies:
            words = f"{' or '.join(sorted(categories))} and {' or '.join(sorted(strategies))}"
            return f"{who} was told as {record.category} and {record.strategy}; right is {words}"
        counts = range(task.started, task.over + 2)
        return self._too_bad(
            who, record.category or "", record.severity or "", counts, lone=ending != "lost"
        )

    def _told(self, _: saw.Told) -> str | None:
        return self._silence(next(iter(self._untold))) if self._untold else None
