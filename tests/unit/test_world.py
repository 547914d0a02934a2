"""The world: what each command does on `sim` and `wire`; an impossible one does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from machines import run as running
from machines.body import Condition, FactKind
from machines.drivers import Layer
from machines.gate import EXIT_CODE, FAULT, Start
from machines.parts import Parts
from machines.run import Run, execute, heal
from machines.trace import (
    COMMANDS,
    CUTS,
    FOREIGN,
    Advance,
    Cancel,
    CloseSession,
    Command,
    Continue,
    Crash,
    Deliver,
    Divert,
    Elsewhere,
    Exit,
    Garble,
    How,
    Jump,
    Kill,
    Mangle,
    NextStart,
    Open,
    OpenSession,
    Receive,
    Reopen,
    Setting,
    Shutdown,
    Stop,
    Submit,
    Swell,
    Toward,
    Trace,
    Way,
)
from model import history as saw
from model.checker import Verdict
from pool import effects
from pool import events as told
from pool.core import Core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machines.world import World

    Begin = Callable[..., Run]

IN_PROCESS = [Layer.SIM, Layer.WIRE]
GREETED: tuple[Command, ...] = (Deliver(0),)
SENT: tuple[Command, ...] = (*GREETED, Submit(0))
AT_GATE: tuple[Command, ...] = (*SENT, Receive(0))
REPLIED: tuple[Command, ...] = (*AT_GATE, Open(0))
REPLIED_OF_TWO: tuple[Command, ...] = (*SENT, Submit(1), Receive(0), Open(0))
GONE: tuple[Command, ...] = (*GREETED, Crash(0), Deliver(0), Deliver(0))
HANGING: tuple[Command, ...] = (*GREETED, NextStart(Start.HANGS), Crash(0), Deliver(0), Deliver(0))

STUCK: tuple[Command, ...] = (*GREETED, Submit(0, "stick", deadline=1.0), Receive(0))

IMPOSSIBLE: list[tuple[str, tuple[Command, ...], Command]] = [
    ("a task is submitted twice", SENT, Submit(0, "fail")),
    ("a resolved task is submitted again", (*REPLIED, Deliver(0)), Submit(0)),
    ("an unknown task is cancelled", SENT, Cancel(1)),
    ("an unknown task is killed", SENT, Kill(1)),
    ("an unknown worker receives", (), Receive(9)),
    ("a worker receives from an empty inbox", GREETED, Receive(0)),
    ("a worker at its gate receives", AT_GATE, Receive(0)),
    ("a stopped worker receives", (*SENT, Stop(0)), Receive(0)),
    ("a dead worker receives", (*SENT, Crash(0)), Receive(0)),
    ("an unknown task's gate opens", AT_GATE, Open(1)),
    ("the gate of a task still on its way opens", SENT, Open(0)),
    ("a gate opens twice", REPLIED, Open(0)),
    ("a stopped worker's gate opens twice", (*AT_GATE, Stop(0), Open(0)), Open(0)),
    ("a dead worker's gate opens", (*AT_GATE, Crash(0)), Open(0)),
    ("a task is served elsewhere that is not there", SENT, Divert(0)),
    ("an unknown worker is heard of", (), Deliver(9)),
    ("a silent worker is heard of", GREETED, Deliver(0)),
    ("a reaped worker is heard of", GONE, Deliver(0)),
    ("an unknown worker crashes", (), Crash(9)),
    ("a dead worker crashes", (Crash(0),), Crash(0)),
    ("a reaped worker crashes", GONE, Crash(0)),
    ("an unknown worker stops", (), Stop(9)),
    ("a stopped worker stops", (Stop(0),), Stop(0)),
    ("a dead worker stops", (Crash(0),), Stop(0)),
    ("a hanging worker stops", HANGING, Stop(1)),
    ("an unknown worker continues", (), Continue(9)),
    ("a running worker continues", (), Continue(0)),
    ("a worker that died while stopped continues", (Stop(0), Crash(0)), Continue(0)),
    ("an unknown worker's frame is damaged", (), Mangle(9)),
    ("a silent worker's frame is damaged", GREETED, Mangle(0)),
    ("an exit is damaged", (*GREETED, Crash(0)), Mangle(0)),
    ("a damaged frame is damaged", (Mangle(0),), Mangle(0, How.CUT)),
    ("a foreign frame is damaged", (*REPLIED, Mangle(0, How.FOREIGN)), Mangle(0)),
    ("a greeting names a foreign task", (), Mangle(0, How.FOREIGN)),
    ("a greeting names another task", (), Mangle(0, How.ANOTHER)),
    ("a reply names another task where there is none", REPLIED, Mangle(0, How.ANOTHER)),
    ("a lone frame changes places", REPLIED, Mangle(0, How.REORDERED)),
    ("a reply that nothing bounds is dropped", REPLIED, Mangle(0, How.DROPPED)),
    ("an unknown worker's order is damaged", (), Garble(9)),
    ("an order is damaged where there is none", GREETED, Garble(0)),
    ("a damaged order is damaged", (*SENT, Garble(0)), Garble(0, Toward.CUT)),
    ("a dead worker's order is damaged", (*SENT, Crash(0)), Garble(0)),
    ("a task that nothing bounds is dropped", SENT, Garble(0, Toward.DROPPED)),
    ("an unknown worker exits", (), Exit(9)),
    ("an idle worker's function exits", GREETED, Exit(0)),
    ("a stopped worker's function exits", (*AT_GATE, Stop(0)), Exit(0)),
    ("a stopped worker is terminated", (Stop(0),), Exit(0, Way.TERMINATED)),
    ("a dead worker is terminated", (Crash(0),), Exit(0, Way.TERMINATED)),
    ("a worker dies reading where there is nothing", GREETED, Exit(0, Way.READING)),
    ("a worker at its gate dies reading", AT_GATE, Exit(0, Way.READING)),
    ("a worker dies reading what ends it anyway", (*SENT, Garble(0)), Exit(0, Way.READING)),
    ("an unknown worker swells", (), Swell(9)),
    ("an idle worker swells", GREETED, Swell(0)),
    ("a stopped worker swells", (*AT_GATE, Stop(0)), Swell(0)),
    ("a swollen worker swells", (*AT_GATE, Swell(0)), Swell(0)),
    ("a task that never returns has no deadline", GREETED, Submit(0, "stick")),
    ("the gate of a task that never returns opens", STUCK, Open(0)),
    ("a start goes well that would anyway", (), NextStart(Start.NORMAL)),
    ("a start goes wrong as it would anyway", (NextStart(),), NextStart()),
]
DAMAGE = [
    (frame, steps, how)
    for frame, steps in (("greeting", ()), ("reply", REPLIED_OF_TWO))
    for how in How
    if how not in (How.DROPPED, How.REORDERED)  # no damage that a frame shows
    if frame == "reply" or how not in (How.FOREIGN, How.ANOTHER)
]
REASONS = {
    How.FLIPPED: ["checksum"],
    How.UNKNOWN: ["kind"],
    How.OVERSIZED: ["length"],
    How.CUT: ["cut"],
    How.CUT_EARLY: ["cut"],
    How.CUT_LATE: ["cut"],
}


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins runs of a pool of one worker, and closes them."""
    begun: list[Run] = []

    def make(*steps: Command, layer: Layer = Layer.SIM, size: int = 1) -> Run:
        run = Run(Setting(size=size), layer)
        begun.append(run)
        for step in steps:
            assert run.do(step), f"{step} was impossible"
        return run

    yield make
    for run in begun:
        run.__exit__(None, None, None)


