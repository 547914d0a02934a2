"""The world: one core, one layer's driver, a clock, and the log of all that happened.

The world turns commands into what the driver does and the core hears, keeps the virtual clock and
the timers, and reports everything as records of the model's history. A command that is impossible
where it stands changes nothing and is answered with False.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace, vocabulary, workload
from machines.bodies import Bodies
from machines.body import Body, Condition, Fact, FactKind, Gate, OrderKind
from machines.gate import FAULT, Start
from machines.harm import Harm
from machines.trace import Elsewhere
from machines.workload import NEVER
from model import history as saw
from pool import effects
from pool import events as told
from pool.effects import Ending
from pool.events import Reply
from pool.futures import Answer
from pool.lifecycle import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.drivers import Driver
    from machines.parts import Parts
    from pool.config import PoolConfig

_RECORDS: Final = vocabulary.RECORDS


class World:
    """One run's world.

    Args:
        config: the pool's configuration.
        parts: the pool, perhaps with a bug planted in it.
        driver: the layer's hands, fresh.
        watch: is told every record, in order.
    """

    def __init__(
        self,
        config: PoolConfig,
        parts: Parts,
        driver: Driver,
        watch: Callable[[saw.Record], None],
    ) -> None:
        self.now = 0.0
        self.log: list[Any] = []
        self.timers: dict[told.Timer, float] = {}
        self.session_of: dict[int, int | None] = {}
        self.diverted: list[int] = []
        self.closed = False
        self._driver = driver
        self._book = Bodies(driver, self._see)
        self._watch = watch
        self.core = parts.core(config)
        self._harm = Harm(self._book, driver, self.core, self.timers)
        self._doomed = self._book.doomed
        self._commands: dict[type, Callable[[Any], bool]] = {
            trace.Submit: self._submit,
            trace.OpenSession: self._open_session,
            trace.Reopen: self._reopen,
            trace.CloseSession: self._close_session,
            trace.Cancel: self._cancel,
            trace.Kill: self._kill_task,
            trace.Shutdown: self._shutdown,
            trace.Receive: self._receive,
            trace.Open: self._open,
            trace.Deliver: self._deliver,
            trace.Advance: self._advance,
            trace.Divert: self._divert,
            trace.Jump: self._jump,
            **self._harm.commands,
        }
        self._performers: dict[type, Callable[[Any], told.Event | None]] = {
            **self._book.performers,
            effects.RecallTasks: self._perform_recall,
            effects.ResolveTask: self._perform_resolve,
            effects.RefuseTask: self._perform_refuse,
            effects.FailOver: self._perform_fail_over,
            effects.SetTimer: self._perform_set_timer,
            effects.ClearTimer: self._perform_clear_timer,
            effects.ResultDropped: self._perform_drop,
            effects.PoolClosed: self._perform_closed,
        }
        self._see(vocabulary.opened(config))
        self._watch(vocabulary.configured(config))
        self._tell(told.PoolStarted())

    def do(self, command: trace.Command) -> bool:
        """The command is carried out; whether it was possible is returned.

        Raises:
            Diverged: the layer did not show a fact within its limit.
        """
        return self._commands[type(command)](command)

    def relent(self) -> None:
        """No fault that was chosen before is yet to come."""
        self._book.next_start = Start.NORMAL
        self._doomed.clear()

    @property
    def bodies(self) -> dict[int, Body]:
        """Each worker's body, by its number."""
        return self._book.all

    @property
    def operations(self) -> dict[int, str]:
        """What each task does, by its number."""
        return self._book.operations

    @property
    def next_start(self) -> Start:
        """How the next worker's start goes."""
        return self._book.next_start

    @property
    def active(self) -> dict[int, Body]:
        """The bodies of the workers of which anything may still be heard."""
        return self._book.active

    @property
    def launched(self) -> int:
        """How many processes were started."""
        return self._book.launched

    @property
    def ready(self) -> int:
        """How many workers are ready."""
        return sum(worker.state is WorkerState.READY for worker in self.core.workers.values())

    # What clients do.

    def _submit(self, command: trace.Submit) -> bool:
        if command.task in self._book.operations:
            return False
        if command.operation in NEVER and command.deadline is None:
            return False  # no pool could ever give its client an answer
        self._book.operations[command.task] = command.operation
        self.session_of[command.task] = command.session
        self._tell(
            told.TaskSubmitted(command.task, command.deadline, command.retries, command.session)
        )
        return True

    def _open_session(self, command: trace.OpenSession) -> bool:
        self._see(saw.SessionAsked(command.session, "open"))
        self._tell(told.SessionOpened(command.session))
        return True

    def _reopen(self, command: trace.Reopen) -> bool:
        self._see(saw.SessionAsked(command.session, "reopen"))
        self._tell(told.SessionReopened(command.session))
        return True

    def _close_session(self, command: trace.CloseSession) -> bool:
        self._see(saw.SessionAsked(command.session, "close"))
        self._tell(told.SessionCloseRequested(command.session))
        return True

    def _cancel(self, command: trace.Cancel) -> bool:
        if command.task not in self._book.operations:
            return False
        self._see(saw.CancelAsked(command.task, forcibly=False))
        self._tell(told.CancelRequested(command.task))
        return True

    def _kill_task(self, command: trace.Kill) -> bool:
        if command.task not in self._book.operations:
            return False
        self._see(saw.CancelAsked(command.task, forcibly=True))
        self._tell(told.KillRequested(command.task))
        return True

    def _shutdown(self, command: trace.Shutdown) -> bool:
        self._see(saw.ShutdownAsked(command.grace, command.cancel_waiting))
        self._tell(told.ShutdownRequested(command.cancel_waiting, command.grace))
        return True

    # What the schedule does.

    def _receive(self, command: trace.Receive) -> bool:
        body = self.bodies.get(command.worker)
        if body is None or not body.receptive:
            return False
        order = body.inbox.popleft()
        if order.fatal is not None:
            if order.ahead:  # whoever has not begun it leaves it to be taken back
                body.inbox.appendleft(order)
            self._driver.receive(body.number)
            self._book.dies(body, order.fatal)
        elif order.kind is not OrderKind.TASK:
            self._driver.receive(body.number)
            self._book.obey(body, order)
        elif order.number in body.skipped:
            self._driver.skip(body.number)
            body.skipped.discard(order.number)
        else:
            self._driver.receive(body.number)
            self._book.begin(body, order)
        return True

    def _open(self, command: trace.Open) -> bool:
        for body in self.active.values():
            if body.openable and body.at_gate is not None and body.at_gate.number == command.task:
                self._driver.open(body.number)
                body.gate = Gate.OPENED
                if body.condition is Condition.RUNNING:
                    self._book.answer(body)
                return True
        return False

    def _deliver(self, command: trace.Deliver) -> bool:
        body = self.bodies.get(command.worker)
        if body is None or not body.facts:
            return False
        fact = body.facts.popleft()
        if fact.struck:
            self._see(saw.Struck(body.number, fact.struck))
        if fact.kind is FactKind.BAD:  # the stream is of no use any more
            ends = [left for left in body.facts if left.kind is FactKind.REAP]
            body.facts.clear()
            body.facts.extend(ends)
        if fact.kind is FactKind.REAP:
            body.condition = Condition.REAPED
        if body.condition is Condition.REAPED and not body.facts:
            del self.active[body.number]
        expected = _EVENTS[fact.kind](body, fact)
        shown = self._driver.fact(body.number, expected)
        if shown is None:
            self._watch(saw.Told(self.now))  # the pool made nothing of it
        else:
            self._tell(shown)
        return True

    def _advance(self, command: trace.Advance) -> bool:
        until = self.now + command.seconds
        while due := [(at, timer) for timer, at in self.timers.items() if at <= until]:
            at, timer = min(due)
            del self.timers[timer]
            self.now = max(self.now, at)
            self._tell(told.TimerFired(timer))
        self.now = until
        self._see(saw.Told(self.now))
        return True

    def _jump(self, command: trace.Jump) -> bool:
        """All of it happens at one moment, and whoever judges the clock by it is told why."""
        self.now += command.seconds
        self._see(saw.Overslept(self.now))
        while due := [(at, timer) for timer, at in self.timers.items() if at <= self.now]:
            _, timer = min(due)
            del self.timers[timer]
            self._inform(told.TimerFired(timer))
        self._see(saw.Told(self.now))
        return True

    def _divert(self, command: trace.Divert) -> bool:
        task = command.task
        if task not in self.diverted:
            return False
        self.diverted.remove(task)
        if command.how is Elsewhere.REFUSED:
            self._see(saw.FallbackRefused(task))
            self._tell(told.FallbackEnded(task, None, detail="it was refused there"))
            return True
        ending, value = workload.expected(self._book.operations[task], task)
        reply = Reply.RETURNED if ending == "returned" else Reply.RAISED
        self._see(saw.Started(task, None))
        self._see(saw.Finished(task, None, reply.value, value))
        self._tell(told.FallbackEnded(task, reply, Answer(value)))
        return True

    # Telling the core, and performing what it asks.

    def _tell(self, event: told.Event) -> None:
        self._inform(event)
        self._watch(saw.Told(self.now))

    def _inform(self, event: told.Event) -> None:
        self.log.append((self.now, event))
        if isinstance(event, told.HealthReported):
            self._watch(saw.CheckAnswered(event.worker, event.check))
        if getattr(event, "heavy", False):
            self._watch(saw.Bloated(event.worker))  # type: ignore[union-attr]
        try:
            asked = self.core.handle(event, self.now)
        except Exception as error:  # whatever the core raises is a bug of the core
            self._see(saw.Misfit(f"the core failed: {type(error).__name__}: {error}"))
            return
        if type(event) is told.TaskSubmitted:
            self._see_accepted(event, asked)
        following: list[told.Event] = []
        for effect in asked:
            self.log.append(effect)
            kind = type(effect)
            record = _RECORDS.get(kind)
            if record is not None:
                self._watch(record(effect))
            perform = self._performers.get(kind)
            if perform is not None:
                if (at_once := perform(effect)) is not None:
                    following.append(at_once)
            elif kind not in _ONLY_TOLD:
                self._see(saw.Misfit(f"the core asked for {effect!r}, which nobody can do"))
            if self._doomed:
                self._harm.performed()
        for fact in following:
            self._inform(fact)

    def _see(self, record: saw.Record) -> None:
        self.log.append(record)
        self._watch(record)

    def _see_accepted(self, event: told.TaskSubmitted, asked: list[effects.Effect]) -> None:
        if not any(isinstance(effect, effects.RefuseTask) for effect in asked):
            deadline_at = None if event.deadline is None else self.now + event.deadline
            self._watch(saw.Submitted(event.task, deadline_at, event.retries, event.session))

    def _perform_recall(self, effect: effects.RecallTasks) -> told.Event:
        ahead = [task.number for task in self.core.workers[effect.worker].ahead]
        return self._book.recall(effect.worker, ahead)

    def _perform_resolve(self, effect: effects.ResolveTask) -> None:
        outcome, value = effect.outcome, None
        reply = _REPLIES.get(outcome.ending)
        if isinstance(outcome.payload, Answer):
            value = outcome.payload.value
        elif reply is not None:
            self._see(saw.Unpickled(effect.task))
            _, value = self._driver.decode(reply, outcome.payload)
        self._see(vocabulary.resolved(effect, value))
        self._watch(vocabulary.answered(effect))

    def _perform_refuse(self, effect: effects.RefuseTask) -> None:
        self._watch(vocabulary.refused(effect, self.session_of[effect.task]))

    def _perform_fail_over(self, effect: effects.FailOver) -> None:
        if self._book.operations[effect.task] not in NEVER:  # such a one never ends there either
            self.diverted.append(effect.task)

    def _perform_set_timer(self, effect: effects.SetTimer) -> None:
        self._see_named(effect)
        self.timers[effect.timer] = effect.at

    def _perform_clear_timer(self, effect: effects.ClearTimer) -> None:
        self._see_named(effect)
        self.timers.pop(effect.timer, None)

    def _see_named(self, effect: effects.SetTimer | effects.ClearTimer) -> None:
        """Nobody could tell that a timer which is none was never set, or never cleared."""
        timer: Any = effect.timer
        if type(timer) is not told.Timer or [type(part) for part in timer] != _TIMER:
            self._see(saw.Misfit(f"the core asked for {effect!r}, whose timer is none"))

    def _perform_drop(self, effect: effects.ResultDropped) -> None:
        _, event = next(entry for entry in reversed(self.log) if type(entry) is tuple)
        if any(getattr(event, name, None) != it for name, it in attrs.asdict(effect).items()):
            self._see(saw.Misfit(f"{event!r} was said to be dropped as {effect!r}"))

    def _perform_closed(self, _: effects.PoolClosed) -> None:
        self.closed = True
        for timer in sorted(self.timers):
            self._see(saw.LeftOver(f"the timer of {timer.kind} {timer.number}"))


