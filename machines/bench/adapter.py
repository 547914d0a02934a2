"""Every contestant behind one small face: call and wait, send and be told, stop.

Two shapes only. `Futures` is an executor whose `submit` returns a future; `Calls` is a pool whose
`apply_async` takes a callback. Each is used the way its own documentation shows, and is stopped by
the quickest of its ways that leaves nothing running. What is compared is imported when it is made:
a contestant's process holds its own library and nobody else's.
"""

from __future__ import annotations

import importlib
import multiprocessing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORK: Final = "machines.bench.work"


class Futures:
    """A pool whose `submit` returns a `concurrent.futures.Future`.

    Args:
        submit: takes a function and its arguments.
        stop: returns when the pool has ended.
    """

    def __init__(self, submit: Callable[..., Any], stop: Callable[[], Any]) -> None:
        self._submit = submit
        self.stop = stop

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        """The function's result is returned."""
        return self._submit(fn, *args).result()

    def send(self, done: Callable[[Any], Any], fn: Callable[..., Any], *args: Any) -> None:
        """The call is accepted; `done` gets its outcome, for `take`."""
        self._submit(fn, *args).add_done_callback(done)

    def take(self, outcome: Any) -> Any:
        """What the call returned is returned; what it raised is raised."""
        return outcome.result()


class Calls:
    """A pool whose `apply_async` takes callbacks, as in `multiprocessing.pool`.

    Args:
        apply_async: takes a function, a tuple of arguments and the two callbacks.
        stop: returns when the pool has ended.
    """

    def __init__(self, apply_async: Callable[..., Any], stop: Callable[[], Any]) -> None:
        self._apply_async = apply_async
        self.stop = stop

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        """The function's result is returned."""
        return self._apply_async(fn, args).get()

    def send(self, done: Callable[[Any], Any], fn: Callable[..., Any], *args: Any) -> None:
        """The call is accepted; `done` gets its outcome, for `take`."""
        self._apply_async(fn, args, callback=done, error_callback=done)

    def take(self, outcome: Any) -> Any:
        """What the call returned is returned; what it raised is raised."""
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


Adapter = Futures | Calls


def ours(start_method: str, workers: int, **settings: Any) -> Adapter:
    """Our pool runs, with the defaults of `PoolConfig` for all that is not said here.

    Args:
        start_method: `fork` or `forkserver`.
        workers: how many.
        **settings: more fields of `PoolConfig`.
    """
    from pool import Pool  # noqa: PLC0415 - see the module's docstring

    pool = Pool(size=workers, start_method=start_method, preload=(WORK,), **settings)
    return Futures(pool.submit, pool.shutdown)


def _executor(start_method: str, workers: int) -> Adapter:
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - as above

    context: Any = multiprocessing.get_context(start_method)
    if start_method == "forkserver":  # ours preloads its worker by itself; be as kind to this one
        context.set_forkserver_preload(["concurrent.futures.process", WORK])
    pool = ProcessPoolExecutor(workers, mp_context=context)
    return Futures(pool.submit, pool.shutdown)


def _multiprocessing(workers: int) -> Adapter:
    pool = multiprocessing.get_context("fork").Pool(workers)

    def stop() -> None:
        pool.terminate()
        pool.join()

    return Calls(pool.apply_async, stop)


def _loky(workers: int) -> Adapter:
    pool = importlib.import_module("loky").ProcessPoolExecutor(workers)
    return Futures(pool.submit, partial(pool.shutdown, kill_workers=True))


def _pebble(workers: int) -> Adapter:
    context = multiprocessing.get_context("fork")
    pool = importlib.import_module("pebble").ProcessPool(workers, context=context)

    def submit(fn: Callable[..., Any], *args: Any) -> Any:
        return pool.schedule(fn, args=args)

    def stop() -> None:
        pool.close()
        pool.join()

    return Futures(submit, stop)


def _mpire(workers: int) -> Adapter:
    pool = importlib.import_module("mpire").WorkerPool(workers, start_method="fork")
    return Calls(pool.apply_async, pool.stop_and_join)


ADAPTERS: Final[Mapping[str, Callable[[int], Adapter]]] = {
    "ours-fork": partial(ours, "fork"),
    "ours-forkserver": partial(ours, "forkserver"),
    "ppe-fork": partial(_executor, "fork"),
    "ppe-forkserver": partial(_executor, "forkserver"),
    "mp-pool": _multiprocessing,
    "loky": _loky,
    "pebble": _pebble,
    "mpire": _mpire,
}