def everything(world: World) -> str:
    """All that a world and its core remember, as text."""
    core = {name: value for name, value in vars(world.core).items() if name[:2] != "_h"}
    core = {name: value for name, value in core.items() if name not in ("_actions", "_out")}
    core.pop("breaker")
    book = (world.core.breaker.state, world.core.breaker.failures, world.core.breaker.openings)
    return repr(
        (book, vars(world.core).keys(), core, world.log, world.bodies, world.timers)
    ) + repr((world.now, vars(world._book)["operations"], world.closed, world._book.next_start))


def events(world: World, kind: type) -> list[Any]:
    """What the core was told, of one kind."""
    pairs = [entry[1] for entry in world.log if isinstance(entry, tuple)]
    return [event for event in pairs if isinstance(event, kind)]


def logged(world: World, kind: type) -> list[Any]:
    """What the core asked for, or was seen, of one kind."""
    return [entry for entry in world.log if isinstance(entry, kind)]


@pytest.mark.parametrize("layer", IN_PROCESS)
@pytest.mark.parametrize(
    ("steps", "command"), [case[1:] for case in IMPOSSIBLE], ids=[case[0] for case in IMPOSSIBLE]
)
def test_an_impossible_command_changes_nothing(
    begin: Begin, layer: Layer, steps: tuple[Command, ...], command: Command
) -> None:
    world = begin(*steps, layer=layer).world
    before = everything(world)
    assert world.do(command) is False
    assert everything(world) == before


