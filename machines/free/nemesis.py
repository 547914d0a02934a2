"""The nemesis of a free run: signals to workers that are known to hold a task.

It waits for facts, the notes of workers, and strikes where one has just said that a task started.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

from machines.free.work import ENDED, STARTED

if TYPE_CHECKING:
    import random

    from machines.free.seen import Note, Seen
    from pool import Pool

BLOWS: Final = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)
# How likely it strikes, each time that something was noted.
CHANCE: Final = 0.2
# A worker stays stopped until so many more answers have come, or so many seconds have passed.
STOPPED_ANSWERS: Final = 3
STOPPED_S: Final = 0.1


class Nemesis:
    """Strikes workers of one pool, in a thread of its own, until the clients are done.

    Attributes:
        struck: how often which signal reached a worker at which moment.

    Args:
        pool: the pool.
        seen: what it goes by.
        blows: how many signals it sends.
        chance: whom and how it strikes.
    """

    def __init__(self, pool: Pool, seen: Seen, blows: int, chance: random.Random) -> None:
        self.struck: Counter[str] = Counter()
        self._crew = pool._desk.crew  # noqa: SLF001 - it is the pool's own nemesis
        self._lock = pool._desk.lock  # noqa: SLF001 - as above
        self._seen = seen
        self._blows = blows
        self._chance = chance
        self._stopped: list[tuple[int, int]] = []
        self._thread = threading.Thread(target=self._run, name="free-nemesis")

    def start(self) -> None:
        """It waits for its first victim."""
        self._thread.start()

    def join(self) -> None:
        """It has ended; nobody is stopped any more."""
        self._thread.join()

    def _run(self) -> None:
        read = 0
        while True:
            news, over = self._await(read)
            read += len(news)
            self._release(all_of_them=over or not news)
            if over:
                return
            if self._blows:
                self._strike(news)

    def _await(self, read: int) -> tuple[list[Note], bool]:
        """What was noted since, and whether the clients are done; nothing if it took too long."""
        with self._seen.changed:
            self._seen.changed.wait_for(
                lambda: self._seen.over or len(self._seen.notes) > read,
                STOPPED_S if self._stopped else None,
            )
            return self._seen.notes[read:], self._seen.over

    def _strike(self, news: list[Note]) -> None:
        """A worker is struck that is at work, or that is just about to send its answer."""
        ended = {note.operation for note in news if note.what == ENDED}
        at_work = [n for n in news if n.what == STARTED and n.operation not in ended]
        moment, there = self._chance.choice((("at work", at_work), ("answering", news)))
        if not there or self._chance.random() > CHANCE:
            return
        blow = self._chance.choice(BLOWS)
        worker = self._chance.choice(there).worker
        if self._send(worker, blow):
            self._blows -= 1
            self.struck[f"{blow.name} {moment}"] += 1
            if blow is signal.SIGSTOP:
                self._stopped.append((worker, self._seen.answered + STOPPED_ANSWERS))

    def _release(self, *, all_of_them: bool) -> None:
        due = [w for w, until in self._stopped if all_of_them or self._seen.answered >= until]
        for worker in due:
            self._send(worker, signal.SIGCONT)
        self._stopped = [pair for pair in self._stopped if pair[0] not in due]

    def _send(self, worker: int, blow: signal.Signals) -> bool:
        """Whether the signal reached the worker's process, and no other of the same number."""
        with self._lock:
            member = self._crew._members.get(worker)  # noqa: SLF001 - as above
            if member is None or member.process.code is not None:
                return False
            try:
                if hasattr(signal, "pidfd_send_signal"):
                    signal.pidfd_send_signal(member.process.exit_fd, blow)
                else:
                    os.kill(member.process.pid, blow)
            except OSError:
                return False
            return True
