"""The crew: all shards of a search, one here or each in a process of its own, told what to do.

Processes are forked before there is anything in this one to disturb, so they begin at once. They
hear of this one's death and end. A process that dies takes what it knew with it, and the search is
no longer complete: `ShardLost`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
import traceback
from contextlib import suppress
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Final, Protocol

from machines.explore.shard import Halted, Shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from machines.explore.plan import Plan

TOLD_EVERY_S: Final = 0.2
EXIT_WAIT_S: Final = 5.0
# What a search keeps it keeps to its end, millions of objects: the collector looks at what is
# young, for a core that was thawed and is done with is a ring, and never again at all the rest.
THRESHOLDS: Final = (100_000, 20, 1_000_000)


class ShardLost(Exception):
    """A process of the search has died, and with it what it knew."""


class ShardFailed(Exception):
    """A process of the search has met an error; its message is the traceback there."""


class Crew(Protocol):
    """All shards."""

    def all(self, what: str, level: int) -> list[Any]:
        """Every shard has done this; what each returns."""

    def close(self) -> None:
        """No shard is left."""


class Alone:
    """One shard, in this process.

    Args:
        plan: the search's.
        pulse: is told how many states of this level are expanded; true if the level is given up.
    """

    def __init__(self, plan: Plan, pulse: Callable[[int], bool]) -> None:
        self._asks = pulse
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        self._shard = Shard(plan, 0, self._pulse)

    def all(self, what: str, level: int) -> list[Any]:
        """The shard has done this; what it returns."""
        return [getattr(self._shard, what)(level)]

    def close(self) -> None:
        """The collector is as it was; there was nothing else to end."""
        gc.set_threshold(*self._thresholds)

    def _pulse(self, expanded: int) -> None:
        if self._asks(expanded):
            raise Halted


class Processes:
    """Each shard in a process of its own.

    Args:
        plan: the search's.
        pulse: is told how many states of this level are expanded by all; true if it is given up.
    """

    def __init__(self, plan: Plan, pulse: Callable[[int], bool]) -> None:
        context = multiprocessing.get_context("fork")
        self._pulse = pulse
        self._halt = context.Event()
        self._mates: list[_Mate] = []
        try:
            for index in range(plan.shards):
                here, there = context.Pipe()
                ours = [here, *(mate.connection for mate in self._mates)]
                process = context.Process(
                    target=_work, args=(plan, index, there, self._halt, ours), daemon=True
                )
                process.start()
                there.close()
                self._mates.append(_Mate(process, here))
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [mate.process.pid for mate in self._mates if mate.process.pid is not None]

    def all(self, what: str, level: int) -> list[Any]:
        """Every shard has done this; what each returns.

        Raises:
            ShardLost: a process has died.
            ShardFailed: a process has met an error.
        """
        self._halt.clear()
        for mate in self._mates:
            mate.ask(what, level)
        while waiting := [mate for mate in self._mates if mate.busy]:
            ready = connection.wait([mate.connection for mate in waiting], TOLD_EVERY_S)
            for mate in waiting:
                if mate.connection in ready:
                    mate.hear()
            if self._pulse(sum(mate.expanded for mate in self._mates)):
                self._halt.set()
        return [mate.result for mate in self._mates]

    def close(self) -> None:
        """Every process has ended."""
        self._halt.set()
        for mate in self._mates:
            mate.connection.close()
        for mate in self._mates:
            mate.process.join(EXIT_WAIT_S)
            if mate.process.is_alive():
                mate.process.kill()
                mate.process.join()
            mate.process.close()
        self._mates.clear()


class _Mate:
    """One process, as this one sees it."""

    def __init__(self, process: BaseProcess, connection_: Connection) -> None:
        self.process = process
        self.connection = connection_
        self.busy = False
        self.expanded = 0
        self.result: Any = None

    def ask(self, what: str, level: int) -> None:
        self.busy, self.expanded = True, 0
        try:
            self.connection.send((what, level))
        except OSError as error:
            raise self._lost() from error

    def hear(self) -> None:
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if kind == "expanded":
            self.expanded = value
        elif kind == "failed":
            raise ShardFailed(value)
        else:
            self.result, self.busy = value, False

    def _lost(self) -> ShardLost:
        self.process.join(EXIT_WAIT_S)
        code = self.process.exitcode
        return ShardLost(f"{self.process.name} of the search has died with exit code {code}")


class _Pulse:
    """Tells the first process now and then, and halts when it says so."""

    def __init__(self, there: Connection, halt: Any) -> None:
        self._there = there
        self._halt = halt
        self._told_at = time.monotonic()

    def __call__(self, expanded: int) -> None:
        if self._halt.is_set():
            raise Halted
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            self._there.send(("expanded", expanded))


def _work(plan: Plan, index: int, there: Connection, halt: Any, others: list[Connection]) -> None:
    """What a process of the search does until the first one closes its end."""
    # The first process decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for other in others:  # else the first one's end stays open here
        other.close()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        shard = Shard(plan, index, _Pulse(there, halt))
        while True:
            what, level = there.recv()
            there.send(("done", getattr(shard, what)(level)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # nobody is left to tell
    except Exception:  # the first process raises it again, whatever it is
        with suppress(OSError):
            there.send(("failed", traceback.format_exc()))


def crew(plan: Plan, pulse: Callable[[int], bool]) -> Crew:
    """One shard here, or as many processes as the plan has shards."""
    return Alone(plan, pulse) if plan.shards == 1 else Processes(plan, pulse)
