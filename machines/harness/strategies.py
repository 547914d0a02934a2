"""Hypothesis strategies: configurations, batches of tasks, session scripts, fault plans, frames.

What they give shrinks to the simplest: few workers, few tasks, no faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from hypothesis import strategies as st

from machines import trace
from machines.gate import Start
from machines.setting import Setting
from machines.trace import How, Toward, Way
from machines.workload import NEVER, OPERATIONS
from pool import PoolConfig, Shape
from pool.config import STRATEGIES
from pool.frames import FROM_WORKER, TO_WORKER, Frame, encode
from pool.recovery import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.trace import Command

_ENDING: Final = sorted(set(OPERATIONS) - NEVER)
_PAYLOAD_MAX: Final = 256
_U64: Final = (1 << 64) - 1
_U32: Final = (1 << 32) - 1


def configurations(size_max: int = 4) -> st.SearchStrategy[Setting]:
    """Configurations for a layer with a schedule, all valid.

    Args:
        size_max: of the pool.
    """
    return st.builds(_setting, st.integers(1, size_max), *_shared(), **_CHOSEN)


def pool_configurations(size_max: int = 2) -> st.SearchStrategy[PoolConfig]:
    """Configurations of the production pool, all valid, with seconds that a test can wait.

    Args:
        size_max: of the pool; each worker is a process.
    """
    return st.builds(_setting, st.integers(1, size_max), *_shared()).map(_config)


def task_batches(tasks_max: int = 8, first: int = 0) -> st.SearchStrategy[list[Command]]:
    """Tasks that are submitted one after the other; all of them end by themselves.

    Args:
        tasks_max: how many at most; at least one.
        first: the number of the first.
    """
    task = st.tuples(
        st.sampled_from(_ENDING),
        st.none() | st.sampled_from([1.0, 5.0, 60.0]),
        st.integers(0, 2),
    )
    return st.lists(task, min_size=1, max_size=tasks_max).map(
        lambda batch: [trace.Submit(first + n, *how) for n, how in enumerate(batch)]
    )


@st.composite
def session_scripts(
    draw: st.DrawFn, sessions_max: int = 2, steps_max: int = 10, first: int = 0
) -> list[Command]:
    """What clients of sessions do: each is opened before anything else is asked of it.

    Args:
        draw: Hypothesis's.
        sessions_max: how many sessions at most; at least one.
        steps_max: how many commands come after they are opened.
        first: the number of the first task.
    """
    sessions = list(range(draw(st.integers(1, sessions_max))))
    script: list[Command] = [trace.OpenSession(session) for session in sessions]
    wishes = st.tuples(
        st.sampled_from(["submit", "submit", "submit", "reopen", "close"]),
        st.sampled_from(sessions),
        st.sampled_from(_ENDING),
    )
    for wish, session, operation in draw(st.lists(wishes, max_size=steps_max)):
        if wish == "submit":
            script.append(trace.Submit(first, operation, session=session))
            first += 1
        else:
            script.append(_WISHES[wish](session))
    return script


def fault_plans(workers: int = 2, faults_max: int = 4) -> st.SearchStrategy[list[Command]]:
    """What goes wrong, in order; what is impossible where it stands changes nothing.

    Args:
        workers: it befalls those of these numbers, and whoever takes their places.
        faults_max: how many at most.
    """
    worker = st.integers(0, 2 * workers - 1)
    fault = st.one_of(
        st.builds(trace.Crash, worker, st.integers(0, 3)),
        st.builds(trace.Stop, worker),
        st.builds(trace.Continue, worker),
        st.builds(trace.Exit, worker, st.sampled_from(Way)),
        st.builds(trace.Mangle, worker, st.sampled_from(How)),
        st.builds(trace.Garble, worker, st.sampled_from(Toward)),
        st.builds(trace.Swell, worker),
        st.builds(trace.NextStart, st.sampled_from(Start)),
        st.builds(trace.Jump, st.sampled_from([1.0, 60.0])),
    )
    return st.lists(fault, max_size=faults_max)


def frames(*, from_worker: bool = True) -> st.SearchStrategy[tuple[Frame, bytes]]:
    """A frame that may come from that side, and its bytes.

    Args:
        from_worker: from which side.
    """
    return st.builds(
        Frame,
        kind=st.sampled_from(sorted(FROM_WORKER if from_worker else TO_WORKER)),
        task=st.integers(0, _U64),
        attempt=st.integers(0, _U32),
        payload=st.binary(max_size=_PAYLOAD_MAX),
        session=st.integers(0, _U64),
        flags=st.integers(0, 7),
    ).map(lambda frame: (frame, _bytes_of(frame)))


@st.composite
def damaged_frames(draw: st.DrawFn) -> bytes:
    """The bytes of a frame of which one bit is wrong; no reader may believe it."""
    _, data = draw(frames())
    at = draw(st.integers(0, 8 * len(data) - 1))
    damaged = bytearray(data)
    damaged[at // 8] ^= 1 << at % 8
    return bytes(damaged)


_WISHES: Final[dict[str, Callable[[int], Command]]] = {
    "reopen": trace.Reopen,
    "close": trace.CloseSession,
}


def _shared() -> tuple[st.SearchStrategy[Any], ...]:
    """What both kinds of configuration choose."""
    return (
        st.integers(0, 1),
        st.booleans(),
        st.sampled_from(sorted(STRATEGIES)),
        st.none() | st.integers(0, 8),
        st.integers(0, 3),
        st.none() | st.integers(1, 9),
        st.sampled_from(Strategy),
        st.sampled_from(Shape),
    )


_CHOSEN: Final = {
    "health_interval": st.none() | st.just(30.0),
    "session_ttl": st.none() | st.just(60.0),
    "age_max": st.none() | st.just(120.0),
    "openings_max": st.integers(0, 2),
    "fallback": st.booleans(),
}


def _setting(
    size: int,
    max_overflow: int,
    lazy: bool,
    strategy: str,
    queue_limit: int | None,
    prefetch: int,
    tasks_max: int | None,
    *recovery: Any,
    **others: Any,
) -> Setting:
    lost, backoff = recovery
    return Setting(
        size=size,
        max_overflow=max_overflow,
        lazy=lazy,
        strategy=strategy,
        queue_limit=_room(queue_limit, lazy=lazy, max_overflow=max_overflow),
        prefetch=prefetch,
        tasks_max=tasks_max,
        lost=lost.value,
        backoff=backoff.value,
        **others,
    )


def _config(setting: Setting) -> PoolConfig:
    return attrs.evolve(setting.config(), grace=1.0)


def _room(queue_limit: int | None, *, lazy: bool, max_overflow: int) -> int | None:
    """Where workers start for tasks that wait, at least one task may wait."""
    return 1 if queue_limit == 0 and (lazy or max_overflow) else queue_limit


def _bytes_of(frame: Frame) -> bytes:
    return encode(
        frame.kind,
        frame.task,
        frame.attempt,
        bytes(frame.payload),
        session=frame.session,
        flags=frame.flags,
    )
