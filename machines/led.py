"""Led: a simulated run is led along a record, to tell its core the same, entry by entry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import define, field, frozen

from machines import trace
from machines.body import FactKind, OrderKind
from machines.gate import Start
from machines.trace import Elsewhere, How
from pool import effects as do
from pool import events as told
from pool.dispatch import QUICK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from machines.body import Body
    from machines.run import Run
    from machines.trace import Command

_JUST_BEFORE_S: Final = 1e-6
_APART_S: Final = 1e-9
_MOVES_MAX: Final = 1_000
_HOW: Final = {
    "cut": How.CUT,
    "checksum": How.FLIPPED,
    "kind": How.UNKNOWN,
    "length": How.OVERSIZED,
}
# What no world can know of an event or effect.
_UNKNOWABLE: Final = ("payload", "code", "detail", "heavy", "at")


@frozen
class Told:
    """One entry of a record, and what the core asked for.

    Attributes:
        at: seconds since the first entry.
        quick: of an answer, whether it was so quick that more is sent ahead to its worker.
    """

    at: float
    event: told.Event
    asked: tuple[do.Effect, ...]
    quick: bool = False


@define
class Fate:
    """What the record says of one worker.

    A task may be sent to it, taken back and sent again: each is a sending of its own.

    Attributes:
        start: how its start must go for that.
        times: how often each task was sent to it.
        sent: the sendings that were not taken back, each a task and which of its sendings.
        begun: those of them that it began, or may have.
    """

    start: Start = Start.HANGS
    times: Counter[int] = field(factory=Counter)
    sent: list[tuple[int, int]] = field(factory=list)
    begun: set[tuple[int, int]] = field(factory=set)


class Led:
    """Leads a run along a record.

    Attributes:
        at: the index of the entry that the world has not told yet.
        extras: what only the world or only the record told.
        unsure: whether it may hang on what no trace can choose: how late a timer was, or how the
            first of several workers that start at once, or of a whole pool, do.
    """

    def __init__(self, run: Run, lines: Sequence[Told], operations: Mapping[int, str]) -> None:
        self.at = self.extras = 0
        self.unsure = False
        self._killed: set[int] = set()  # workers whose end the core has asked for
        self._ended: set[int] = set()  # workers that were told to have ended, or to be mad
        self._run = run
        self._world = run.world
        self._lines = lines
        self._operations = operations
        self._fates = _fates(lines)
        self._times: dict[int, Counter[int]] = {worker: Counter() for worker in self._fates}
        self._read = 0
        self._leaders: dict[type, Callable[[Any], object]] = {
            told.PoolStarted: lambda _: None,  # the run has told it already
            told.TaskSubmitted: self._submit,
            told.CancelRequested: lambda e: self._do(trace.Cancel(e.task)),
            told.KillRequested: lambda e: self._do(trace.Kill(e.task)),
            told.SessionOpened: lambda e: self._do(trace.OpenSession(e.session)),
            told.SessionReopened: lambda e: self._do(trace.Reopen(e.session)),
            told.SessionCloseRequested: lambda e: self._do(trace.CloseSession(e.session)),
            told.FallbackEnded: self._divert,
            told.ShutdownRequested: lambda e: self._do(trace.Shutdown(e.cancel_waiting, e.grace)),
            told.WorkerReady: lambda e: self._deliver(e.worker, FactKind.READY),
            told.WorkerInitFailed: lambda e: self._deliver(e.worker, FactKind.INIT_FAILED),
            told.SpawnFailed: lambda e: self._deliver(e.worker, FactKind.REFUSED),
            told.ResultReceived: self._answer,
            told.HealthReported: lambda e: self._deliver(e.worker, FactKind.HEALTH),
            told.FrameCorrupt: self._mangle,
            told.WorkerExited: self._exit,
            told.WorkerReaped: lambda e: self._deliver(e.worker, FactKind.REAP),
            told.TimerFired: lambda e: self._fire(e.timer),
        }

    def follow(self) -> str:
        """The run has gone along the record; where it could not, in a sentence; else nothing."""
        first = self._lines[0].asked if self._lines else ()
        self._doubt([self._fates[e.worker].start for e in first if type(e) is do.SpawnWorker])
        while (why := self._compare()) == "" and self.at < len(self._lines):
            before, line = self.at, self._lines[self.at]
            if self._heard_after_its_end(line):
                self.unsure = False  # however late
                return self._part("that worker had been told to have ended")
            if self._heard_late(line):
                self.at += 1
                self.extras += 1
                continue
            lead = self._leaders.get(type(line.event))
            if lead is None:
                return self._part("no command of a trace makes a world tell that")
            if self._run.violation is not None:
                return ""  # the report tells it
            self._prepare(line)
            lead(line.event)
            why = self._compare()
            if why or self.at == before:
                return why or self._part("no world tells that here")
            self._remember(line)
            self._begin_tasks()
        return why

    def _heard_after_its_end(self, line: Told) -> bool:
        worker = getattr(line.event, "worker", None)
        return worker in self._ended and not isinstance(line.event, told.WorkerReaped)

    def _heard_late(self, line: Told) -> bool:
        """Whether a worker was heard that is to be killed and is not dead yet.

        In the world it dies at once; the core does nothing more about it either way. But whoever
        was told to have ended is never heard again.
        """
        worker = getattr(line.event, "worker", None)
        if worker not in self._killed or worker in self._ended:
            return False
        if isinstance(line.event, (told.WorkerReaped, told.SpawnFailed)):
            return False
        self._remember(line)
        return all(isinstance(effect, (do.ResultDropped, do.KillWorker)) for effect in line.asked)

    def _remember(self, line: Told) -> None:
        self._killed |= {e.worker for e in line.asked if isinstance(e, do.KillWorker)}
        if isinstance(line.event, (told.WorkerExited, told.FrameCorrupt)):
            self._ended.add(line.event.worker)

    # The world is made to tell one entry.

    def _do(self, command: Command) -> bool:
        return self._run.do(command)

    def _prepare(self, line: Told) -> None:
        """What must have happened before the entry is told, for its effects to be the same."""
        if not isinstance(line.event, told.TimerFired):
            self._pass(line)
        starts = [self._fates[e.worker].start for e in line.asked if type(e) is do.SpawnWorker]
        if starts and starts[0] is not Start.NORMAL:
            self._do(trace.NextStart(starts[0]))
        self._doubt(starts[1:])  # only the first of several can be chosen
        for effect in line.asked:
            if isinstance(effect, (do.KillWorker, do.RecallTasks)):
                self._make_begin(effect.worker)

    def _doubt(self, starts: Sequence[Start]) -> None:
        self.unsure = self.unsure or any(start is not Start.NORMAL for start in starts)

    def _pass(self, line: Told) -> None:
        """The clock is where the record's is, or just before the first timer that is due."""
        wanted = any(isinstance(effect, do.SetTimer) for effect in line.asked)
        if not wanted and not self._run.setting.prefetch:
            return
        until = line.at
        due = min(self._world.timers.values(), default=until + 1)
        if due <= until:
            until, self.unsure = due - _JUST_BEFORE_S, True
            if until <= self._world.now + _APART_S < due:  # what is set now is due after the former
                until = self._world.now + _APART_S
        if line.quick and isinstance(line.event, told.ResultReceived):
            worker = self._world.core.workers.get(line.event.worker)
            # It was sent while a timer was late, which here comes earlier by that much.
            until = until if worker is None else min(until, worker.since + QUICK_S - _APART_S)
        if until > self._world.now:
            self._do(trace.Advance(until - self._world.now))

    def _fire(self, timer: told.Timer) -> None:
        due = self._world.timers.get(timer)
        if due is None:
            self.unsure = False  # however late: the core had cleared it, and is told of it
            return
        if min(self._world.timers.values()) < due:
            self.unsure = True
        while self._world.timers.get(timer) == due:
            left = max(0.0, due - self._world.now)
            if not self._do(trace.Advance(left)) or left == 0.0:
                break

    def _submit(self, event: told.TaskSubmitted) -> None:
        operation = self._operations.get(event.task, "echo")
        self._do(trace.Submit(event.task, operation, event.deadline, event.retries, event.session))

    def _divert(self, event: told.FallbackEnded) -> None:
        how = Elsewhere.REFUSED if event.reply is None else Elsewhere.RUN
        self._do(trace.Divert(event.task, how))

    def _answer(self, event: told.ResultReceived) -> None:
        body = self._world.bodies.get(event.worker)
        if body is None:
            return
        for _ in range(_MOVES_MAX):
            if any(fact.kind is FactKind.REPLY for fact in body.facts):
                break
            if not self._move(body):
                return
        self._deliver(event.worker, FactKind.REPLY)

    def _exit(self, event: told.WorkerExited) -> None:
        body = self._world.bodies.get(event.worker)
        if body is None:
            return
        self._make_begin(event.worker)
        if event.code == 0 and any(order.kind is OrderKind.STOP for order in body.inbox):
            while body.alive and self._move(body):
                pass
        if body.alive:
            self._do(trace.Crash(event.worker))
        self._deliver(event.worker, FactKind.EXIT)

    def _mangle(self, event: told.FrameCorrupt) -> None:
        body = self._world.bodies.get(event.worker)
        how = _HOW.get(event.reason)
        if body is None or how is None:
            return
        while not body.facts and self._move(body):
            pass
        if self._do(trace.Mangle(event.worker, how)):
            self._deliver(event.worker, FactKind.BAD)

    def _deliver(self, worker: int, kind: FactKind) -> None:
        """The worker's next fact of this kind is told, and before it those the core ignores."""
        body = self._world.bodies.get(worker)
        if body is None:
            return
        while kind is FactKind.HEALTH and not any(f.kind is kind for f in body.facts):
            if not self._move(body):
                return
        while any(fact.kind is kind for fact in body.facts):
            last = body.facts[0].kind is kind
            self._do(trace.Deliver(worker))
            if last or self._compare():
                return

    def _move(self, body: Body) -> bool:
        """The worker goes one step further: its function ends, or it takes its next order."""
        if body.openable and body.at_gate is not None:
            return self._do(trace.Open(body.at_gate.number))
        return body.receptive and self._do(trace.Receive(body.number))

    def _make_begin(self, worker: int) -> None:
        """The worker has taken up every task in its inbox that it is going to begin."""
        body = self._world.bodies.get(worker)
        while body is not None and _lies_in(body, self._begun(worker)) and self._move(body):
            pass

    def _begin_tasks(self) -> None:
        """Whoever can begin a task that it is going to begin does so."""
        for body in list(self._world.active.values()):
            begun = self._begun(body.number)
            while body.receptive and _lies_in(body, begun):
                self._do(trace.Receive(body.number))

    def _begun(self, worker: int) -> set[int]:
        """The tasks that it begins as they were sent to it last."""
        begun = self._fates[worker].begun
        return {task for task, times in self._times[worker].items() if (task, times) in begun}

    # What the world has told since is held against the record.

    def _compare(self) -> str:
        """Where the world's log and the record part, in a sentence; nothing if they do not."""
        for event, asked in self._news():
            line = self._lines[self.at] if self.at < len(self._lines) else None
            if line is not None and _essence(event) == _essence(line.event):
                difference = _difference(asked, line.asked)
                if difference:
                    return self._part(difference)
                for effect in asked:
                    if isinstance(effect, do.SendTask):
                        self._times[effect.worker][effect.task] += 1
                self.at += 1
            elif all(isinstance(effect, do.ResultDropped) for effect in asked):
                self.extras += 1
            else:
                return self._part(f"the simulated world tells {event}")
        return ""

    def _news(self) -> list[tuple[told.Event, list[do.Effect]]]:
        log = self._world.log
        news: list[tuple[told.Event, list[do.Effect]]] = []
        for entry in log[self._read :]:
            if type(entry) is tuple:
                news.append((entry[1], []))
            elif type(entry).__module__ == do.__name__:
                news[-1][1].append(entry)
        self._read = len(log)
        return news

    def _part(self, words: str) -> str:
        line = self._lines[min(self.at, len(self._lines) - 1)]
        return f"entry {self.at} of the record, at {line.at:.6f} s, is {line.event}; but {words}"


