"""A record becomes a trace that tells a core the same; one that no world tells is refuted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines.drivers import Layer
from machines.led import Told
from machines.recorded import Retraced, handled, is_record, retrace
from machines.run import Run, execute
from machines.setting import Setting
from machines.trace import Advance, Deliver, Open, Receive, Submit
from machines.walker import walk
from model.checker import Verdict
from pool import events as told
from pool.events import Event, Reply, Timer, TimerKind
from pool.record import Entry, Head, head_line, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from machines.trace import Command

ONE = Setting(1)


def followed(events: Iterable[tuple[float, Event]], setting: Setting = ONE) -> Retraced:
    entries = [Entry(at, event) for at, event in events]
    return retrace(setting, handled(entries, setting))


def answer(worker: int, task: int, attempt: int = 1) -> Event:
    return told.ResultReceived(worker, task, attempt, Reply.RETURNED, 5)


Line = tuple[float, Event]
START: list[Line] = [(0.0, told.PoolStarted()), (0.1, told.WorkerReady(0))]
BUSY: list[Line] = [*START, (0.2, told.TaskSubmitted(0))]
EXITED: Line = (0.3, told.WorkerExited(0, -9, 0))
REAPED: Line = (0.4, told.WorkerReaped(0, 0))

FOLLOWED: dict[str, list[Line]] = {
    "nothing but a start": START,
    "a task and its answer": [*BUSY, (0.3, answer(0, 0))],
    "a death": [*BUSY, EXITED, REAPED],
    "a death before the task was read": [
        *BUSY,
        (0.3, told.WorkerExited(0, -9, 1)),
        (0.4, told.WorkerReaped(0, 1)),
    ],
    "a death while it starts": [
        *BUSY,
        EXITED,
        REAPED,
        (0.5, told.WorkerExited(1, -9, 0)),
        (0.6, told.WorkerReaped(1, 0)),
    ],
    "a start that fails": [*BUSY, EXITED, REAPED, (0.5, told.SpawnFailed(1))],
    "a reply that was cut": [*BUSY, (0.3, told.FrameCorrupt(0, "cut")), REAPED],
    "a deadline, told late": [
        *START,
        (0.2, told.TaskSubmitted(0, 0.1)),
        (0.31, told.TaskSubmitted(1)),
        (0.32, told.TimerFired(Timer(TimerKind.DEADLINE, 0))),
        (0.4, told.WorkerReaped(0, 0)),
    ],
    "an answer while its worker is to be killed": [
        *BUSY,
        (0.3, told.KillRequested(0)),
        (0.31, answer(0, 0)),
        REAPED,
    ],
}

REFUTED: dict[str, list[Line]] = {
    "an answer from nobody's task": [*START, (0.2, answer(0, 0))],
    "two answers": [*BUSY, (0.3, answer(0, 0)), (0.4, answer(0, 0))],
    "an answer after the exit": [*BUSY, EXITED, (0.35, answer(0, 0)), REAPED],
    "a timer that nobody set": [*BUSY, (0.3, told.TimerFired(Timer(TimerKind.DEADLINE, 0)))],
    "a timer that was cleared": [
        *START,
        (0.2, told.TaskSubmitted(0, 0.1)),
        (0.25, answer(0, 0)),
        (0.31, told.TimerFired(Timer(TimerKind.DEADLINE, 0))),
    ],
    "a second start of one process": [*START, (0.2, told.WorkerReady(0))],
    "an end of a worker that was never started": [*START, (0.2, told.WorkerExited(7, -9, 0))],
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_a_world_can_tell_becomes_a_trace_that_tells_it(name: str) -> None:
    found = followed(FOLLOWED[name])
    assert (found.verdict, found.why) == (Verdict.HOLDS, "")
    assert found.events == len(FOLLOWED[name])
    assert found.report.violation is None
    assert execute(found.trace).digest == found.report.digest


@pytest.mark.parametrize("name", REFUTED)
def test_what_no_world_can_tell_is_refuted_at_its_entry(name: str) -> None:
    found = followed(REFUTED[name])
    assert found.verdict is Verdict.VIOLATED
    assert found.why.startswith(f"entry {found.events} of the record, at ")


@pytest.mark.parametrize("reply", [None, Reply.RETURNED])
def test_what_the_fallback_executor_did_is_followed(reply: Reply | None) -> None:
    diverted: list[Line] = [
        *BUSY,
        EXITED,
        REAPED,
        (0.5, told.TaskSubmitted(1)),
        (0.6, told.SpawnFailed(1)),
        (0.7, told.FallbackEnded(1, reply, 5)),
    ]
    found = followed(diverted, Setting(1, start_failures_max=1, fallback=True))
    assert (found.verdict, found.why) == (Verdict.HOLDS, "")


def test_where_the_first_worker_of_all_does_not_start_nothing_is_known() -> None:
    assert followed([(0.0, told.PoolStarted()), (0.1, told.SpawnFailed(0))]).verdict is (
        Verdict.UNKNOWN
    )


def test_where_two_timers_hang_on_how_late_they_were_nothing_is_known() -> None:
    late: list[Line] = [
        *START,
        (0.2, told.TaskSubmitted(0, 0.1)),
        (0.21, told.TaskSubmitted(1, 0.5)),
        (0.8, told.TimerFired(Timer(TimerKind.DEADLINE, 1))),
    ]
    assert followed(late).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("seed", range(12))
def test_the_log_of_a_random_walk_is_followed_like_a_record(seed: int) -> None:
    """What the simulation told is a record of it, as long as no frame was damaged on its way."""
    walked, _ = walk(seed)
    if any(step.do in ("mangle", "garble", "divert", "exit", "bloat") for step in walked.steps):
        walked = type(walked)(
            walked.setting,
            tuple(
                s
                for s in walked.steps
                if s.do
                in (
                    "submit",
                    "receive",
                    "open",
                    "deliver",
                    "cancel",
                    "kill",
                    "crash",
                    "open_session",
                    "reopen",
                    "close_session",
                )
            ),
        )
    with Run(walked.setting) as run:
        for step in walked.steps:
            run.do(step)
        log = list(run.world.log)
    entries = [Entry(*entry) for entry in log if type(entry) is tuple]
    found = retrace(walked.setting, handled(entries, walked.setting))
    assert (found.verdict, found.why) == (Verdict.HOLDS, "")
    assert found.events == len(entries)


def test_a_task_taken_back_and_sent_to_the_same_worker_again_is_followed() -> None:
    """Two workers stall at once; what the second gives back it gets, and begins, later."""
    setting = Setting(2, prefetch=4)
    with Run(setting) as run:

        def do(*commands: Command) -> None:
            assert all(map(run.do, commands))

        def answer_next(worker: int) -> None:
            body = run.world.bodies[worker]
            while body.at_gate is None:
                do(Receive(worker))
            do(Open(body.at_gate.number), Deliver(worker))

        do(Deliver(0), Deliver(1), *map(Submit, range(12)))
        answer_next(0)
        answer_next(1)
        do(Advance(0.01), Advance(0.01))
        for _ in range(5):
            answer_next(1)
        entries = [Entry(*entry) for entry in run.world.log if type(entry) is tuple]
    back = [entry.event for entry in entries if isinstance(entry.event, told.TasksRecalled)]
    answers = [e.event for e in entries if isinstance(e.event, told.ResultReceived)]
    assert [event.worker for event in back] == [0, 1]
    assert {1} == {event.worker for event in answers if event.task in back[1].tasks}
    found = retrace(setting, handled(entries, setting))
    assert (found.verdict, found.why) == (Verdict.HOLDS, "")


def test_a_trace_of_a_record_gives_one_digest_on_every_layer() -> None:
    for name in ("a death", "a deadline, told late", "a reply that was cut"):
        found = followed(FOLLOWED[name])
        digests = {execute(found.trace, layer).digest for layer in Layer}
        assert digests == {found.report.digest}


def test_a_counterexample_in_one_line_is_no_record(tmp_path: Path) -> None:
    example, record = tmp_path / "example.json", tmp_path / "record"
    example.write_text('{"format":1,"promise":"S1","sentence":"it has run: so it is said"}')
    record.write_bytes(head_line(Head("7-1", 0, 0.0, 0.0, settings_of(ONE.config()))))
    assert not is_record(example)
    assert is_record(record)


def test_what_a_core_asks_for_is_told_beside_each_entry() -> None:
    lines = handled([Entry(5.0, told.PoolStarted()), Entry(5.5, told.WorkerReady(0))], ONE)
    assert [line.at for line in lines] == [0.0, 0.5]
    assert isinstance(lines[0], Told)
    assert lines[0].asked
