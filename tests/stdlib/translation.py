"""Puts the pool in place of the standard process pool in the standard library's own tests.

The tests are loaded as they are; only names in their modules are bound to something else. What is
bound, and where, is written here and nowhere else.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
import contextlib
import functools
import importlib
import pkgutil
import re
import sys
import types
from typing import TYPE_CHECKING, Any

from pool_executor import Future, PoolExecutor, ProcessPoolExecutor, translated

from pool import PayloadError, WorkerLost
from pool.errors import WorkerTraceback

if TYPE_CHECKING:
    import unittest
    from collections.abc import Callable, Iterator
    from types import ModuleType

PACKAGE = "test.test_concurrent_futures"
OTHERS = ("test_thread_pool", "test_interpreter_pool")
MIXINS = ("ProcessPoolForkMixin", "ProcessPoolForkserverMixin", "ProcessPoolSpawnMixin")
CONSTANTS = {
    "PENDING_FUTURE": {"state": "PENDING"},
    "RUNNING_FUTURE": {"state": "RUNNING"},
    "CANCELLED_FUTURE": {"state": "CANCELLED"},
    "CANCELLED_AND_NOTIFIED_FUTURE": {"state": "CANCELLED_AND_NOTIFIED"},
    "EXCEPTION_FUTURE": {"state": "FINISHED", "exception": OSError()},
    "SUCCESSFUL_FUTURE": {"state": "FINISHED", "result": 42},
}

# The standard process pool has one error for whatever goes wrong in a worker, and breaks. The pool
# tells what went wrong, and goes on; where a test expects the one, it must get the other.
BROKEN_MEANS: type[Exception] = WorkerLost
BROKEN_MEANS_HERE: dict[str, type[Exception]] = {
    "test_exit_at_task_unpickle": PayloadError,
    "test_error_at_task_unpickle": PayloadError,
    "test_error_during_result_unpickle_in_result_handler": PayloadError,
    "test_exit_during_result_unpickle_in_result_handler": PayloadError,
}

# A script that hangs says where, instead of holding up everything.
_WATCHDOG = "import faulthandler; faulthandler.dump_traceback_later(60.0, exit=True)\n"
# The standard process pool counts a task as running as soon as it is in the queue of processes
# that still start; for these the pool must have a worker that takes one.
NEEDS_A_WORKER = ("test_cancel_futures",)

_IMPORT = re.compile(r"from concurrent\.futures import (\w+)")


def load() -> list[ModuleType]:
    """The standard library's modules of executor tests are returned, with the pool in them."""
    package = importlib.import_module(PACKAGE)
    names = [found.name for found in pkgutil.iter_modules(getattr(package, "__path__", ()))]
    chosen = [name for name in names if name not in OTHERS]
    modules = [package, *(importlib.import_module(f"{PACKAGE}.{name}") for name in chosen)]
    for module in modules:
        _translate(module)
    return modules


def _translate(module: ModuleType) -> None:
    names = vars(module)
    for name in MIXINS:
        if name in names:
            names[name].executor_type = PoolExecutor
    if "futures" in names:
        names["futures"] = _futures()
    if "BrokenProcessPool" in names:
        names["BrokenProcessPool"] = BROKEN_MEANS
    if "assert_python_ok" in names:
        names["assert_python_ok"] = _script_runner(names["assert_python_ok"])
    if "FailingInitializerMixin" in names:
        names["FailingInitializerMixin"]._assert_logged = _assert_told
    _translate_futures(names)
    for case in [case for case in names.values() if isinstance(case, type)]:
        _translate_tests(case, names)


def _translate_futures(names: dict[str, Any]) -> None:
    if "Future" in names:
        names["Future"] = Future
    if "create_future" in names:
        names["create_future"] = _create_future
        for name, facts in CONSTANTS.items():
            if name in names:
                names[name] = _create_future(**facts)


def _translate_tests(case: type, names: dict[str, Any]) -> None:
    for test, error in BROKEN_MEANS_HERE.items():
        if test in vars(case):
            setattr(case, test, _with_broken(vars(case)[test], names, error))
    for test in NEEDS_A_WORKER:
        if test in vars(case):
            setattr(case, test, _with_worker(vars(case)[test]))


def _futures() -> ModuleType:
    """`concurrent.futures` with the pool's classes in it."""
    process = types.ModuleType("concurrent.futures.process")
    vars(process).update(vars(concurrent.futures.process))
    process._RemoteTraceback = WorkerTraceback  # type: ignore[attr-defined]
    futures = types.ModuleType("concurrent.futures")
    vars(futures).update(vars(concurrent.futures))
    futures.ProcessPoolExecutor = ProcessPoolExecutor  # type: ignore[attr-defined]
    futures.process = process  # type: ignore[attr-defined]
    return futures


def _script_runner(assert_python_ok: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a script of a test with the pool's executor in place of the one it imports."""

    def run(option: str, script: str) -> tuple[int, bytes, bytes]:
        found = _IMPORT.search(script)
        if found is None or found[1] != PoolExecutor.__name__:
            raise AssertionError(f"this script does not import the executor:\n{script}")
        script = _IMPORT.sub("from pool_executor import multiprocessing, PoolExecutor", script)
        script = f"{_WATCHDOG}{script}"
        path = ":".join(folder for folder in sys.path if folder)
        code, out, err = assert_python_ok(option, script, PYTHONPATH=path)
        return code, out, translated(err.decode()).encode()

    return run


@contextlib.contextmanager
def _assert_told(case: Any, words: str) -> Iterator[None]:
    """The client is told what the initializer raised; the standard pool only logs it."""
    yield
    told = [str(error) for error in case.executor.broke]
    if not any(words in sentence for sentence in told):
        raise AssertionError(f"{words!r} is nowhere in {told}")


def _create_future(
    state: str = "PENDING", exception: BaseException | None = None, result: Any = None
) -> Future:
    future = Future()
    future._state = state
    future._exception = exception
    future._result = result
    return future


def _with_broken(
    test: Callable[[unittest.TestCase], None], names: dict[str, Any], error: type[Exception]
) -> Callable[[unittest.TestCase], None]:
    @functools.wraps(test)
    def run(case: unittest.TestCase) -> None:
        names["BrokenProcessPool"] = error
        try:
            test(case)
        finally:
            names["BrokenProcessPool"] = BROKEN_MEANS

    return run


def _with_worker(test: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(test)
    def run(case: Any) -> None:
        case.executor.submit(int).result()
        test(case)

    return run