def _lies_in(body: Body, tasks: set[int]) -> bool:
    """Whether one of the tasks lies in the worker's inbox and was not taken back.

    One that was taken back may have been sent again, and lies there twice.
    """
    lies = [order.number for order in body.inbox if order.kind is OrderKind.TASK]
    return any(lies.count(task) > (task in body.skipped) for task in set(lies) & tasks)


def _fates(lines: Sequence[Told]) -> dict[int, Fate]:
    """What becomes of each worker, and which of its tasks it begins."""
    fates: dict[int, Fate] = {}
    for line in lines:
        for effect in line.asked:
            if isinstance(effect, do.SpawnWorker):
                fates[effect.worker] = Fate()
            elif isinstance(effect, do.SendTask):
                fate = fates[effect.worker]
                fate.times[effect.task] += 1
                fate.sent.append((effect.task, fate.times[effect.task]))
                fate.begun.add(fate.sent[-1])
        event = line.event
        worker = getattr(event, "worker", None)
        if worker not in fates:
            continue
        fate = fates[worker]
        if type(event) in _STARTS:
            fate.start = _STARTS[type(event)]
        elif isinstance(event, told.TasksRecalled):
            back = {(task, fate.times[task]) for task in event.tasks}
            fate.sent = [sending for sending in fate.sent if sending not in back]
            fate.begun -= back
        elif isinstance(event, (told.WorkerExited, told.WorkerReaped)) and event.unstarted:
            fate.begun -= set(fate.sent[-event.unstarted :])
    return fates


_STARTS: Final[Mapping[type, Start]] = {
    told.WorkerReady: Start.NORMAL,
    told.WorkerInitFailed: Start.RAISES,
    told.SpawnFailed: Start.REFUSED,
}


def _difference(asked: Sequence[do.Effect], recorded: Sequence[do.Effect]) -> str:
    ours, theirs = [_essence(one) for one in asked], [_essence(one) for one in recorded]
    if ours == theirs:
        return ""
    at = next(
        (k for k, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), -1
    )
    if at < 0:
        return f"it asked for {len(recorded)} effects, in the simulated world for {len(asked)}"
    return f"it asked for {recorded[at]}, in the simulated world for {asked[at]}"


def _essence(value: Any) -> Any:
    """An event or effect without what no world can know."""
    if attrs.has(type(value)):
        fields = [a.name for a in attrs.fields(type(value)) if a.name not in _UNKNOWABLE]
        return (type(value).__name__, *(_essence(getattr(value, name)) for name in fields))
    return value
