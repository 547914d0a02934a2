"""Forks: children let go of what they are told to, and none is forked at a bad moment."""

from __future__ import annotations

import gc
import os
import threading

import pytest

from pool import forks

pytestmark = pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")

LIMIT = 30.0


class Holder:
    """Writes into a pipe what it is told, and where."""

    def __init__(self, tell: int, word: bytes) -> None:
        self.tell = tell
        self.word = word
        self.told_in = 0
        forks.tell_children(self)

    def forked(self) -> None:
        self.told_in = os.getpid()
        os.write(self.tell, self.word)


def words_of_a_child() -> tuple[bytes, Holder]:
    """What the holders wrote in a child, each once, and one that still lives here."""
    told, tell = os.pipe()
    kept = Holder(tell, b"kept")
    Holder(tell, b"dropped")
    gc.collect()
    if os.fork() == 0:
        if os.fork() != 0:
            os.wait()
        os._exit(0)
    os.close(tell)
    os.wait()
    words = b""
    while some := os.read(told, 100):
        words += some
    os.close(told)
    return words, kept


def test_child_tells_each_holder_that_lives_and_its_own_child_tells_nobody() -> None:
    words, kept = words_of_a_child()
    assert words == b"kept"
    assert kept.told_in == 0  # nobody was told in this process


def test_no_other_thread_forks_while_that_is_barred() -> None:
    about, forked = threading.Event(), threading.Event()

    def fork() -> None:
        about.set()
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        forked.set()

    thread = threading.Thread(target=fork)
    with forks.barred():
        thread.start()
        assert about.wait(LIMIT)
        assert not forked.wait(0.1)
    assert forked.wait(LIMIT)
    thread.join(LIMIT)


def test_child_may_bar_and_fork_as_its_parent_may() -> None:
    child = os.fork()
    if child == 0:
        with forks.barred():
            pass
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(7)
        os._exit(os.waitpid(grandchild, 0)[1] >> 8)
    assert os.waitpid(child, 0)[1] >> 8 == 7


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_holder_that_raises_keeps_no_other_from_being_told() -> None:
    told, tell = os.pipe()
    holders = [Holder(tell, b"x") for _ in range(5)]
    for holder in holders[1:4]:
        holder.tell = -1
    child = os.fork()
    if child == 0:
        with forks.barred():
            os._exit(0)
    os.close(tell)
    assert os.waitpid(child, 0) == (child, 0)
    assert os.read(told, 100) == b"xx"
    os.close(told)
