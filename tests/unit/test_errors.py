"""The pool's own errors: what each is to a caller, and that each survives pickling whole."""

from __future__ import annotations

import concurrent.futures
import copy
import pickle
import queue
from typing import Any, Final

import pytest

from pool import (
    Category,
    FrameError,
    LifecycleError,
    PayloadError,
    PoolBroken,
    PoolError,
    PoolForked,
    PoolSaturated,
    PoolShutdown,
    SessionLost,
    Severity,
    Strategy,
    TaskCancelled,
    TaskTimeout,
    WorkerLost,
)
from pool.errors import WorkerTraceback

BUILTINS: Final[dict[type[PoolError], type[BaseException]]] = {
    PoolSaturated: queue.Full,
    PoolShutdown: RuntimeError,
    PoolBroken: concurrent.futures.BrokenExecutor,
    PoolForked: RuntimeError,
    TaskTimeout: TimeoutError,
    TaskCancelled: concurrent.futures.CancelledError,
    WorkerLost: ChildProcessError,
    SessionLost: LookupError,
    PayloadError: pickle.PicklingError,
    LifecycleError: RuntimeError,
    FrameError: ValueError,
}
TELLING: Final = [PoolError, *(kind for kind in BUILTINS if kind is not FrameError)]
FACTS: Final[dict[str, Any]] = {
    "task": 4,
    "session": ("user", 7),
    "worker": 2,
    "attempt": 3,
    "started": True,
    "category": Category.CONNECTION,
    "severity": Severity.MAJOR,
    "strategy": Strategy.ABANDON,
    "cause": "it was killed",
}
UNKNOWN: Final[dict[str, Any]] = {
    **dict.fromkeys(FACTS),
    "started": False,
    "cause": "",
}


def facts(error: PoolError) -> dict[str, Any]:
    return {name: getattr(error, name) for name in FACTS}


def test_every_pool_error_is_in_the_table() -> None:
    assert set(BUILTINS) == set(PoolError.__subclasses__())


@pytest.mark.parametrize("kind", BUILTINS)
def test_pool_error_is_the_builtin_that_callers_expect(kind: type[PoolError]) -> None:
    assert issubclass(kind, BUILTINS[kind])
    assert issubclass(kind, PoolError)


@pytest.mark.parametrize("kind", TELLING)
def test_what_a_pool_error_was_not_told_it_does_not_claim(kind: type[PoolError]) -> None:
    assert facts(kind("who")) == UNKNOWN


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", TELLING)
def test_pool_error_survives_pickle_with_its_facts(kind: type[PoolError], protocol: int) -> None:
    error = kind("who, what, where", **FACTS)
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is kind
    assert str(again) == again.message == "who, what, where"
    assert facts(again) == FACTS


@pytest.mark.parametrize("kind", TELLING)
def test_pool_error_copies_with_its_facts(kind: type[PoolError]) -> None:
    again = copy.copy(kind("who", task=4))
    assert (type(again), str(again)) == (kind, "who")
    assert facts(again) == {**UNKNOWN, "task": 4}


def test_frame_error_survives_pickle_with_its_reason() -> None:
    again = pickle.loads(pickle.dumps(FrameError("cut", "3 bytes")))
    assert type(again) is FrameError
    assert (again.reason, again.detail) == ("cut", "3 bytes")
    assert str(again) == again.message == "bad frame (cut): 3 bytes"


def test_worker_traceback_survives_pickle() -> None:
    again = pickle.loads(pickle.dumps(WorkerTraceback("Traceback")))
    assert (again.text, str(again)) == ("Traceback", '\n"""\nTraceback"""')
