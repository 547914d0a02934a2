"""What tasks do on the layer `free`. Worker processes import this, so it imports little."""

from __future__ import annotations

import os
import threading

from machines.harness.waiting import wait_for


def perform(name: str, number: int, notes: str) -> tuple[int, int]:
    """The named task has run; where, and its number."""
    note(notes, number)
    if name == "fail":
        raise ValueError(f"task {number}")
    if name == "stick":
        threading.Event().wait()
    return os.getpid(), number


def perform_in(
    state: dict[str, list[int]], name: str, number: int, notes: str
) -> tuple[int, int, list[int]]:
    """The same for a session's; with the numbers of the tasks that its state has seen."""
    found = list(state.setdefault("marks", []))
    state["marks"].append(number)
    return *perform(name, number, notes), found


def meet(number: int, notes: str, party: list[int]) -> tuple[int, int]:
    """The task has run, and while it did all of its party had started."""
    note(notes, number)
    wait_for(lambda: set(party) <= set(noted(notes)))
    return os.getpid(), number


def note(path: str, number: int) -> None:
    """That this task runs here is on record."""
    record = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(record, f"{number} {os.getpid()}\n".encode())
    os.close(record)


def noted(path: str) -> dict[int, int]:
    """Where each task started last."""
    with open(path) as file:
        lines = file.read().splitlines()
    return {int(number): int(pid) for number, pid in map(str.split, lines)}