_ONLY_TOLD: Final = frozenset(
    {
        effects.RefuseSession,
        effects.WorkerMoved,
        effects.SessionMoved,
        effects.BreakerMoved,
        effects.Trouble,
        effects.RetryPlanned,
        effects.PoolBroke,
    }
)

_TIMER: Final = [told.TimerKind, int]
_REPLIES: Final = {Ending.RETURNED: Reply.RETURNED, Ending.RAISED: Reply.RAISED}


_EVENTS: Final[dict[FactKind, Callable[[Body, Fact], told.Event]]] = {
    FactKind.READY: lambda body, _: told.WorkerReady(body.number),
    FactKind.INIT_FAILED: lambda body, _: told.WorkerInitFailed(body.number, FAULT),
    FactKind.REPLY: lambda body, fact: told.ResultReceived(
        body.number, fact.task, fact.attempt, fact.reply, fact.value, fact.heavy
    ),
    FactKind.BAD: lambda body, fact: told.FrameCorrupt(body.number, fact.reason),
    FactKind.REFUSED: lambda body, _: told.SpawnFailed(body.number),
    FactKind.EXIT: lambda body, fact: told.WorkerExited(
        body.number, fact.code, body.sent - body.begun
    ),
    FactKind.REAP: lambda body, _: told.WorkerReaped(body.number, body.sent - body.begun),
    FactKind.HEALTH: lambda body, fact: told.HealthReported(body.number, fact.task, fact.heavy),
}
