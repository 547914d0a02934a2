"""Strategies: what they give is valid, runs to its end, and shrinks to the simplest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from machines import trace
from machines.drivers import Layer
from machines.harness import (
    configurations,
    damaged_frames,
    fault_plans,
    frames,
    pool_configurations,
    session_scripts,
    task_batches,
)
from machines.run import Run
from machines.setting import Setting
from pool import FrameError, PoolConfig
from pool.frames import FROM_WORKER, TO_WORKER, Frame, FrameDecoder

if TYPE_CHECKING:
    from machines.trace import Command

EXAMPLES = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@EXAMPLES
@given(pool_configurations())
def test_configurations_of_the_production_pool_are_valid(config: PoolConfig) -> None:
    assert isinstance(config, PoolConfig)
    assert 1 <= config.size <= 2


@pytest.mark.parametrize("layer", [Layer.SIM, Layer.WIRE])
@EXAMPLES
@given(
    setting=configurations(),
    tasks=task_batches(),
    script=session_scripts(first=100),
    faults=fault_plans(),
    chance=st.randoms(use_true_random=False),
)
def test_whatever_they_give_together_runs_to_an_end_that_holds(
    layer: Layer,
    setting: Setting,
    tasks: list[Command],
    script: list[Command],
    faults: list[Command],
    chance: Any,
) -> None:
    with Run(setting, layer) as run:
        for batch in (tasks, script, faults):
            for command in batch:
                run.do(command)
                if chance.random() < 0.5 and run.world.active:
                    run.do(trace.Deliver(min(run.world.active)))
        assert run.finish().violation is None


@EXAMPLES
@given(task_batches(tasks_max=5, first=7))
def test_a_batch_numbers_its_tasks_in_order(batch: list[trace.Submit]) -> None:
    assert [submit.task for submit in batch] == list(range(7, 7 + len(batch)))
    assert 1 <= len(batch) <= 5
    assert "stick" not in {submit.operation for submit in batch}


@EXAMPLES
@given(session_scripts(sessions_max=3))
def test_a_script_opens_a_session_before_it_asks_anything_of_it(script: list[Any]) -> None:
    opened: set[int] = set()
    for command in script:
        if isinstance(command, trace.OpenSession):
            opened.add(command.session)
        assert command.session in opened


@EXAMPLES
@given(fault_plans(workers=1, faults_max=3))
def test_a_plan_has_faults_alone(plan: list[Command]) -> None:
    assert len(plan) <= 3
    others = [it for it in plan if not isinstance(it, (*trace.FAULTS, trace.Continue))]
    assert others == []


@EXAMPLES
@given(frames(), frames(from_worker=False))
def test_a_frame_is_read_as_it_was_made(one: tuple[Frame, bytes], other: Any) -> None:
    for kinds, (frame, data) in ((FROM_WORKER, one), (TO_WORKER, other)):
        assert FrameDecoder(kinds, 1 << 20).feed(data) == [frame]


@EXAMPLES
@given(damaged_frames())
def test_a_damaged_frame_is_believed_by_nobody(data: bytes) -> None:
    decoder = FrameDecoder(FROM_WORKER, 1 << 20)
    frames_read = []

    def read() -> None:
        frames_read.extend(decoder.feed(data))
        decoder.close()

    with pytest.raises(FrameError):  # at once, or when the stream ends in the middle of it
        read()
    assert frames_read == []


@pytest.mark.parametrize(
    ("strategy", "simplest"),
    [
        (configurations(), Setting(size=1)),
        (task_batches(), [trace.Submit(0, "big")]),
        (session_scripts(), [trace.OpenSession(0)]),
        (fault_plans(), []),
    ],
    ids=["configuration", "batch", "script", "plan"],
)
def test_the_simplest_is_what_it_shrinks_to(strategy: Any, simplest: Any) -> None:
    found = find(strategy, lambda _: True, settings=EXAMPLES)
    if isinstance(found, Setting):
        assert (found.size, found.max_overflow, found.lazy, found.fallback) == (1, 0, False, False)
        assert found.queue_limit is None
    else:
        assert found == simplest