def test_every_command_that_can_be_impossible_is_tried() -> None:
    assert {type(command) for *_, command in IMPOSSIBLE} == {*COMMANDS.values()} - {
        Shutdown,
        Advance,
        Jump,
        OpenSession,
        Reopen,
        CloseSession,
    }


@pytest.mark.parametrize("command", [Shutdown(), Shutdown(grace=0.0), Advance(0.0), Advance(9.0)])
def test_shutdown_and_the_clock_are_possible_even_after_the_end(
    begin: Begin, command: Command
) -> None:
    run = begin(*SENT)
    run.finish()
    assert run.world.closed
    core, resolved = repr(run.world.core.phase), logged(run.world, saw.Resolved)
    assert run.world.do(command) is True
    assert (repr(run.world.core.phase), logged(run.world, saw.Resolved)) == (core, resolved)


def test_an_impossible_command_is_counted_as_a_step_that_was_impossible(begin: Begin) -> None:
    run = begin(Deliver(0))
    assert run.do(Open(5)) is False
    assert run.do(Submit(0)) is True
    assert run.finish().impossible == (1,)


@pytest.mark.parametrize("layer", IN_PROCESS)
def test_a_reply_that_comes_after_the_deadline_is_dropped(begin: Begin, layer: Layer) -> None:
    steps = (*GREETED, Submit(0, deadline=1.0), Receive(0), Open(0), Advance(1.0))
    world = begin(*steps, layer=layer).world
    answers = [saw.Resolved(0, "timeout", None, started=True)]
    assert logged(world, saw.Resolved) == answers
    assert world.do(Deliver(0)) is True
    assert logged(world, effects.ResultDropped) == [effects.ResultDropped(0, 0, 1)]
    assert logged(world, saw.Resolved) == answers
    assert logged(world, saw.Unpickled) == []


@pytest.mark.parametrize("layer", IN_PROCESS)
def test_a_frame_on_its_way_outlives_the_crash_of_its_sender(begin: Begin, layer: Layer) -> None:
    world = begin(*REPLIED, Crash(0), layer=layer).world
    assert world.do(Deliver(0)) is True
    assert logged(world, saw.Resolved) == [saw.Resolved(0, "returned", ["echo", 0], started=True)]
    assert world.do(Deliver(0)) is True
    assert events(world, told.WorkerExited) == [told.WorkerExited(0, -9, 0)]


@pytest.mark.parametrize("layer", IN_PROCESS)
def test_a_crash_at_the_gate_loses_the_task_as_started(begin: Begin, layer: Layer) -> None:
    world = begin(*AT_GATE, Crash(0), Deliver(0), layer=layer).world
    assert logged(world, saw.Resolved) == [saw.Resolved(0, "lost", None, started=True)]


