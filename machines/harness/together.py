"""Together: operations that all start at one moment, and what came of each."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from machines.harness.waiting import TIMEOUT_S

Operations = Mapping[str, Callable[[], Any]] | Sequence[Callable[[], Any]]


class Missing(TimeoutError):
    """Some operations did not end in time.

    Attributes:
        names: theirs, in the order in which they were given.
        ended: what came of the others.
    """

    def __init__(self, names: tuple[str, ...], ended: Together, timeout: float) -> None:
        words = f"{', '.join(names)} did not end within {timeout:g} s"
        super().__init__(f"{words}; {len(ended)} others did")
        self.names = names
        self.ended = ended


@frozen
class Ended:
    """How one operation ended.

    Attributes:
        name: its name.
        value: what it returned; None if it raised.
        error: what it raised; None if it returned.
        started_at: when it was called, in seconds of the monotonic clock.
        ended_at: when it had ended.
    """

    name: str
    value: Any
    error: BaseException | None
    started_at: float
    ended_at: float

    def result(self) -> Any:
        """What it returned.

        Raises:
            BaseException: what it raised.
        """
        if self.error is not None:
            raise self.error
        return self.value


@frozen
class Together(Mapping[str, Ended]):
    """What came of operations that started together, by name, in the order they were given.

    Attributes:
        all: each operation's end.
    """

    all: dict[str, Ended] = field(repr=False)

    def __getitem__(self, name: str) -> Ended:
        return self.all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def spread(self) -> float:
        """Seconds between the first start and the last."""
        starts = [ended.started_at for ended in self.all.values()]
        return max(starts, default=0.0) - min(starts, default=0.0)

    @property
    def errors(self) -> dict[str, BaseException]:
        """What was raised, by the names of those who did."""
        return {name: it.error for name, it in self.all.items() if it.error is not None}

    def results(self) -> list[Any]:
        """What the operations returned, in their order.

        Raises:
            BaseExceptionGroup: what those raised that did not return.
        """
        if self.errors:
            raise BaseExceptionGroup(f"{', '.join(self.errors)} failed", list(self.errors.values()))
        return [ended.value for ended in self.all.values()]


def synchronize(operations: Operations, timeout: float = TIMEOUT_S) -> Together:
    """All operations have been started together, each in a thread of its own, and have ended.

    Args:
        operations: by name; those in a sequence are called by their position, from `0`.
        timeout: seconds that they may take.

    Returns:
        How each ended, in the order given; what it raised is kept, not raised.

    Raises:
        ValueError: there are none.
        Missing: some did not end in time; it says which, and goes on without them.
    """
    named = _named(operations)
    barrier = threading.Barrier(len(named) + 1)
    ended: dict[str, Ended] = {}
    threads = {
        name: threading.Thread(
            target=_run, args=(name, call, barrier, ended), name=f"synchronize-{name}", daemon=True
        )
        for name, call in named.items()
    }
    until = time.monotonic() + timeout
    started = 0
    try:
        for thread in threads.values():
            thread.start()
            started += 1
        with contextlib.suppress(threading.BrokenBarrierError):  # some were too late, and are named
            barrier.wait(timeout)
    finally:
        if started < len(threads) or barrier.n_waiting:
            barrier.abort()  # nobody waits for those who will not come
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    seen = dict(ended)
    together = Together({name: seen[name] for name in named if name in seen})
    late = tuple(name for name in named if name not in seen)
    if late:
        raise Missing(late, together, timeout)
    return together


def concurrent_pool_operations(
    pool: Any,
    operations: Mapping[str, Callable[[Any], Any]] | Sequence[Callable[[Any], Any]],
    timeout: float = TIMEOUT_S,
) -> Together:
    """Every operation was handed the pool, all of them at one moment.

    Args:
        pool: any.
        operations: as for `synchronize`, but each takes the pool.
        timeout: seconds that they may take.

    Raises:
        ValueError: there are none.
        Missing: some did not end in time.
    """
    named = _named(operations)
    return synchronize(
        {name: functools.partial(operation, pool) for name, operation in named.items()}, timeout
    )


def _run(
    name: str, call: Callable[[], Any], barrier: threading.Barrier, ended: dict[str, Ended]
) -> None:
    value, error = None, None
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        return  # nothing is to start
    started_at = time.monotonic()
    try:
        value = call()
    except BaseException as raised:  # kept for whoever asked, an exit of the thread's too
        error = raised
    ended[name] = Ended(name, value, error, started_at, time.monotonic())


def _named(operations: Any) -> dict[str, Any]:
    named: Final = (
        dict(operations)
        if isinstance(operations, Mapping)
        else {str(at): operation for at, operation in enumerate(operations)}
    )
    if not named:
        raise ValueError("there must be at least one operation")
    for name, operation in named.items():
        if not callable(operation):
            raise TypeError(f"operation {name} cannot be called: {operation!r}")
    return named
