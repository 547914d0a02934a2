"""The driver protocol: a layer's hands.

The world (`machines/world.py`) knows what is possible and what must come of it; a driver makes it
happen in its layer and reports the facts as its layer really shows them. On `sim` nothing has to
happen; on `wire` bytes pass through memory; on `real` through pipes, between processes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from machines.body import Order
    from machines.gate import Start
    from machines.parts import Parts
    from machines.trace import How, Toward
    from pool.config import PoolConfig
    from pool.events import Event, Reply


class Layer(StrEnum):
    """Where a run happens."""

    SIM = "sim"
    WIRE = "wire"
    REAL = "real"


class Diverged(Exception):
    """A fact that the schedule needs did not come within its wall-clock limit."""


class Driver(Protocol):
    """What each layer can do. Every call is possible where the world makes it."""

    def spawn(self, worker: int, start: Start) -> None:
        """The worker's process starts, well or as the nemesis chose; never `REFUSED`."""

    def send(self, worker: int, order: Order) -> None:
        """The order's frame is on its way to the worker, and held."""

    def recall(self, worker: int, tasks_max: int, expected: int) -> None:
        """Of the last tasks that were sent ahead to the worker those not received are taken back.

        Args:
            worker: its number.
            tasks_max: at most so many.
            expected: so many must come back.

        Raises:
            Diverged: others came back.
        """

    def receive(self, worker: int) -> None:
        """The next held frame has arrived: a task is at its gate, or what was ordered is done."""

    def skip(self, worker: int) -> None:
        """The next held frame, of a task that was taken back, has arrived and is passed over."""

    def open(self, worker: int) -> None:
        """The function at the worker's gate ends; its reply follows unless it is suspended."""

    def fact(self, worker: int, expected: Event) -> Event | None:
        """The worker's next fact, as the layer shows it, is returned; None if it shows nothing.

        Raises:
            Diverged: it did not come.
        """

    def mangle(self, worker: int, how: How, names: int) -> None:
        """The next frame from the worker is damaged; a cut one comes with the worker's end.

        Args:
            worker: its number.
            how: in which way.
            names: the task that a `FOREIGN` or `ANOTHER` frame names.
        """

    def garble(self, worker: int, how: Toward) -> None:
        """The next held frame to the worker is damaged; unless it is dropped, who reads it ends."""

    def send_half(self, worker: int) -> None:
        """Half of the next held frame has reached the worker; the rest never will."""

    def crash(self, worker: int) -> None:
        """The process is dead; what it had sent is still on its way."""

    def leave(self, worker: int) -> None:
        """The function at the worker's gate has ended its process with `gate.EXIT_CODE`."""

    def terminate(self, worker: int) -> None:
        """The process is dead of SIGTERM; what it had sent is still on its way."""

    def die_reading(self, worker: int) -> None:
        """The worker has read the next held frame, and was killed before it did anything more.

        Raises:
            Diverged: it did not read it.
        """

    def swell(self, worker: int) -> None:
        """The function at the worker's gate has taken memory beyond the limit, and keeps it.

        Raises:
            Diverged: it did not say so.
        """

    def suspend(self, worker: int) -> None:
        """The process is stopped."""

    def resume(self, worker: int) -> None:
        """The process goes on; if its gate was opened meanwhile, its reply follows."""

    def kill(self, worker: int) -> None:
        """The process is dead, because the pool asked for it; a dead one stays dead."""

    def decode(self, reply: Reply, payload: Any) -> tuple[str, Any]:
        """The reply's payload is unpickled; `returned` or `raised`, and the canonical value."""

    def pids(self) -> set[int]:
        """The processes of the operating system that this run has had, as the kernel shows them."""

    def leftovers(self) -> list[str]:
        """What is still there that the pool should have removed, each in a few words."""

    def close(self) -> None:
        """Nothing of this run is left, however it ended."""


class MakeDriver(Protocol):
    """Makes a layer's driver for one run."""

    def __call__(self, config: PoolConfig, parts: Parts) -> Driver:
        """A fresh driver, nothing started yet."""