@pytest.mark.parametrize("layer", IN_PROCESS)
def test_a_crash_before_the_frame_is_taken_costs_the_task_nothing(
    begin: Begin, layer: Layer
) -> None:
    world = begin(*SENT, Crash(0), Deliver(0), layer=layer).world
    assert events(world, told.WorkerExited) == [told.WorkerExited(0, -9, 1)]
    assert logged(world, saw.Resolved) == []
    assert list(world.core.returning) == [0]


@pytest.mark.parametrize("layer", IN_PROCESS)
def test_a_stopped_worker_answers_only_after_it_continues(begin: Begin, layer: Layer) -> None:
    world = begin(*AT_GATE, Stop(0), Open(0), layer=layer).world
    assert world.do(Deliver(0)) is False
    assert logged(world, saw.Finished) == []
    assert world.do(Continue(0)) is True
    assert logged(world, saw.Finished) == [saw.Finished(0, 0, "returned", ["echo", 0])]
    assert world.do(Deliver(0)) is True
    assert logged(world, saw.Resolved) == [saw.Resolved(0, "returned", ["echo", 0], started=True)]


def test_a_worker_that_dies_stopped_with_its_gate_open_never_answers(begin: Begin) -> None:
    world = begin(*AT_GATE, Stop(0), Open(0), Crash(0), Deliver(0)).world
    assert logged(world, saw.Finished) == []
    assert logged(world, saw.Resolved) == [saw.Resolved(0, "lost", None, started=True)]


@pytest.mark.parametrize("layer", IN_PROCESS)
@pytest.mark.parametrize(
    ("how", "condition", "heard"),
    [
        (Start.NORMAL, Condition.RUNNING, [told.WorkerReady(1)]),
        (Start.REFUSED, Condition.REAPED, [told.SpawnFailed(1)]),
        (Start.RAISES, Condition.HUNG, [told.WorkerInitFailed(1, FAULT), told.WorkerReaped(1)]),
        (Start.EXITS, Condition.DEAD, [told.WorkerExited(1, EXIT_CODE, 0), told.WorkerReaped(1)]),
        (Start.HANGS, Condition.HUNG, []),
    ],
)
def test_the_next_start_goes_as_chosen(
    begin: Begin, layer: Layer, how: Start, condition: Condition, heard: list[Any]
) -> None:
    other = Start.HANGS if how is Start.NORMAL else Start.NORMAL
    chosen = (NextStart(how),) if other is Start.NORMAL else (NextStart(other), NextStart(how))
    world = begin(*GREETED, *chosen, Crash(0), Deliver(0), Deliver(0), layer=layer).world
    assert world.bodies[1].condition is condition
    before = len(events(world, object))
    while world.do(Deliver(1)):
        pass
    assert events(world, object)[before:] == heard


@pytest.mark.parametrize("layer", IN_PROCESS)
@pytest.mark.parametrize("how", [how for how in Start if how is not Start.NORMAL])
def test_only_the_next_start_goes_wrong(begin: Begin, layer: Layer, how: Start) -> None:
    run = begin(*GREETED, NextStart(how), Crash(0), Deliver(0), Deliver(0), layer=layer)
    assert run.finish().violation is None
    starts = events(run.world, told.WorkerReady)
    assert starts == [told.WorkerReady(0), told.WorkerReady(2)]


def test_a_hanging_start_ends_at_its_timeout(begin: Begin) -> None:
    world = begin(*HANGING, Advance(59.0)).world
    assert world.core.workers[1].state == "initializing"
    assert world.do(Advance(1.0)) is True
    assert world.core.workers[1].state == "terminating"


