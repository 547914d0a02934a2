"""A timer that is due is taken and told in one hold of the lock, or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pool.config import PoolConfig
from pool.core import Core
from pool.desk import Desk
from pool.events import Timer, TimerKind

if TYPE_CHECKING:
    from types import TracebackType

    from pool import effects as do
    from pool import events as told

DUE = Timer(TimerKind.SESSION, 3)


class CountingLock:
    """A lock that knows how often it was taken."""

    def __init__(self) -> None:
        self.taken = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self.taken += 1

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._lock.release()


def desk_with(timer: Timer | None, seen: list[tuple[str, int]]) -> Desk:
    lock = CountingLock()

    class Watched(Core):
        def handle(self, event: told.Event, now: float) -> list[do.Effect]:
            del now
            seen.append((type(event).__name__, lock.taken))
            return []

    desk = Desk(PoolConfig(), Watched)
    free: Any = lock
    desk.lock = free
    if timer is not None:
        desk.timers.set(timer, 0.0)
    take = desk.timers.take

    def watched_take(now: float) -> Timer | None:
        seen.append(("taken", lock.taken))
        return take(now)

    desk.timers.take = watched_take  # type: ignore[method-assign]
    return desk


def end(desk: Desk) -> None:
    desk.listening.close()
    desk.poller.close()
    desk.waker.close()
    desk.telemetry.close()


def test_no_other_thread_can_clear_a_timer_between_its_being_taken_and_told() -> None:
    seen: list[tuple[str, int]] = []
    desk = desk_with(DUE, seen)
    assert desk.fire_timer() is True
    assert [what for what, _ in seen] == ["taken", "TimerFired"]
    assert len({hold for _, hold in seen}) == 1
    end(desk)


def test_where_no_timer_is_due_nothing_is_told() -> None:
    seen: list[tuple[str, int]] = []
    desk = desk_with(None, seen)
    assert desk.fire_timer() is False
    assert [what for what, _ in seen] == ["taken"]
    end(desk)
