"""The moves of a history: what is read off the records, a task's above all."""

from __future__ import annotations

from model import history as saw
from model.moves import Move, Moves, legal

TOLD = saw.Told(0.0)
ACCEPTED = saw.Submitted(0, None, 1)
SENT = saw.Assigned(0, 5)


def told_by(*history: saw.Record) -> list[tuple[str, str, str]]:
    """The moves of tasks that the history tells."""
    moves = Moves()
    every = [move for record in history for move in moves.observe(record)]
    return [(m.before, m.because, m.after) for m in every if m.of == "task"]


def moved(worker: int, before: str, because: str, after: str) -> saw.Moved:
    return saw.Moved(worker, before, because, after)


LOST = moved(5, "busy", "exited", "terminating")


def test_workers_sessions_and_the_breaker_tell_their_moves_themselves() -> None:
    moves = Moves()
    assert moves.observe(moved(3, "ready", "recycle", "terminating")) == [
        Move("worker", 3, "ready", "recycle", "terminating")
    ]
    assert moves.observe(saw.SessionMoved(2, "lost", "reopened", "opened")) == [
        Move("session", 2, "lost", "reopened", "opened")
    ]
    assert moves.observe(saw.BreakerMoved("closed", "tripped", "open")) == [
        Move("breaker", 0, "closed", "tripped", "open")
    ]


def test_a_task_is_accepted_handed_over_started_and_returned() -> None:
    assert told_by(ACCEPTED, SENT, saw.Started(0, 5), saw.Resolved(0, "returned", 1, True)) == [
        ("new", "accepted", "waiting"),
        ("waiting", "handed_over", "assigned"),
        ("assigned", "started", "running"),
        ("running", "returned", "resolved"),
    ]


def test_a_refused_task_never_waits() -> None:
    assert told_by(saw.Refused(0, "saturated")) == [("new", "saturated", "refused")]


def test_a_lost_worker_gives_its_task_back_unless_that_is_resolved_at_once() -> None:
    again = ("running", "tried_again", "waiting")
    start = (ACCEPTED, SENT, saw.Started(0, 5), LOST)
    assert told_by(*start, TOLD)[-1] == again
    assert told_by(*start, saw.Assigned(0, 6), TOLD)[-2:] == [
        again,
        ("waiting", "handed_over", "assigned"),
    ]
    resolved = told_by(*start, saw.Resolved(0, "lost", None, True), TOLD)
    assert resolved[-1] == ("running", "lost", "resolved")
    assert again not in resolved


def test_another_workers_loss_moves_no_task() -> None:
    other = moved(6, "busy", "exited", "terminating")
    assert told_by(ACCEPTED, SENT, other, TOLD)[-1] == ("waiting", "handed_over", "assigned")


def test_a_task_sent_ahead_comes_to_its_turn_or_is_taken_back_or_starts_unheard() -> None:
    ahead = (ACCEPTED, SENT, saw.Submitted(1, None, 0), saw.Assigned(1, 5, ahead=True))
    assert told_by(*ahead)[-1] == ("waiting", "sent_ahead", "ahead")
    assert told_by(*ahead, saw.Recalled(5, (1,)))[-1] == ("ahead", "recalled", "waiting")
    assert told_by(*ahead, saw.Started(1, 5))[-1] == ("ahead", "started", "running")
    done = saw.Resolved(0, "returned", 1, True)
    turn = moved(5, "ready", "checkout", "busy")
    assert told_by(*ahead, done, turn)[-1] == ("ahead", "its_turn", "assigned")


def test_a_checkout_with_a_task_at_hand_is_no_ones_turn() -> None:
    turn = moved(5, "ready", "checkout", "busy")
    assert told_by(ACCEPTED, turn, SENT) == [
        ("new", "accepted", "waiting"),
        ("waiting", "handed_over", "assigned"),
    ]


def test_a_start_that_nobody_waits_for_any_more_is_no_move() -> None:
    resolved = (ACCEPTED, SENT, saw.Resolved(0, "timeout", None, False))
    assert told_by(*resolved, saw.Started(0, 5))[-1] == ("assigned", "timeout", "resolved")
    elsewhere = (ACCEPTED, SENT, LOST, saw.Assigned(0, 6), saw.Started(0, 5))
    assert told_by(*elsewhere)[-1] == ("waiting", "handed_over", "assigned")


def test_a_task_given_to_the_fallback_is_away_until_it_is_answered() -> None:
    assert told_by(ACCEPTED, saw.Diverted(0), saw.Resolved(0, "returned", 1, True))[1:] == [
        ("waiting", "diverted", "away"),
        ("away", "returned", "resolved"),
    ]
    assert told_by(ACCEPTED, SENT, LOST, saw.Diverted(0))[-2:] == [
        ("assigned", "tried_again", "waiting"),
        ("waiting", "diverted", "away"),
    ]


def test_who_holds_what_and_where_a_session_lives_is_known() -> None:
    moves = Moves()
    for record in (saw.Submitted(0, None, 0, session=4), saw.Assigned(0, 7)):
        moves.observe(record)
    assert (moves.holder, moves.home, list(moves.in_flight)) == ({0: 7}, {4: 7}, [0])
    moves.observe(saw.Resolved(0, "returned", 1, True))
    assert not moves.in_flight


def test_every_row_of_every_table_is_legal() -> None:
    rows = list(legal())
    assert len(rows) == len(set(rows))
    assert ("worker", "busy", "timeout", "terminating") in rows
    assert ("task", "waiting", "handed_over", "assigned") in rows
    assert {row[0] for row in rows} == {"worker", "session", "breaker", "task"}
