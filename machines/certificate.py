"""The certificate: what was tried to make a counterexample smaller, all of it in vain."""

from __future__ import annotations

from attrs import field, frozen

from machines.checks import Hexadecimal, one_of
from model.promises import WORDS


@frozen
class Certificate:
    """The trace shrinker's word that a trace is minimal.

    Attributes:
        layer: where each candidate ran.
        promise: what each of them was to break.
        trace: of which trace this is said: the beginning of the SHA-256 of its text.
        tried: for each kind of removal or simplification those that were tried; none of them kept
            the violation.
    """

    layer: str = field(validator=one_of(("sim", "wire")))
    promise: str = field(validator=one_of(WORDS))
    trace: str = field(validator=Hexadecimal(16))
    tried: dict[str, tuple[str, ...]] = field(factory=dict)
