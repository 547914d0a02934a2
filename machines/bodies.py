"""The bodies: the book of a run's worker processes, whatever layer they live on.

What the core asks for is entered here and handed to the layer's driver, and what must come of it is
foreseen, so that every layer can be held to the same facts.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from machines import workload
from machines.body import FRAMES, Body, Condition, Fact, FactKind, Gate, Order, OrderKind
from machines.gate import EXIT_CODE, Start
from model import history as saw
from pool import effects
from pool import events as told
from pool.events import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from machines.drivers import Driver

# How an operation ends is the same always, so it is found out once; nobody changes the value.
_ends: Final = functools.lru_cache(4_096)(workload.expected)


class Bodies:
    """Every worker of one run.

    Attributes:
        all: each worker's body, by its number.
        active: those of which anything may still be heard.
        operations: what each task does.
        launched: how many processes were started.
        next_start: how the next start goes.
        doomed: who is to be killed after so many effects more.

    Args:
        driver: the layer's hands.
        see: is told every record that shows something of a worker.
    """

    def __init__(self, driver: Driver, see: Callable[[saw.Record], None]) -> None:
        self.all: dict[int, Body] = {}
        self.active: dict[int, Body] = {}
        self.operations: dict[int, str] = {}
        self.launched = 0
        self.next_start = Start.NORMAL
        self.doomed: dict[int, int] = {}
        self._driver = driver
        self._see = see
        self.performers: dict[type, Callable[[Any], told.Event | None]] = {
            effects.SpawnWorker: self._spawn,
            effects.SendTask: self._send,
            effects.CheckWorker: self._check,
            effects.DropSession: self._drop,
            effects.StopWorker: self._stop,
            effects.KillWorker: self._kill,
        }

    def obey(self, body: Body, order: Order) -> None:
        """The worker does what an order that is no task says."""
        if order.kind is OrderKind.STOP:
            self.dies(body, 0)
        elif order.kind is OrderKind.CHECK:
            body.facts.append(Fact(FactKind.HEALTH, order.number, heavy=body.heavy))
        else:
            body.marks.pop(order.number, None)

    def begin(self, body: Body, order: Order) -> None:
        """The function has started, and waits at its gate."""
        body.at_gate = order
        body.gate = Gate.CLOSED
        body.begun += 1
        body.found = None
        if order.session is not None:
            if order.opens:
                body.marks[order.session] = []
            marks = body.marks.setdefault(order.session, [])
            body.found = list(marks)
            marks.append(order.number)
        self._see(saw.Started(order.number, body.number))

    def answer(self, body: Body) -> None:
        """The function has ended, and its worker replies."""
        order, body.at_gate = body.at_gate, None
        body.gate = Gate.EMPTY
        if order is None:
            return
        ending, value = _ends(order.operation, order.number)
        if body.found is not None and ending == "returned" and value is not workload.REFUSED:
            value = [list(body.found), value]
        reply = Reply(ending)
        shown = "returned" if reply is Reply.RETURNED else "raised"
        self._see(saw.Finished(order.number, body.number, shown, value))
        if body.found is not None:
            self._see(saw.Found(order.number, tuple(body.found)))
        body.facts.append(
            Fact(FactKind.REPLY, order.number, order.attempt, reply, value, heavy=body.heavy)
        )

    def dies(self, body: Body, code: int) -> None:
        """The process is dead, and the pool will hear of its exit."""
        body.die()
        body.facts.append(Fact(FactKind.EXIT, code=code))
        self._see(saw.Died(body.number))

    def _spawn(self, effect: effects.SpawnWorker) -> None:
        start, self.next_start = self.next_start, Start.NORMAL
        body = Body(effect.worker)
        self.all[effect.worker] = self.active[effect.worker] = body
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
            self.dies(body, EXIT_CODE)

    def _send(self, effect: effects.SendTask) -> None:
        body = self.all[effect.worker]
        order = Order(
            OrderKind.TASK,
            effect.task,
            effect.attempt,
            self.operations[effect.task],
            effect.session,
            effect.opens,
            effect.ahead,
        )
        body.sent += 1
        if body.condition is not Condition.REAPED:
            body.inbox.append(order)
            self._driver.send(effect.worker, order)

    def recall(self, worker: int, ahead: Collection[int]) -> told.Event:
        """What the worker has not come to is taken back; the driver's layer must agree.

        Args:
            worker: its number.
            ahead: the tasks that lie ahead of its present one.
        """
        body = self.all[worker]
        tasks = tuple(
            order.number
            for order in body.inbox
            if order.ahead and order.number in ahead and order.number not in body.skipped
        )
        self._driver.recall(worker, len(ahead), len(tasks))
        body.skipped.update(tasks)
        body.sent -= len(tasks)
        self._see(saw.Recalled(worker, tasks))
        return told.TasksRecalled(worker, tasks)

    def _check(self, effect: effects.CheckWorker) -> None:
        self._order(effect.worker, Order(OrderKind.CHECK, effect.check))

    def _drop(self, effect: effects.DropSession) -> None:
        self._order(effect.worker, Order(OrderKind.DROP, effect.session))

    def _stop(self, effect: effects.StopWorker) -> None:
        self._order(effect.worker, Order(OrderKind.STOP))

    def _order(self, worker: int, order: Order) -> None:
        body = self.all[worker]
        if body.alive:
            body.inbox.append(order)
            self._driver.send(worker, order)

    def _kill(self, effect: effects.KillWorker) -> None:
        body = self.all[effect.worker]
        if body.condition is Condition.REAPED or Fact(FactKind.REAP) in body.facts:
            return
        if body.alive:
            self._driver.kill(effect.worker)
            body.die()
            self._see(saw.Died(effect.worker))
        kept = [left for left in body.facts if left.kind in (*FRAMES, FactKind.BAD)]
        body.facts.clear()
        body.facts.extend([*kept, Fact(FactKind.REAP)])
