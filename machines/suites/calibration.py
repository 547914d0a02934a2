"""Calibration: how fast this machine is now, by loops that have nothing to do with the pool.

A pool's call costs the interpreter's work, and going to another process and back. The first loop
does the one, the second the other. A figure divided by theirs, of the same round, says what the
pool costs, and is much the same on a slower machine.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.bench.floor import ping_pong
from machines.suites.work import compute

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

LOOPS: Final = 20_000
ROUND_TRIPS: Final = 300
LIMIT_S: Final = 60.0
_TIMES: Final = 5


@frozen
class Calibration:
    """This machine at one moment.

    Attributes:
        loop_us: microseconds of one turn of a loop of dictionaries, tuples and calls.
        trip_us: microseconds of a byte to another process and back, the median.
    """

    loop_us: float
    trip_us: float

    @property
    def call_us(self) -> float:
        """What a call is compared to: a round trip, and ten turns of the loop."""
        return self.trip_us + 10 * self.loop_us

    def facts(self) -> dict[str, float]:
        """What a report in JSON says of it."""
        return {
            "loop_us": round(self.loop_us, 4),
            "trip_us": round(self.trip_us, 3),
            "call_us": round(self.call_us, 3),
        }


def calibrate() -> Calibration:
    """Both loops have been run."""
    turns = min(_turn() for _ in range(_TIMES))
    trips = ping_pong("socketpair", ROUND_TRIPS, ROUND_TRIPS // 10)
    return Calibration(1e6 * turns / LOOPS, 1e6 * statistics.median(trips))


def bare_rate(processes: int, calls: int) -> float:
    """Computations a second of so many processes at once, with no pool: what the machine gives.

    Args:
        processes: how many.
        calls: how many computations all make together, at least one each.

    Raises:
        TimeoutError: they did not come to an end in time.
    """
    context = multiprocessing.get_context("fork")
    barrier, each = context.Barrier(processes), max(calls // processes, 1)
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    running = [
        context.Process(target=_compute, args=(barrier, each, near), daemon=True)
        for _, near in pipes
    ]
    for one in running:
        one.start()
    times = []
    for (far, near), one in zip(pipes, running, strict=True):
        near.close()
        with far:
            if not far.poll(LIMIT_S):
                raise TimeoutError(f"no answer of a bare process within {LIMIT_S:g} s")
            times.append(far.recv())
        one.join()
        one.close()
    began, ended = min(began for began, _ in times), max(ended for _, ended in times)
    return processes * each / float(ended - began)


def _compute(barrier: Barrier, calls: int, told: Connection) -> None:
    barrier.wait(LIMIT_S)
    began = time.perf_counter()
    for number in range(calls):
        compute(number)
    told.send((began, time.perf_counter()))


def _turn() -> float:
    known: dict[int, tuple[int, int]] = {}
    began = time.perf_counter()
    for number in range(LOOPS):
        known[number & 255] = _pair(number)
        known.get(number & 127)
    return time.perf_counter() - began


def _pair(number: int) -> tuple[int, int]:
    return number, number + 1
