"""The `sim` layer: workers are simulated, messages are values, and what is expected happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pool.events import Reply

if TYPE_CHECKING:
    from machines.body import Order
    from machines.gate import Start
    from machines.parts import Parts
    from machines.trace import How, Toward
    from pool.config import PoolConfig
    from pool.events import Event


class SimDriver:
    """Believes the world: it has no workers of its own.

    Args:
        config: not needed here.
        parts: not needed here.
    """

    def __init__(self, config: PoolConfig, parts: Parts) -> None:
        del config, parts

    def spawn(self, worker: int, start: Start) -> None:
        """Nothing has to happen."""

    def send(self, worker: int, order: Order) -> None:
        """Nothing has to happen."""

    def recall(self, worker: int, tasks_max: int, expected: int) -> None:
        """What is expected happens."""

    def skip(self, worker: int) -> None:
        """Nothing has to happen."""

    def receive(self, worker: int) -> None:
        """Nothing has to happen."""

    def open(self, worker: int) -> None:
        """Nothing has to happen."""

    def fact(self, worker: int, expected: Event) -> Event:
        """What is expected happens."""
        del worker
        return expected

    def mangle(self, worker: int, how: How, names: int) -> None:
        """Nothing has to happen."""

    def garble(self, worker: int, how: Toward) -> None:
        """Nothing has to happen."""

    def send_half(self, worker: int) -> None:
        """Nothing has to happen."""

    def crash(self, worker: int) -> None:
        """Nothing has to happen."""

    def leave(self, worker: int) -> None:
        """Nothing has to happen."""

    def terminate(self, worker: int) -> None:
        """Nothing has to happen."""

    def die_reading(self, worker: int) -> None:
        """Nothing has to happen."""

    def swell(self, worker: int) -> None:
        """Nothing has to happen."""

    def suspend(self, worker: int) -> None:
        """Nothing has to happen."""

    def resume(self, worker: int) -> None:
        """Nothing has to happen."""

    def kill(self, worker: int) -> None:
        """Nothing has to happen."""

    def decode(self, reply: Reply, payload: Any) -> tuple[str, Any]:
        """A simulated payload is its own value."""
        return ("returned" if reply is Reply.RETURNED else "raised"), payload

    def pids(self) -> set[int]:
        """There are no processes on this layer."""
        return set()

    def leftovers(self) -> list[str]:
        """A simulation leaves nothing."""
        return []

    def close(self) -> None:
        """Nothing has to happen."""
