"""The world: one core, one layer's driver, a clock, and the log of all that happened.

The world turns commands into what the driver does and the core hears, keeps the virtual clock and
the timers, and reports everything as records of the model's history. A command that is impossible
where it stands changes nothing and is answered with False.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines import trace, vocabulary, workload
from machines.body import FRAMES, Body, Condition, Fact, FactKind, Gate, Order
from machines.gate import EXIT_CODE, Start
from machines.trace import FOREIGN, How
from model import history as saw
from pool import effects
from pool import events as told
from pool.effects import Ending
from pool.events import Reply
from pool.lifecycle import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.drivers import Driver
    from machines.parts import Parts
    from pool.config import PoolConfig

SIGKILLED: Final = -9
_BAD: Final = {How.FLIPPED: "checksum", How.UNKNOWN: "kind", How.OVERSIZED: "length"}


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
        self.bodies: dict[int, Body] = {}
        self.timers: dict[told.Timer, float] = {}
        self.operations: dict[int, str] = {}
        self.closed = False
        self.launched = 0
        self._next_start = Start.NORMAL
        self._driver = driver
        self._watch = watch
        self.core = parts.core(config)
        self._commands: dict[type, Callable[[Any], bool]] = {
            trace.Submit: self._submit,
            trace.Cancel: self._cancel,
            trace.Kill: self._kill_task,
            trace.Shutdown: self._shutdown,
            trace.Receive: self._receive,
            trace.Open: self._open,
            trace.Deliver: self._deliver,
            trace.Advance: self._advance,
            trace.Crash: self._crash,
            trace.Stop: self._stop,
            trace.Continue: self._continue,
            trace.Mangle: self._mangle,
            trace.NextStart: self._set_next_start,
        }
        self._performers: dict[type, Callable[[Any], None]] = {
            effects.SpawnWorker: self._perform_spawn,
            effects.SendTask: self._perform_send,
            effects.StopWorker: self._perform_stop,
            effects.KillWorker: self._perform_kill,
            effects.ResolveTask: self._perform_resolve,
            effects.SetTimer: self._perform_set_timer,
            effects.ClearTimer: self._perform_clear_timer,
            effects.PoolClosed: self._perform_closed,
        }
        self._see(saw.Opened(config.size, config.queue_limit, config.grace))
        self._tell(told.PoolStarted())

    def do(self, command: trace.Command) -> bool:
        """The command is carried out; whether it was possible is returned.

        Raises:
            Diverged: the layer did not show a fact within its limit.
        """
        return self._commands[type(command)](command)

    @property
    def ready(self) -> int:
        """How many workers are ready."""
        return sum(worker.state is WorkerState.READY for worker in self.core.workers.values())

    # What clients do.

    def _submit(self, command: trace.Submit) -> bool:
        if command.task in self.operations:
            return False
        self.operations[command.task] = command.operation
        self._tell(told.TaskSubmitted(command.task, command.deadline, command.retries))
        return True

    def _cancel(self, command: trace.Cancel) -> bool:
        if command.task not in self.operations:
            return False
        self._see(saw.CancelAsked(command.task, forcibly=False))
        self._tell(told.CancelRequested(command.task))
        return True

    def _kill_task(self, command: trace.Kill) -> bool:
        if command.task not in self.operations:
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
        self._driver.receive(body.number)
        if order.task is None:
            self._dies(body, 0)
            return True
        body.at_gate = order
        body.gate = Gate.CLOSED
        body.begun += 1
        self._see(saw.Started(order.task, body.number))
        return True

    def _open(self, command: trace.Open) -> bool:
        for body in self.bodies.values():
            if body.openable and body.at_gate is not None and body.at_gate.task == command.task:
                self._driver.open(body.number)
                body.gate = Gate.OPENED
                if body.condition is Condition.RUNNING:
                    self._answer(body)
                return True
        return False

    def _answer(self, body: Body) -> None:
        order, body.at_gate = body.at_gate, None
        body.gate = Gate.EMPTY
        if order is None or order.task is None:
            return
        ending, value = workload.expected(order.operation, order.task)
        self._see(saw.Finished(order.task, body.number, ending, value))
        reply = Reply.RETURNED if ending == "returned" else Reply.RAISED
        body.facts.append(Fact(FactKind.REPLY, order.task, order.attempt, reply, value))

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
        expected = _EVENTS[fact.kind](body, fact)
        self._tell(self._driver.fact(body.number, expected))
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

    # What the nemesis does.

    def _crash(self, command: trace.Crash) -> bool:
        body = self.bodies.get(command.worker)
        if body is None or not body.alive:
            return False
        self._driver.crash(body.number)
        self._dies(body, SIGKILLED)
        return True

    def _stop(self, command: trace.Stop) -> bool:
        body = self.bodies.get(command.worker)
        if body is None or body.condition is not Condition.RUNNING:
            return False
        self._driver.suspend(body.number)
        body.condition = Condition.STOPPED
        return True

    def _continue(self, command: trace.Continue) -> bool:
        body = self.bodies.get(command.worker)
        if body is None or body.condition is not Condition.STOPPED:
            return False
        self._driver.resume(body.number)
        body.condition = Condition.RUNNING
        if body.gate is Gate.OPENED:
            self._answer(body)
        return True

    def _mangle(self, command: trace.Mangle) -> bool:
        body = self.bodies.get(command.worker)
        if body is None or not body.facts or body.facts[0].kind not in FRAMES:
            return False
        fact, how = body.facts[0], command.how
        if fact.struck or (how is How.FOREIGN and fact.kind is not FactKind.REPLY):
            return False
        self._driver.mangle(body.number, how)
        del body.facts[0]
        if how is How.CUT:
            if body.alive:
                self._driver.crash(body.number)
                self._dies(body, SIGKILLED)
            ends = [left for left in body.facts if left.kind not in FRAMES]
            body.facts.clear()
            body.facts.extend([Fact(FactKind.BAD, reason="cut", struck="cut"), *ends])
        else:
            body.facts.extendleft(reversed(_mangled(fact, how)))
        return True

    def _set_next_start(self, command: trace.NextStart) -> bool:
        if self._next_start is command.how:
            return False
        self._next_start = command.how
        return True

    def _dies(self, body: Body, code: int) -> None:
        body.die()
        body.facts.append(Fact(FactKind.EXIT, code=code))
        self._see(saw.Died(body.number))

    # Telling the core, and performing what it asks.

    def _tell(self, event: told.Event) -> None:
        self.log.append((self.now, event))
        try:
            asked = self.core.handle(event, self.now)
        except Exception as error:  # whatever the core raises is a bug of the core
            self._see(saw.Misfit(f"the core failed: {type(error).__name__}: {error}"))
            return
        if isinstance(event, told.TaskSubmitted):
            self._see_accepted(event, asked)
        for effect in asked:
            self.log.append(effect)
            record = vocabulary.record_of(effect)
            if record is not None:
                self._watch(record)
            perform = self._performers.get(type(effect))
            if perform is not None:
                perform(effect)
        self._watch(saw.Told(self.now))

    def _see(self, record: saw.Record) -> None:
        self.log.append(record)
        self._watch(record)

    def _see_accepted(self, event: told.TaskSubmitted, asked: list[effects.Effect]) -> None:
        if not any(isinstance(effect, effects.RefuseTask) for effect in asked):
            deadline_at = None if event.deadline is None else self.now + event.deadline
            self._watch(saw.Submitted(event.task, deadline_at, event.retries))

    def _perform_spawn(self, effect: effects.SpawnWorker) -> None:
        start, self._next_start = self._next_start, Start.NORMAL
        body = Body(effect.worker)
        self.bodies[effect.worker] = body
        if start is Start.REFUSED:
            body.condition = Condition.REAPED  # there never was a process
            body.facts.append(Fact(FactKind.REFUSED))
            return
        self._driver.spawn(effect.worker, start)
        self.launched += 1
        self._see(saw.Launched(effect.worker))
        if start is Start.NORMAL:
            body.facts.append(Fact(FactKind.READY))
        elif start is Start.HANGS:
            body.condition = Condition.HUNG
        elif start is Start.RAISES:
            body.facts.append(Fact(FactKind.INIT_FAILED))
            body.condition = Condition.HUNG  # a process whose initializer failed may linger
        else:
            self._dies(body, EXIT_CODE)

    def _perform_send(self, effect: effects.SendTask) -> None:
        body = self.bodies[effect.worker]
        operation = self.operations[effect.task]
        body.sent += 1
        if body.condition is not Condition.REAPED:
            body.inbox.append(Order(effect.task, effect.attempt, operation))
            self._driver.send(effect.worker, effect.task, effect.attempt, operation)

    def _perform_stop(self, effect: effects.StopWorker) -> None:
        body = self.bodies[effect.worker]
        if body.alive:
            body.inbox.append(Order())
            self._driver.stop(effect.worker)

    def _perform_kill(self, effect: effects.KillWorker) -> None:
        body = self.bodies[effect.worker]
        if body.condition is Condition.REAPED or Fact(FactKind.REAP) in body.facts:
            return
        if body.alive:
            self._driver.kill(effect.worker)
            body.die()
            self._see(saw.Died(effect.worker))
        kept = [left for left in body.facts if left.kind in (*FRAMES, FactKind.BAD)]
        body.facts.clear()
        body.facts.extend([*kept, Fact(FactKind.REAP)])

    def _perform_resolve(self, effect: effects.ResolveTask) -> None:
        outcome, value = effect.outcome, None
        reply = _REPLIES.get(outcome.ending)
        if reply is not None:
            self._see(saw.Unpickled(effect.task))
            _, value = self._driver.decode(reply, outcome.payload)
        self._see(vocabulary.resolved(effect, value))

    def _perform_set_timer(self, effect: effects.SetTimer) -> None:
        self.timers[effect.timer] = effect.at

    def _perform_clear_timer(self, effect: effects.ClearTimer) -> None:
        self.timers.pop(effect.timer, None)

    def _perform_closed(self, _: effects.PoolClosed) -> None:
        self.closed = True


_REPLIES: Final = {Ending.RETURNED: Reply.RETURNED, Ending.RAISED: Reply.RAISED}


_EVENTS: Final[dict[FactKind, Callable[[Body, Fact], told.Event]]] = {
    FactKind.READY: lambda body, _: told.WorkerReady(body.number),
    FactKind.INIT_FAILED: lambda body, _: told.WorkerInitFailed(body.number),
    FactKind.REPLY: lambda body, fact: told.ResultReceived(
        body.number, fact.task, fact.attempt, fact.reply, fact.value
    ),
    FactKind.BAD: lambda body, fact: told.FrameCorrupt(body.number, fact.reason),
    FactKind.REFUSED: lambda body, _: told.SpawnFailed(body.number),
    FactKind.EXIT: lambda body, fact: told.WorkerExited(
        body.number, fact.code, body.sent - body.begun
    ),
    FactKind.REAP: lambda body, _: told.WorkerReaped(body.number),
}


def _mangled(fact: Fact, how: How) -> list[Fact]:
    if how is How.DOUBLED:
        copy = Fact(fact.kind, fact.task, fact.attempt, fact.reply, fact.value, struck="doubled")
        return [fact, copy]
    if how is How.FOREIGN:
        task = fact.task + FOREIGN
        return [Fact(fact.kind, task, fact.attempt, fact.reply, fact.value, struck="foreign")]
    return [Fact(FactKind.BAD, reason=_BAD[how], struck=str(how.value))]