@pytest.mark.parametrize("layer", IN_PROCESS)
@pytest.mark.parametrize(
    ("steps", "how"), [case[1:] for case in DAMAGE], ids=[f"{c[2]} {c[0]}" for c in DAMAGE]
)
def test_a_damaged_frame_reaches_the_pool_as_what_it_is_and_ends_its_worker(
    begin: Begin, layer: Layer, steps: tuple[Command, ...], how: How
) -> None:
    doubled = (Deliver(0),) if how is How.DOUBLED else ()
    world = begin(*steps, Mangle(0, how), *doubled, Deliver(0), layer=layer).world
    struck = logged(world, saw.Struck)
    assert struck == [saw.Struck(0, "cut" if how in CUTS else how.value)]
    corrupt = events(world, told.FrameCorrupt)
    assert [event.reason for event in corrupt] == REASONS.get(how, [])
    foreign = [event.task for event in events(world, told.ResultReceived) if event.task >= FOREIGN]
    assert foreign == [FOREIGN] * (how is How.FOREIGN)
    assert world.core.workers[0].state == "terminating"
    assert world.bodies[0].condition is Condition.DEAD
    assert [fact.kind for fact in world.bodies[0].facts] == [FactKind.REAP]


@pytest.mark.parametrize(
    ("steps", "how"), [case[1:] for case in DAMAGE], ids=[f"{c[2]} {c[0]}" for c in DAMAGE]
)
def test_a_damaged_frame_gives_one_digest_on_sim_and_wire(
    steps: tuple[Command, ...], how: How
) -> None:
    whole = Trace(Setting(size=1), (*steps, Mangle(0, how), Deliver(0), Deliver(0)))
    sim, wire = (execute(whole, layer) for layer in IN_PROCESS)
    assert sim.violation is None
    assert wire.violation is None
    assert sim.digest == wire.digest


def test_a_cut_frame_comes_with_its_senders_end(begin: Begin) -> None:
    world = begin(*REPLIED, Mangle(0, How.CUT)).world
    assert logged(world, saw.Died) == [saw.Died(0)]
    assert [fact.kind for fact in world.bodies[0].facts] == [FactKind.BAD, FactKind.EXIT]


def test_timers_fire_at_their_own_times_in_order(begin: Begin) -> None:
    world = begin(Submit(0, deadline=5.0), Submit(1, deadline=2.0), Advance(60.0)).world
    fired = [(at, event.timer.number) for at, event in _told(world) if _is_deadline(event)]
    assert fired == [(2.0, 1), (5.0, 0)]
    assert world.now == 60.0


def _told(world: World) -> list[tuple[float, Any]]:
    return [entry for entry in world.log if isinstance(entry, tuple)]


def _is_deadline(event: object) -> bool:
    return isinstance(event, told.TimerFired) and event.timer.kind is told.TimerKind.DEADLINE


def test_a_core_that_raises_is_seen_as_a_misfit() -> None:
    class Fails(Core):
        def _worker_ready(self, _: told.WorkerReady) -> None:
            raise LookupError("no such thing")

    report = execute(Trace(Setting(size=1), GREETED), parts=Parts(core=Fails))
    assert report.violation is not None
    assert report.violation.promise == "S8"
    assert report.violation.sentence == "the core failed: LookupError: no such thing"
    assert report.step == 0


class TimerOfNone(Core):
    def _worker_ready(self, event: told.WorkerReady) -> None:
        super()._worker_ready(event)
        self._out.append(effects.ClearTimer(told.Timer(told.TimerKind.AGE, None)))  # type: ignore[arg-type]


class DropsAnother(Core):
    def _result_received(self, event: told.ResultReceived) -> None:
        super()._result_received(event)
        self._out.append(effects.ResultDropped(event.worker, event.task + 1, event.attempt))


class ForgetsATimer(Core):
    def _worker_ready(self, event: told.WorkerReady) -> None:
        super()._worker_ready(event)
        self._out.append(effects.SetTimer(told.Timer(told.TimerKind.AGE, 7), 1e6))


