"""Coverage: which faults a move meets, and how what fired is counted."""

from __future__ import annotations

from machines import trace
from machines.coverage import Lookout, fault_in, faults
from machines.firings import Coverage, coverage_of, legal_moves, named
from machines.gate import Start
from machines.run import execute
from machines.setting import Setting
from machines.trace import (
    Continue,
    Crash,
    Deliver,
    Kill,
    Mangle,
    NextStart,
    Open,
    OpenSession,
    Receive,
    Stop,
    Submit,
    Trace,
)

ONE = Setting(size=1)
BUSY = (Deliver(0), Submit(0), Receive(0))


def fired(*steps: trace.Command, setting: Setting = ONE) -> set[str]:
    return set(execute(Trace(setting, steps)).coverage.fired)


def test_a_workers_moves_meet_the_fault_that_struck_it() -> None:
    names = fired(*BUSY, Crash(0), Deliver(0))
    assert "worker: busy → terminating (exited) after crash" in names
    assert "worker: terminating → terminated (reaped) after crash" in names
    assert "worker: busy → terminating (exited)" in names


def test_what_fired_before_the_fault_did_not_meet_it() -> None:
    names = fired(*BUSY, Crash(0), Deliver(0))
    assert "worker: ready → busy (checkout)" in names
    assert "worker: ready → busy (checkout) after crash" not in names
    assert "task: assigned → running (started) after crash" not in names


def test_a_replacement_does_not_meet_its_predecessors_fault() -> None:
    names = fired(Deliver(0), Crash(0), Deliver(0), Deliver(0), Deliver(1))
    assert "worker: initializing → ready (init_complete)" in names
    assert "worker: initializing → ready (init_complete) after crash" not in names


def test_other_workers_do_not_meet_the_fault() -> None:
    names = fired(Deliver(0), Deliver(1), Crash(0), Submit(0), setting=Setting(size=2))
    assert "worker: ready → busy (checkout)" in names
    assert "worker: ready → busy (checkout) after crash" not in names


def test_tasks_and_sessions_meet_the_fault_of_their_worker() -> None:
    steps = (Deliver(0), OpenSession(0), Submit(0, session=0), Crash(0), Deliver(0))
    names = fired(*steps)
    assert "task: assigned → resolved (session_lost) after crash" in names
    assert "session: placed → lost (worker_lost) after crash" in names


def test_the_breaker_meets_the_fault_of_the_worker_that_moved_it() -> None:
    setting = Setting(size=1, start_failures_max=1, openings_max=1)
    steps = (NextStart(Start.RAISES), Deliver(0), Crash(0), Deliver(0), Deliver(0), Deliver(1))
    names = fired(*steps, setting=setting)
    assert "breaker: closed → open (tripped) after next_start:raises" in names
    assert "breaker: open → half_open (cooled)" in names
    assert "breaker: open → half_open (cooled) after next_start:raises" not in names


def test_a_fault_of_the_next_start_is_with_the_worker_that_starts_next() -> None:
    dies = (Deliver(0), Crash(0), Deliver(0), Deliver(0))
    names = fired(NextStart(Start.REFUSED), *dies, Deliver(1))
    assert "worker: initializing → terminated (spawn_failed) after next_start:refused" in names
    assert not any("init_complete" in name and "next_start" in name for name in names)


def test_a_start_that_is_to_go_well_again_is_no_fault() -> None:
    steps = (NextStart(Start.REFUSED), NextStart(Start.NORMAL), Deliver(0), Crash(0))
    assert not any("next_start" in name for name in fired(*steps))


def test_a_worker_that_continues_is_rid_of_its_stop() -> None:
    stopped = fired(*BUSY, Stop(0), Kill(0))
    assert "worker: busy → terminating (cancelled) after stop" in stopped
    continued = fired(*BUSY, Stop(0), Continue(0), Kill(0))
    assert "worker: busy → terminating (cancelled)" in continued
    assert not any("stop" in name for name in continued)


def test_the_last_of_two_faults_is_the_one_that_is_met() -> None:
    names = fired(*BUSY, Stop(0), Crash(0), Deliver(0))
    assert "worker: busy → terminating (exited) after crash" in names
    assert "worker: busy → terminating (exited) after stop" not in names


def test_a_fault_that_was_impossible_is_met_by_nothing_and_not_counted() -> None:
    coverage = execute(Trace(ONE, (*BUSY, Mangle(0), Open(0), Deliver(0)))).coverage
    assert not any("mangle" in name for name in coverage.fired)
    assert "mangle:flipped" not in coverage.commands


def test_a_fault_that_strikes_nobody_is_met_by_its_own_step_alone() -> None:
    steps = (Deliver(0), Submit(0, deadline=1.0), Receive(0), trace.Jump(2.0))
    names = fired(*steps)
    assert "worker: busy → terminating (timeout) after jump" in names
    assert "worker: terminating → terminated (reaped) after jump" not in names


def test_a_start_that_hangs_times_out_though_all_is_delivered_and_no_other_does() -> None:
    words = "next_start:hangs let a start time out though all was delivered"
    dies = (Deliver(0), Crash(0), Deliver(0), Deliver(0))
    hangs = execute(Trace(ONE, (NextStart(Start.HANGS), *dies))).coverage
    assert hangs.happened[words] == 1
    late = execute(Trace(ONE, (*dies, trace.Advance(61.0)))).coverage
    assert "worker: initializing → terminating (init_timeout)" in late.fired
    assert not any("time out" in happened for happened in late.happened)


def test_commands_are_counted_and_how_often_a_task_was_in_flight() -> None:
    coverage = execute(Trace(ONE, (*BUSY, Stop(0), Continue(0), Crash(0)))).coverage
    assert (coverage.commands["submit:echo"], coverage.commands["stop"]) == (1, 1)
    assert (coverage.in_flight["deliver"], coverage.in_flight["crash"]) == (0, 1)
    assert coverage.happened["crash happened while a task was in flight"] == 1


def test_coverage_survives_its_plain_form_and_adds_up() -> None:
    coverage = execute(Trace(ONE, (*BUSY, Crash(0)))).coverage
    twice = coverage_of(coverage.plain())
    assert twice == coverage
    twice.merge(coverage)
    assert twice.fired == {name: 2 * count for name, count in coverage.fired.items()}
    assert Coverage().fired == {}


def test_every_fault_has_a_name_and_the_normal_start_none() -> None:
    names = list(faults())
    assert len(names) == len(set(names)) > 10
    assert "mangle:flipped" in names
    assert "next_start:normal" not in names
    assert fault_in(NextStart(Start.NORMAL)) is None
    assert {name.partition(":")[0] for name in names} == {kind.do for kind in trace.FAULTS}


def test_moves_are_named_by_kind() -> None:
    row = ("worker", "ready", "checkout", "busy")
    assert named(row) == "worker: ready → busy (checkout)"
    assert named(row, "crash") == "worker: ready → busy (checkout) after crash"
    assert named(row) in legal_moves("worker")
    coverage = execute(Trace(ONE, (*BUSY, Crash(0)))).coverage
    assert coverage.moves("worker") <= legal_moves("worker")
    assert coverage.moves("task") <= legal_moves("task")


def test_a_lookout_that_saw_nothing_has_nothing_fired() -> None:
    assert list(Lookout().names()) == []
