"""The visited set: the fingerprint of every state that was found, 16 bytes each, in memory.

Sorted runs that are merged when they grow alike, so a look-up is a few binary searches, and many
at once are one call of numpy. A set of Python's own would take 98 bytes for each, a set of whole
numbers 82; with a wave's worth of work in hand this takes 16, and as much again while its largest
runs merge.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from numpy.typing import NDArray

    from machines.explore.step import Space

    # A third of a name is enough: of bytes of one width numpy's text knows only what they are.
    Prints = NDArray[np.bytes_]

WIDTH: Final = 16
# So many bytes of a fingerprint say which process has the state.
HOME: Final = 4
KIND: Final[Any] = np.dtype(f"S{WIDTH}")


def fingerprint(packed: bytes) -> bytes:
    """The 128 bits by which a packed state, or a part of one, is known."""
    return blake2b(packed, digest_size=WIDTH).digest()


def print_of(space: Space, state: Hashable) -> bytes:
    """The fingerprint of a state of this space: its own, if it makes them faster; else of all."""
    own: Callable[[Hashable], bytes] | None = getattr(space, "print", None)
    return fingerprint(space.pack(state)) if own is None else own(state)


def prints(joined: bytes) -> Prints:
    """Fingerprints that stand one after the other, as an array over the same bytes."""
    return np.frombuffer(joined, KIND)


def inside(sorted_run: Prints, wanted: Prints) -> NDArray[np.bool_]:
    """Which of the wanted fingerprints stand in the sorted run."""
    if not len(sorted_run):
        return np.zeros(len(wanted), np.bool_)
    at = np.searchsorted(sorted_run, wanted)
    at[at == len(sorted_run)] = 0
    found: NDArray[np.bool_] = sorted_run[at] == wanted
    return found


class Visited:
    """A set of fingerprints that only grows."""

    def __init__(self) -> None:
        self._runs: list[Prints] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def unseen(self, wanted: Prints) -> NDArray[np.bool_]:
        """Which of these are not in the set."""
        new = np.ones(len(wanted), np.bool_)
        for run in self._runs:
            new &= ~inside(run, wanted)
        return new

    def add(self, fresh: Prints) -> None:
        """These, all different and none of them in the set yet, are in it."""
        if not len(fresh):
            return
        self._runs.append(np.sort(fresh))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort(kind="stable")  # of two sorted halves: linear
            self._runs.append(merged)

    @property
    def bytes(self) -> int:
        """How much memory the fingerprints take."""
        return WIDTH * len(self)

    def load(self, several: Iterable[Prints]) -> None:
        """All of these are in the set, which was empty."""
        parts = list(several)
        if parts:
            self.add(np.concatenate(parts))


def column(joined: bytes, which: int) -> Prints:
    """Of pairs of fingerprints that stand one after the other, the first or the second of each."""
    pairs = np.frombuffer(joined, np.uint8).reshape(-1, 2 * WIDTH)
    half = np.ascontiguousarray(pairs[:, which * WIDTH : (which + 1) * WIDTH])
    found: Prints = half.view(KIND).ravel()
    return found
