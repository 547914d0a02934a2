"""Load: arrivals, what a client writes down, what is made of it, and what is demanded."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from machines.suites import plots, settings
from machines.suites.demand import Demand, Sense, all_met
from machines.suites.load import figures, shapes, verdict
from machines.suites.load.arrivals import Phase, dues_of, seconds_of
from machines.suites.load.client import Client, Ending
from machines.suites.load.operations import MIXED, Mixture, NoOps, What
from machines.suites.load.run import Kill, LoadRun
from machines.suites.work import Refused
from pool import PoolSaturated, SessionLost, WorkerLost

FREE = settings.load(Path(__file__).parents[2] / "pyproject.toml", {}).on("free")


def test_arrivals_are_even_and_phases_follow_one_another() -> None:
    phases = (Phase("slow", 2.0, 2), Phase("fast", 1.0, 4))
    assert dues_of(phases) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.25, 2.5, 2.75]
    assert seconds_of(phases) == 3.0


class Answers:
    """Answers by a table: None at once, an error that refuses, or not until it is told."""

    def __init__(self, table: dict[int, Any]) -> None:
        self.table = table
        self.futures: dict[int, Future[Any]] = {}

    def submit(self, number: int) -> Future[Any]:
        answer = self.table.get(number)
        if isinstance(answer, Exception):
            raise answer
        future = self.futures[number] = Future()
        if answer is None:
            future.set_result(number)
        return future

    def judge(self, number: int, future: Future[Any]) -> Ending:
        return Ending.RETURNED if future.result() == number else Ending.WRONG


def test_latency_counts_from_when_it_was_due_though_the_client_came_late() -> None:
    client = Client(Answers({}), [-1.0, -1.0, 0.0])
    client.run()
    assert client.await_answers(1.0) == 0
    taken = figures.latencies(client)
    assert (taken[:2] >= 1.0).all()
    assert figures.cost_of(client)["late"]["p50_ms"] >= 1000.0
    assert figures.endings(client) == {"returned": 3}


def test_who_is_refused_answered_wrongly_or_not_at_all_is_counted_so() -> None:
    answers = Answers({1: PoolSaturated("full"), 2: "later", 3: "never"})
    client = Client(answers, [0.0] * 5)
    client.run()
    assert client.unanswered() == 2
    answers.futures[2].set_result("another's")
    assert client.await_answers(0.01) == 1
    assert figures.endings(client) == {"unanswered": 1, "returned": 2, "wrong": 1, "refused": 1}


def test_a_client_that_is_stopped_forgets_what_it_never_submitted() -> None:
    client = Client(Answers({}), [0.0, 0.0, 3600.0])
    thread = threading.Thread(target=client.run)
    thread.start()
    client.stop()
    client.stop()
    thread.join(10.0)
    assert not thread.is_alive()
    assert client.await_answers(1.0) == 0
    assert len(client.dues) == len(client.endings) == client.count <= 2


def resolved(value: Any = None, error: BaseException | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
    return future


class Accepts:
    """A pool, or a session of one, that accepts everything and does nothing."""

    def submit(self, *_: Any) -> Future[Any]:
        return Future()

    def options(self, **_: Any) -> Accepts:
        return self

    def session(self, _: str) -> Accepts:
        return self


def mixture(kind: What) -> Mixture:
    pool: Any = Accepts()
    made = Mixture(pool, 4, {kind: 100}, 0)
    for number in range(4):
        made.submit(number)
    return made


def test_a_session_must_have_seen_exactly_the_writes_before() -> None:
    pool: Any = Accepts()
    made = Mixture(pool, 400, MIXED, 0)
    writes: dict[int, int] = {}
    for number, kind in enumerate(made.kinds):
        made.submit(number)
        owner = made._owners[number]
        writes[owner] = writes.get(owner, 0) + (kind is What.WRITE)
        if kind in (What.READ, What.WRITE):
            assert made.judge(number, resolved(writes[owner])) is Ending.RETURNED
            made.submit(number)
            made._due[number] -= 1
            assert made.judge(number, resolved(writes[owner] + 1)) is Ending.WRONG
            writes[owner] = made._writes[owner]
    assert 0.6 < made.kinds.count(What.READ) / 400 < 0.8


@pytest.mark.parametrize(
    ("kind", "future", "ending"),
    [
        (What.ONCE, resolved(2), Ending.RETURNED),
        (What.ONCE, resolved(3), Ending.WRONG),
        (What.ONCE, resolved(error=WorkerLost("", started=True)), Ending.LOST),
        (What.ONCE, resolved(error=WorkerLost("", started=False)), Ending.FAILED),
        (What.AGAIN, resolved(2), Ending.RETURNED),
        (What.AGAIN, resolved(error=WorkerLost("", started=True)), Ending.FAILED),
        (What.READ, resolved(error=SessionLost("", started=True)), Ending.LOST),
        (What.RAISE, resolved(error=Refused(2)), Ending.RAISED),
        (What.RAISE, resolved(error=Refused(1)), Ending.WRONG),
        (What.RAISE, resolved(None), Ending.WRONG),
        (What.ONCE, resolved(error=Refused(2)), Ending.WRONG),
        (What.COMPLEX, resolved("00"), Ending.WRONG),
    ],
)
def test_an_answer_is_judged_by_what_it_had_to_be(
    kind: What, future: Future[Any], ending: Ending
) -> None:
    assert mixture(kind).judge(2, future) is ending


def test_a_no_op_returns_none_and_nothing_else() -> None:
    pool: Any = Accepts()
    operations = NoOps(pool)
    cancelled: Future[Any] = Future()
    cancelled.cancel()
    assert operations.judge(0, resolved(None)) is Ending.RETURNED
    assert operations.judge(0, resolved(0)) is Ending.WRONG
    assert operations.judge(0, resolved(error=OSError())) is Ending.FAILED
    assert operations.judge(0, cancelled) is Ending.FAILED


def finished(shape: shapes.Shape, taken_ms: float, **more: Any) -> LoadRun:
    """A run in which every operation took so long."""
    client = Client(Answers({}), dues_of(shape.phases)[:4000])
    for number, due in enumerate(client.dues):
        client.ends[number] = due + taken_ms / 1e3
        client.endings[number] = Ending.RETURNED
        client.submits[number] = due
    client.count = len(client.dues)
    facts: dict[str, Any] = {"unanswered": 0, "kills": (), "steps": (), "broke": False}
    stats: Any = None
    return LoadRun(shape, client, samples=(), stats=stats, **{**facts, **more})


def verdicts(run: LoadRun) -> dict[str, bool | None]:
    return {one.name: one.met for one in verdict.demands(run, FREE)}


def test_a_quick_sustained_load_holds_and_a_slow_or_failing_one_does_not() -> None:
    shape = shapes.sustained(FREE, 4.0)
    assert set(verdicts(finished(shape, 1.0)).values()) == {True}
    slow = verdicts(finished(shape, 3.0))
    assert (slow["p50"], slow["p99"]) == (False, True)
    assert verdicts(finished(shape, 10.0))["p99"] is False
    failing = finished(shape, 1.0)
    failing.client.endings[7] = Ending.FAILED
    assert verdicts(failing)["operations that failed"] is False
    assert verdicts(finished(shape, 1.0, unanswered=1))["unanswered"] is False


def test_only_a_load_of_the_demanded_time_is_one_in_full() -> None:
    assert "time" not in verdicts(finished(shapes.sustained(FREE, 4.0), 1.0))
    shape = shapes.sustained(FREE, None)
    assert shape.in_full
    assert seconds_of(shape.phases) == 300.0


def step(offered: float, p99_ms: float, *, kept_up: bool) -> dict[str, Any]:
    return {"offered_per_s": offered, "p99_ms": p99_ms, "kept_up": kept_up}


def test_the_breaking_point_is_the_highest_rate_that_was_kept_up_with() -> None:
    steps = (
        step(1000, 1, kept_up=True),
        step(11000, 40, kept_up=True),
        step(12000, 1, kept_up=False),
        step(13000, 9, kept_up=True),
        step(14000, 900, kept_up=False),
    )
    run = finished(shapes.ramp(FREE, 1.0), 1.0, steps=steps, broke=True)
    assert verdict.breaking_point(run) == 13000
    assert verdict.in_time_until(run, 10.0) == 1000
    assert verdicts(run)["breaking point"] is True
    weaker = finished(shapes.ramp(FREE, 1.0), 1.0, steps=steps[:3], broke=True)
    assert verdicts(weaker)["breaking point"] is False
    assert verdicts(finished(shapes.ramp(FREE, 1.0), 1.0))["breaking point"] is None


def test_after_a_kill_strength_and_latency_must_be_back_in_time() -> None:
    shape = shapes.errors(FREE, 8.0)
    good = verdicts(finished(shape, 1.0, kills=(Kill(2.0, 0, 0.02),)))
    assert set(good.values()) == {True}
    weak = verdicts(finished(shape, 1.0, kills=(Kill(2.0, 0, 0.6),)))
    assert weak["full strength again after a kill"] is False
    slow = verdicts(finished(shape, 11.0, kills=(Kill(2.0, 0, 0.02),)))
    assert slow["p99 normal again after a kill"] is False
    losing = finished(shape, 1.0, kills=(Kill(2.0, 0, 0.02),))
    losing.client.endings[0] = losing.client.endings[1] = Ending.LOST
    assert verdicts(losing)["lost with a worker"] is False


def test_series_say_what_was_due_answered_and_failed_in_each_stretch() -> None:
    run = finished(shapes.sustained(FREE, 4.0), 1500.0)
    run.client.endings[0] = Ending.FAILED
    series = figures.series(run.client, 1.0)
    assert [one["due"] for one in series[:4]] == [1000.0] * 4
    assert [one["answered"] for one in series[:2]] == [0.0, 500.0]
    assert [one["failed"] for one in series[:2]] == [0.0, 1.0]
    assert series[0]["p99_ms"] == pytest.approx(1500.0)
    assert figures.within(run.client, 0.0, 2.0)["in_time_percent"] == pytest.approx(25.0, abs=0.1)


def test_demands_together_are_as_bad_as_the_worst() -> None:
    met, missed, unknown = (
        Demand("it", figure, Sense.AT_MOST, 1.0, "s", "somebody") for figure in (1.0, 1.1, None)
    )
    assert all_met([met]) is True
    assert all_met([met, unknown]) is None
    assert all_met([met, unknown, missed]) is False
    assert str(missed) == " MISSED  it: 1.1 s, demanded at most 1 (somebody)"


def test_a_picture_is_drawn_of_every_shape(tmp_path: Path) -> None:
    curve = [[0.0, 0.1], [50.0, 0.2], [99.0, 3.0], [100.0, 9.0]]
    base = {"words": "words", "distribution": curve, "breaking_per_s": None, "kills": []}
    row = {"at": 0.0, "due": 10.0, "answered": 9.0, "failed": 1.0, "p50_ms": 1.0, "p99_ms": 2.0}
    kill = {"at": 0.5, "strength_s": 0.02, "normal_s": None}
    steps = [{"offered_per_s": 5.0, "answered_per_s": 5.0, "p50_ms": 1.0, "p99_ms": 2.0}]
    told = {
        "mixed": {**base, "series": [row, {**row, "at": 1.0}]},
        "errors": {**base, "series": [row], "kills": [kill, {**kill, "normal_s": 0.3}]},
        "ramp": {**base, "series": [], "steps": steps, "breaking_per_s": 5.0},
    }
    for shape, facts in told.items():
        path = tmp_path / f"{shape}.png"
        plots.draw_load({"shape": shape, **facts}, path)
        assert path.read_bytes().startswith(b"\x89PNG")
