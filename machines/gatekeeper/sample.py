"""The sample of planted bugs: one of each promise, which come round in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator


def sample(rotation: int) -> list[str]:
    """The names of the planted bugs whose turn it is are returned, one of each promise.

    After as many turns as the promise with most bugs has, each has had its turn.

    Args:
        rotation: the turn's number; the gate's is the number of the day unless another is given.
    """
    return sorted(names[rotation % len(names)] for names in _by_promise().values())


def turns() -> int:
    """After so many turns each planted bug has had its own."""
    return max(map(len, _by_promise().values()))


def _by_promise() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for promise, name in _pairs():
        found.setdefault(promise, []).append(name)
    return found


def _pairs() -> Iterator[tuple[str, str]]:
    yield from sorted((mutant.promise, mutant.name) for mutant in MUTANTS)
