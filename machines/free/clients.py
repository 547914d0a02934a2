"""The clients of a free run: threads, and asyncio tasks, that want random things of one pool."""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.free import work
from pool.errors import PoolError, SessionLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.free.seen import Operation, Seen
    from pool import Pool
    from pool.futures import TaskFuture

SESSIONS: Final = ("red", "green")
DEADLINE_S: Final = 0.01
# So many operations a client has in flight before it waits for the oldest.
IN_FLIGHT_MAX: Final = 3


@frozen
class Party:
    """How many clients there are, and what each does.

    Attributes:
        threads: clients that wait in threads of their own.
        tasks: clients that are asyncio tasks, all on one event loop.
        wishes: how many operations each invokes.
        limit_s: seconds that a client waits for one answer before it gives up.
    """

    threads: int = 3
    tasks: int = 2
    wishes: int = 30
    limit_s: float = 20.0


class Client:
    """Invokes random operations, and writes down what it sees.

    Args:
        pool: that everybody shares.
        seen: where it is written down.
        path: of the pipe that workers note to.
        chance: what it wants.
    """

    def __init__(self, pool: Pool, seen: Seen, path: str, chance: random.Random) -> None:
        self._pool = pool
        self._seen = seen
        self._path = path
        self._chance = chance
        self._sessions = {name: pool.session(name) for name in SESSIONS}
        self._known: dict[str, tuple[int, ...]] = dict.fromkeys(SESSIONS, ())

    def wish(self) -> TaskFuture[Any] | None:
        """One operation was invoked; its future is returned if it was accepted."""
        if self._chance.random() < 0.4:
            return self._wish_of_session(self._chance.choice(SESSIONS))
        name = self._chance.choices(tuple(work.WORKS), (5, 3, 1, 1))[0]
        retries = self._chance.choice((0, 0, 2))
        deadline = self._chance.choices((None, DEADLINE_S), (9, 1))[0]
        one = self._seen.begin((name,), None, retries)
        view = self._pool.options(deadline=deadline, idempotent=retries > 0, retries=retries or None)
        return self._submit(one, partial(view.submit, work.perform, self._path, one.number, name))

    def meddle(self, future: TaskFuture[Any]) -> None:
        """A task that may be done, waiting or running was cancelled, or killed, or left alone."""
        what = self._chance.random()
        if what < 0.08:
            future.cancel()
        elif what < 0.12:
            future.kill()

    def _wish_of_session(self, name: str) -> TaskFuture[Any] | None:
        call = self._call(name)
        one = self._seen.begin(call, name)
        deadline = self._chance.choices((None, DEADLINE_S), (19, 1))[0]
        submit = self._sessions[name].options(deadline=deadline).submit
        future = self._submit(one, partial(submit, work.perform_in, self._path, one.number, call))
        if one.refused == SessionLost.__name__:
            self._reopen(name)
        elif future is not None:
            future.add_done_callback(partial(self._learn, name))
        return future

    def _call(self, name: str) -> tuple[Any, ...]:
        kind = self._chance.choices(("read", "append", "cas"), (2, 4, 1))[0]
        number = self._chance.randrange(100)
        if kind == "append":
            return kind, number
        return (kind, self._known[name], (number,)) if kind == "cas" else (kind,)

    def _learn(self, name: str, future: concurrent.futures.Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            numbers = future.result()[1]
            if isinstance(numbers, tuple):
                self._known[name] = numbers

    def _reopen(self, name: str) -> None:
        one = self._seen.begin(("reopen",), name)
        try:
            self._sessions[name].reopen()
        except PoolError as error:
            self._seen.refused(one, error)
        else:
            self._seen.went(one)

    def _submit(
        self, one: Operation, submit: Callable[[], TaskFuture[Any]]
    ) -> TaskFuture[Any] | None:
        try:
            future = submit()
        except PoolError as error:
            self._seen.refused(one, error)
            return None
        self._seen.accepted(one, future)
        return future


class Capturing(concurrent.futures.Executor):
    """The pool as `loop.run_in_executor` sees it, for one operation whose future is kept.

    Args:
        pool: that runs it.
        seen: where the answer is written down.
        one: the operation.
    """

    def __init__(self, pool: Pool, seen: Seen, one: Operation) -> None:
        self._pool = pool
        self._seen = seen
        self._one = one

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> TaskFuture[Any]:
        """As the pool's."""
        future = self._pool.submit(fn, *args, **kwargs)
        self._seen.accepted(self._one, future)
        return future


def in_thread(client: Client, chance: random.Random, party: Party) -> None:
    """So many wishes have come true, or not."""
    held: deque[TaskFuture[Any]] = deque()
    for _ in range(party.wishes):
        future = client.wish()
        if future is not None:
            held.append(future)
        if held:
            client.meddle(chance.choice(held))
        if len(held) >= IN_FLIGHT_MAX and not _settled(held.popleft(), party.limit_s):
            return  # what a client does not get in time the end of the run will tell
    for future in held:
        if not _settled(future, party.limit_s):
            return


def _settled(future: TaskFuture[Any], limit_s: float) -> bool:
    try:
        future.exception(limit_s)
    except concurrent.futures.CancelledError:
        return True
    except TimeoutError:
        return future.done()
    return True


async def in_task(client: Client, pool: Pool, seen: Seen, path: str, party: Party) -> None:
    """The same, as a task of asyncio: futures are wrapped, or the loop asks the executor."""
    loop = asyncio.get_running_loop()
    for at in range(party.wishes):
        if at % 3 == 0:
            one = seen.begin(("echo",))
            call = (work.perform, path, one.number, "echo")
            try:
                waits: Any = loop.run_in_executor(Capturing(pool, seen, one), *call)
            except PoolError as error:
                seen.refused(one, error)
                continue
        else:
            future = client.wish()
            if future is None:
                continue
            client.meddle(future)
            waits = asyncio.wrap_future(future)
        done, _ = await asyncio.wait([waits], timeout=party.limit_s)
        if not done:
            return
        waits.cancelled() or waits.exception()  # it was looked at


def attend(pool: Pool, seen: Seen, path: str, party: Party, seed: int) -> None:
    """Every client has done what it wanted.

    Args:
        pool: that everybody shares.
        seen: where it is written down.
        path: of the pipe that workers note to.
        party: who comes.
        seed: fixes what each wants.
    """

    def one(at: int) -> tuple[Client, random.Random]:
        chance = random.Random(f"{seed}/{at}")  # noqa: S311 - nothing here is a secret
        return Client(pool, seen, path, chance), chance

    async def gather() -> None:
        clients = [one(party.threads + at)[0] for at in range(party.tasks)]
        await asyncio.gather(*(in_task(c, pool, seen, path, party) for c in clients))

    threads = [
        threading.Thread(target=in_thread, args=(*one(at), party), name=f"free-client-{at}")
        for at in range(party.threads)
    ]
    if party.tasks:
        threads.append(threading.Thread(target=lambda: asyncio.run(gather()), name="free-asyncio"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.end()
