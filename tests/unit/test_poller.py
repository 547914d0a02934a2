"""The poller: who has something to say is named, with either of the kernel's ways to ask."""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING

import pytest

from pool.poller import READ, WRITE, Poller

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 30.0


@pytest.fixture(params=["epoll", "poll"])
def poller(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Poller[str]]:
    """A poller as on Linux, and one as elsewhere."""
    if request.param == "poll":
        monkeypatch.delattr(select, "epoll")
    poller: Poller[str] = Poller()
    assert poller.shared is (request.param == "epoll")
    yield poller
    poller.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    pairs = [socket.socketpair() for _ in range(3)]
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


Pairs = list[tuple[socket.socket, socket.socket]]


def test_source_whose_descriptor_is_readable_is_told_of_and_no_other(
    poller: Poller[str], pairs: Pairs
) -> None:
    for name, (ours, _) in zip("abc", pairs, strict=True):
        poller.register(ours.fileno(), name)
    assert poller.wait(0.0) == []
    pairs[1][1].send(b"x")
    assert poller.wait(LIMIT) == [("b", READ)]
    pairs[2][1].send(b"x")
    assert sorted(poller.wait(None)) == [("b", READ), ("c", READ)]


def test_source_is_told_of_until_it_has_been_read(poller: Poller[str], pairs: Pairs) -> None:
    ours, theirs = pairs[0]
    poller.register(ours.fileno(), "a")
    theirs.send(b"x")
    assert poller.wait(LIMIT) == poller.wait(LIMIT) == [("a", READ)]
    ours.recv(1)
    assert poller.wait(0.0) == []


def test_source_whose_peer_is_gone_is_told_of(poller: Poller[str], pairs: Pairs) -> None:
    ours, theirs = pairs[0]
    poller.register(ours.fileno(), "a")
    theirs.close()
    ((source, mask),) = poller.wait(LIMIT)
    assert source == "a"
    assert mask & READ


def test_room_for_bytes_is_told_of_only_while_it_is_watched(
    poller: Poller[str], pairs: Pairs
) -> None:
    ours, theirs = pairs[0]
    poller.register(ours.fileno(), "a")
    poller.watch_writes(ours.fileno(), watched=True)
    assert poller.wait(LIMIT) == [("a", WRITE)]
    theirs.send(b"x")
    assert poller.wait(LIMIT) == [("a", READ | WRITE)]
    poller.watch_writes(ours.fileno(), watched=False)
    assert poller.wait(LIMIT) == [("a", READ)]


def test_source_that_was_unregistered_is_told_of_no_more(poller: Poller[str], pairs: Pairs) -> None:
    ours, theirs = pairs[0]
    poller.register(ours.fileno(), "a")
    theirs.send(b"x")
    poller.unregister(ours.fileno())
    assert poller.wait(0.0) == []
    poller.register(ours.fileno(), "again")
    assert poller.wait(LIMIT) == [("again", READ)]


def test_descriptor_that_is_not_registered_cannot_be_unregistered(poller: Poller[str]) -> None:
    with pytest.raises(KeyError):
        poller.unregister(0)


def test_source_that_was_unregistered_while_the_kernel_answered_is_not_told_of(
    poller: Poller[str], pairs: Pairs
) -> None:
    class Kernel:
        """Answers with two descriptors, of which one has gone meanwhile."""

        def poll(self, _: float) -> list[tuple[int, int]]:
            poller._sources.pop(pairs[0][0].fileno())
            return [(pair[0].fileno(), READ) for pair in pairs[:2]]

        def close(self) -> None:
            """Nothing is open."""

    for name, (ours, _) in zip("ab", pairs[:2], strict=True):
        poller.register(ours.fileno(), name)
    usual, poller._poll = poller._poll, Kernel()
    assert poller.wait(LIMIT) == [("b", READ)]
    poller._poll = usual


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs epoll")
def test_poller_that_is_shared_can_be_waited_for_like_a_descriptor(pairs: Pairs) -> None:
    ears: Poller[str] = Poller()
    poller: Poller[str] = Poller()
    ears.register(pairs[0][0].fileno(), "a")
    poller.register(ears.fileno(), "ears")
    assert poller.wait(0.0) == []
    pairs[0][1].send(b"x")
    assert poller.wait(LIMIT) == [("ears", READ)]
    assert ears.wait(0.0) == [("a", READ)]
    ears.close()
    poller.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs epoll")
def test_closed_poller_has_no_descriptor_of_its_own() -> None:
    poller: Poller[str] = Poller()
    descriptor = poller.fileno()
    poller.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
