"""The harm: what each fault of a trace does to a worker's body, in the book and on its layer.

A fault that cannot happen where it stands changes nothing and is answered with False.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.body import FRAMES, Body, Condition, Fact, FactKind, Gate, OrderKind
from machines.gate import EXIT_CODE
from machines.trace import CUTS, FOREIGN, How, Toward, Way
from pool import exits
from pool.events import Timer, TimerKind
from pool.lifecycle import WorkerState
from pool.worker import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from machines.bodies import Bodies
    from machines.drivers import Driver
    from pool.core import Core

SIGKILLED: Final = -9
SIGTERMED: Final = -15
_BAD: Final = {How.FLIPPED: "checksum", How.UNKNOWN: "kind", How.OVERSIZED: "length"}
_CODES: Final = {
    Toward.FLIPPED: exits.BAD_FRAME,
    Toward.UNKNOWN: exits.BAD_FRAME,
    Toward.OVERSIZED: exits.BAD_FRAME,
    Toward.CUT: Ended.HUNG_UP.value,
}
# Which timer tells the pool, in the end, that a frame has not come.
_AWAITED: Final = {
    FactKind.READY: TimerKind.INIT,
    FactKind.INIT_FAILED: TimerKind.INIT,
    FactKind.HEALTH: TimerKind.CHECK,
}
_HEEDED: Final = {OrderKind.CHECK: TimerKind.CHECK, OrderKind.STOP: TimerKind.STOP}


class Harm:
    """What goes wrong in one world.

    Args:
        book: the workers' bodies.
        driver: the layer's hands.
        core: the pool's mind, which is only looked at.
        timers: when which of its timers is due.
    """

    def __init__(
        self, book: Bodies, driver: Driver, core: Core, timers: Mapping[Timer, float]
    ) -> None:
        self._book = book
        self._driver = driver
        self._core = core
        self._timers = timers
        self.commands: dict[type, Callable[[Any], bool]] = {
            trace.Crash: self._crash,
            trace.Stop: self._stop,
            trace.Continue: self._continue,
            trace.Mangle: self._mangle,
            trace.Garble: self._garble,
            trace.Exit: self._exit,
            trace.Swell: self._swell,
            trace.NextStart: self._set_next_start,
        }
        self._ways: dict[Way, Callable[[Body], bool]] = {
            Way.CODE: self._exit_with_code,
            Way.TERMINATED: self._terminate,
            Way.READING: self._die_reading,
        }

    # Processes.

    def _crash(self, command: trace.Crash) -> bool:
        body = self._book.all.get(command.worker)
        if body is None or not body.alive or (command.half and not body.receptive):
            return False
        if command.after:
            self._book.doomed[body.number] = command.after
            return True
        if command.half:
            self._driver.send_half(body.number)
        self._kill(body)
        return True

    def performed(self) -> None:
        """One effect more was performed; who was to die after it is killed."""
        for worker in [*self._book.doomed]:
            self._book.doomed[worker] -= 1
            if self._book.doomed[worker] == 0:
                del self._book.doomed[worker]
                if self._book.all[worker].alive:
                    self._kill(self._book.all[worker])

    def _kill(self, body: Body) -> None:
        self._driver.crash(body.number)
        self._book.dies(body, SIGKILLED)

    def _stop(self, command: trace.Stop) -> bool:
        body = self._book.all.get(command.worker)
        if body is None or body.condition is not Condition.RUNNING:
            return False
        self._driver.suspend(body.number)
        body.condition = Condition.STOPPED
        return True

    def _continue(self, command: trace.Continue) -> bool:
        body = self._book.all.get(command.worker)
        if body is None or body.condition is not Condition.STOPPED:
            return False
        self._driver.resume(body.number)
        body.condition = Condition.RUNNING
        if body.gate is Gate.OPENED:
            self._book.answer(body)
        return True

    def _exit(self, command: trace.Exit) -> bool:
        body = self._book.all.get(command.worker)
        return body is not None and self._ways[command.how](body)

    def _exit_with_code(self, body: Body) -> bool:
        if not body.running:
            return False
        self._driver.leave(body.number)
        self._book.dies(body, EXIT_CODE)
        return True

    def _terminate(self, body: Body) -> bool:
        if not body.alive or body.condition is Condition.STOPPED:
            return False  # a stopped process takes the signal only when it goes on
        self._driver.terminate(body.number)
        self._book.dies(body, SIGTERMED)
        return True

    def _die_reading(self, body: Body) -> bool:
        if not body.receptive or body.inbox[0].fatal is not None:
            return False
        if not body.inbox[0].ahead:  # whoever has not begun it leaves it to be taken back
            body.inbox.popleft()
        self._driver.die_reading(body.number)
        self._book.dies(body, SIGKILLED)
        return True

    def _swell(self, command: trace.Swell) -> bool:
        body = self._book.all.get(command.worker)
        if body is None or not body.running or body.heavy:
            return False
        self._driver.swell(body.number)
        body.heavy = True
        return True

    def _set_next_start(self, command: trace.NextStart) -> bool:
        if self._book.next_start is command.how:
            return False
        self._book.next_start = command.how
        return True

    # Frames from a worker.

    def _mangle(self, command: trace.Mangle) -> bool:
        body = self._book.all.get(command.worker)
        if body is None or not body.facts or body.facts[0].kind not in FRAMES:
            return False
        fact, how = body.facts[0], command.how
        if fact.struck or not self._can_happen(body, fact, how):
            return False
        names = self._named(body, fact, how)
        self._driver.mangle(body.number, how, names)
        if how is How.REORDERED:
            body.facts[0], body.facts[1] = body.facts[1], fact
            return True
        del body.facts[0]
        if how in CUTS:
            if body.alive:
                self._kill(body)
            ends = [left for left in body.facts if left.kind not in FRAMES]
            body.facts.clear()
            body.facts.extend([Fact(FactKind.BAD, reason="cut", struck="cut"), *ends])
        elif how is not How.DROPPED:
            body.facts.extendleft(reversed(_mangled(fact, how, names)))
        return True

    def _can_happen(self, body: Body, fact: Fact, how: How) -> bool:
        if how is How.FOREIGN or how is How.ANOTHER:
            named = how is How.FOREIGN or self._another(body, fact) is not None
            return named and fact.kind is FactKind.REPLY
        if how is How.REORDERED:
            second = body.facts[1] if len(body.facts) > 1 else fact
            return second is not fact and second.kind in FRAMES and not second.struck
        return how is not How.DROPPED or self._missed(body, fact)

    def _named(self, body: Body, fact: Fact, how: How) -> int:
        """The task that the frame names when it is damaged."""
        another = self._another(body, fact) if how is How.ANOTHER else None
        return fact.task + FOREIGN if another is None else another

    def _another(self, body: Body, fact: Fact) -> int | None:
        """A task that there was, but not one of which this worker still owes an answer."""
        worker = self._core.workers.get(body.number)
        held = set() if worker is None else {task.number for task in worker.ahead}
        if worker is not None and worker.task is not None:
            held.add(worker.task.number)
        others = (task for task in self._book.operations if task != fact.task)
        return min((task for task in others if task not in held), default=None)

    def _missed(self, body: Body, fact: Fact) -> bool:
        """Whether the pool finds out that this frame never comes.

        Between two processes none is ever lost, and a pool cannot tell one that is from one that
        is late; so a frame is dropped only where a timer, or its worker's end, bounds the wait.
        """
        if len(body.facts) > 1 and body.facts[1].struck:
            return False  # its double is to be one too many
        worker = self._core.workers.get(body.number)
        if worker is None or worker.state is WorkerState.TERMINATING or not body.alive:
            return True
        if fact.kind is FactKind.REPLY:
            return Timer(TimerKind.DEADLINE, fact.task) in self._timers
        return Timer(_AWAITED[fact.kind], body.number) in self._timers

    # Frames to a worker.

    def _garble(self, command: trace.Garble) -> bool:
        body, how = self._book.all.get(command.worker), command.how
        if body is None or not body.inbox or body.inbox[0].fatal is not None:
            return False
        if body.condition not in (Condition.RUNNING, Condition.STOPPED):
            return False
        if how is Toward.DROPPED and not self._unheeded(body):
            return False
        self._driver.garble(body.number, how)
        order = body.inbox.popleft()
        if how is not Toward.DROPPED:
            body.inbox.appendleft(attrs.evolve(order, fatal=_CODES[how]))
        return True

    def _unheeded(self, body: Body) -> bool:
        """Whether the pool finds out that this frame never came; see `_missed`.

        Where tasks are sent ahead, the pool reckons by their number and order which of them have
        started; there a frame that vanishes would have it start a task twice.
        """
        order = body.inbox[0]
        if order.kind is OrderKind.TASK:
            bounded = Timer(TimerKind.DEADLINE, order.number) in self._timers
            return bounded and not self._core.config.prefetch
        kind = _HEEDED.get(order.kind)
        return kind is None or Timer(kind, body.number) in self._timers


def _mangled(fact: Fact, how: How, names: int) -> list[Fact]:
    if how is How.DOUBLED:
        return [fact, attrs.evolve(fact, struck="doubled")]
    if how is How.FOREIGN or how is How.ANOTHER:
        return [attrs.evolve(fact, task=names, struck=how.value)]
    return [Fact(FactKind.BAD, reason=_BAD[how], struck=how.value)]