@pytest.mark.parametrize(
    ("core", "promise", "says"),
    [
        (TimerOfNone, "S8", "whose timer is none"),
        (DropsAnother, "S8", "was said to be dropped as"),
        (ForgetsATimer, "S13", "the timer of age 7"),
    ],
)
def test_what_the_core_may_not_ask_of_a_driver_is_seen(
    core: type[Core], promise: str, says: str
) -> None:
    steps = (*GREETED, Submit(0), Receive(0), Open(0), Deliver(0), Shutdown())
    whole = Trace(Setting(size=1), steps)
    assert execute(whole).violation is None
    report = execute(whole, parts=Parts(core=core))
    assert report.violation is not None
    assert report.violation.promise == promise
    assert says in report.violation.sentence


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_heal_says_false_when_its_budget_runs_out(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    run = begin(Submit(0))
    monkeypatch.setattr(running, "MOVES_MAX", moves)
    assert heal(run.world) is False


def test_heal_says_true_when_nothing_more_can_happen(begin: Begin) -> None:
    run = begin(*AT_GATE, Stop(0), NextStart())
    assert heal(run.world) is True
    assert run.world.ready == 1
    assert logged(run.world, saw.Resolved)[0].ending == "returned"


def test_a_run_whose_healing_was_not_complete_knows_nothing_of_liveness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "MOVES_MAX", 1)
    report = execute(Trace(Setting(size=1), (Submit(0),)))
    assert report.violation is None
    assert [report.verdicts[name] for name in ("L1", "L2", "L3", "S13")] == [Verdict.UNKNOWN] * 4


@pytest.mark.parametrize("layer", [Layer.SIM, Layer.WIRE, Layer.REAL])
def test_a_workers_present_task_is_not_taken_back_with_those_behind_it(layer: Layer) -> None:
    """Found on the production loop, which hung: the pool had heard of one task and not the next."""
    submits = [Submit(number) for number in range(8)]
    first = [Deliver(0), *submits, Receive(0), Open(0), Deliver(0)]  # task 1 is sent, others ahead
    second = [Receive(0), Open(1), Deliver(0)]  # task 2 is the worker's now, which has not begun it
    trace = Trace(Setting(size=1, prefetch=4), (*first, *second, Cancel(3)))
    report = execute(trace, layer)
    assert report.violation is None
    assert not report.impossible
    recalls = [it for records in report.showed for it in records if isinstance(it, saw.Recalled)]
    assert recalls
    assert all(2 not in it.tasks for it in recalls)


BROKEN = (NextStart(Start.REFUSED), Deliver(0), Crash(0), Deliver(0), Deliver(0), Deliver(1))
ELSEWHERE = Setting(size=1, start_failures_max=1, fallback=True)


@pytest.mark.parametrize("layer", [Layer.SIM, Layer.WIRE, Layer.REAL])
@pytest.mark.parametrize(
    ("operation", "how", "ending"),
    [
        ("echo", Elsewhere.RUN, "returned"),
        ("fail", Elsewhere.RUN, "raised"),
        ("exhaust", Elsewhere.RUN, "raised"),
        ("echo", Elsewhere.REFUSED, "broken"),
    ],
)
def test_a_task_that_no_worker_can_serve_is_served_elsewhere(
    layer: Layer, operation: str, how: Elsewhere, ending: str
) -> None:
    trace = Trace(ELSEWHERE, (*BROKEN, Submit(0, operation), Divert(0, how)))
    report = execute(trace, layer)
    assert report.violation is None
    assert not report.impossible
    resolved = [it for it in report.showed[-2] if isinstance(it, saw.Resolved)]
    assert [it.ending for it in resolved] == [ending]
    assert execute(trace).digest == report.digest


def test_what_was_given_elsewhere_is_served_in_the_end() -> None:
    report = execute(Trace(ELSEWHERE, (*BROKEN, Submit(0), Submit(1))))
    assert report.violation is None
    resolved = [it for it in report.showed[-1] if isinstance(it, saw.Resolved)]
    assert [(it.task, it.ending) for it in resolved] == [(0, "returned"), (1, "returned")]
