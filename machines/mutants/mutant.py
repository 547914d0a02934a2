"""A mutant: the pool with one bug planted in it, as a small override of one part."""

from __future__ import annotations

from attrs import field, frozen, validators

from machines.drivers.driver import Layer
from machines.parts import Parts  # noqa: TC001 - attrs resolves it
from model.promises import WORDS


@frozen
class Mutant:
    """A planted bug.

    Attributes:
        name: how it is called on the command line.
        promise: the promise that it breaks.
        words: what it does, in a clause.
        parts: the pool with the bug in it.
        layer: where it is hunted; `wire` if it is in what `sim` does not have.
        steps_max: what it must be shrunk to: eight commands, or, where no eight commands show
            it, the fewest that do.
    """

    name: str
    promise: str = field(validator=validators.in_(WORDS))
    words: str
    parts: Parts
    layer: Layer = Layer.SIM
    steps_max: int = 8
