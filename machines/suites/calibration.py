"""Calibration: how fast this machine is now, by work that has nothing to do with the pool.

One call alone costs the interpreter's work: its unit is a loop in one process. Many calls cost what
the machine gives to several processes at once, of which others may take their part: their unit is
what two bare processes compute at the same time. A figure in these units, of the same round, is
much the same on a slower machine, and on one that does other work.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.suites.work import compute

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

LOOPS: Final = 20_000
TOGETHER: Final = 2
COMPUTATIONS: Final = 600
LIMIT_S: Final = 60.0
_TIMES: Final = 5


@frozen
class Calibration:
    """This machine at one moment.

    Attributes:
        loop_us: microseconds of a hundred turns of a loop of dictionaries, tuples and calls.
        compute_us: microseconds of a computation, where two processes compute at once.
    """

    loop_us: float
    compute_us: float

    def facts(self) -> dict[str, float]:
        """What a report in JSON says of it."""
        return {"loop_us": round(self.loop_us, 3), "compute_us": round(self.compute_us, 3)}


def calibrate() -> Calibration:
    """Both have been measured."""
    turns = min(_turn() for _ in range(_TIMES))
    return Calibration(1e8 * turns / LOOPS, 1e6 / bare_rate(TOGETHER, COMPUTATIONS))


def mean_of(before: Calibration, after: Calibration) -> Calibration:
    """What lies between two, because the machine may have changed meanwhile."""
    return Calibration(
        (before.loop_us + after.loop_us) / 2, (before.compute_us + after.compute_us) / 2
    )


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
