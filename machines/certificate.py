"""The certificate: what was tried to make a counterexample smaller, all of it in vain."""

from __future__ import annotations

from attrs import field, frozen

from machines.checks import Hexadecimal, one_of
from model.promises import WORDS

TRIED_MAX = 1_000_000_000


@frozen
class Certificate:
    """The trace shrinker's word that a trace is minimal.

    Attributes:
        layer: where each candidate ran.
        promise: what each of them was to break.
        trace: of which trace this is said: the beginning of the SHA-256 of its text.
        tried: how many removals or simplifications of each kind were tried; none kept the
            violation.
        by: who says so.
        minimal: whether all that can be tried was.
    """

    layer: str = field(validator=one_of(("sim", "wire")))
    promise: str = field(validator=one_of(WORDS))
    trace: str = field(validator=Hexadecimal(16))
    tried: dict[str, int] = field(factory=dict)
    by: str = "trace shrinker"
    minimal: bool = True
