"""Listening: whose turn it is, and when the loop's thread hears the workers again."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from pool.crew import Source
from pool.listening import ATTENTION_S, LEASE_S, SHORT_S, Listening
from pool.poller import Poller
from pool.waker import Waker

if TYPE_CHECKING:
    from collections.abc import Iterator

ME, OTHER = 11, 12


class Pair:
    """A listening beside the poller of a loop, and a worker's socket that it hears."""

    def __init__(self) -> None:
        self.poller: Poller[Any] = Poller()
        self.waker = Waker()
        self.poller.register(self.waker.fileno(), self.waker)
        self.listening = Listening(self.poller, self.waker)
        self.here, self.worker = socket.socketpair()
        self.source = Source(0, ended=False)
        self.listening.ears.register(self.here.fileno(), self.source)

    def loop_hears(self) -> list[Any]:
        """What the loop's thread would be told of now."""
        return [source for source, _ in self.poller.wait(0.0)]

    def close(self) -> None:
        for what in (self.listening, self.poller, self.waker, self.here, self.worker):
            what.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    if not made.listening.possible:
        pytest.skip("this system has no epoll, so no client can take the lead")
    yield made
    made.close()


def lead_and_leave(pair: Pair, *, at: float) -> None:
    assert pair.listening.lead(ME)
    pair.listening.leave(at)


def test_the_loop_hears_the_workers_while_nobody_leads(pair: Pair) -> None:
    pair.worker.send(b"x")
    assert pair.loop_hears() == [pair.listening.ears]


def test_a_leader_alone_hears_the_workers(pair: Pair) -> None:
    assert pair.listening.lead(ME)
    pair.worker.send(b"x")
    assert pair.loop_hears() == []
    assert [source for source, _ in pair.listening.wait(None)] == [pair.source]


def test_there_is_one_leader_at_a_time(pair: Pair) -> None:
    assert pair.listening.lead(ME)
    assert not pair.listening.lead(OTHER)
    pair.listening.leave(1.0)
    assert pair.listening.lead(OTHER)


def test_after_a_single_lead_the_loop_hears_at_once(pair: Pair) -> None:
    lead_and_leave(pair, at=1.0)
    pair.worker.send(b"x")
    assert pair.loop_hears() == [pair.listening.ears]


def test_after_leads_in_quick_succession_the_loop_waits_for_the_lease(pair: Pair) -> None:
    lead_and_leave(pair, at=1.0)
    lead_and_leave(pair, at=1.0 + LEASE_S / 2)
    pair.worker.send(b"x")
    assert pair.loop_hears() == [pair.waker]  # so that it looks when the lease is over
    assert pair.listening.mind(1.0 + LEASE_S / 2) == pytest.approx(1.0 + LEASE_S * 1.5)
    assert pair.listening.mind(1.0 + LEASE_S * 1.5) is None
    pair.waker.drain()
    assert pair.loop_hears() == [pair.listening.ears]


def test_while_somebody_leads_the_loop_has_nothing_to_mind(pair: Pair) -> None:
    assert pair.listening.lead(ME)
    assert pair.listening.mind(9.0) is None
    pair.worker.send(b"x")
    assert pair.loop_hears() == []


def test_a_follower_is_not_made_to_wait_for_a_lease(pair: Pair) -> None:
    lead_and_leave(pair, at=1.0)
    assert pair.listening.lead(ME)
    pair.listening.followers = 1
    pair.listening.leave(1.0 + LEASE_S / 2)
    pair.worker.send(b"x")
    assert pair.loop_hears() == [pair.listening.ears]


def test_a_nudge_wakes_the_leader_and_nobody_else(pair: Pair) -> None:
    pair.listening.nudge(OTHER)
    assert pair.listening.lead(ME)
    pair.listening.nudge(ME)
    assert pair.listening.wait(0.0) == []
    pair.listening.nudge(OTHER)
    assert [source for source, _ in pair.listening.wait(None)] == [None]
    pair.listening.nudged()
    assert pair.listening.wait(0.0) == []


def test_after_a_short_wait_the_leader_looks_again_before_it_sleeps(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float | None] = []
    wait = pair.listening.ears.wait
    monkeypatch.setattr(pair.listening.ears, "wait", lambda t: (looked.append(t), wait(t))[1])
    assert pair.listening.lead(ME)
    pair.worker.send(b"x")
    pair.listening.wait(None)
    assert looked == [ATTENTION_S]
    pair.listening.wait(None)
    assert looked == [ATTENTION_S, 0.0]
    pair.here.recv(1)
    assert pair.listening.wait(2 * SHORT_S) == []
    assert looked[-1] == 2 * SHORT_S  # in the end it slept, and that was no short wait
    looked.clear()
    assert pair.listening.wait(0.0) == []
    assert looked == [0.0]


def test_at_the_end_nobody_leads_any_more_and_who_does_is_nudged(pair: Pair) -> None:
    assert pair.listening.lead(ME)
    pair.listening.end()
    assert [source for source, _ in pair.listening.wait(None)] == [None]
    pair.listening.leave(1.0)
    assert not pair.listening.lead(OTHER)
