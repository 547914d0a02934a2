"""Shapes: how a load comes, and of what it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.suites.load.arrivals import Phase
from machines.suites.load.operations import MIXED, UNDER_FIRE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from machines.suites.load.operations import What
    from machines.suites.settings import LayerSettings

STEP_S: Final = 2.0
# A ramp doubles from an eighth of what is demanded to eight times that.
DOUBLINGS: Final = 3
# From there on each doubling is made in so many even steps, and so many doublings are tried.
STEPS: Final = 8
FINE_DOUBLINGS: Final = 3
SPIKE_S: Final = 1.0
KILL_EVERY_S: Final = 1.0


@frozen
class Shape:
    """How a load comes.

    Attributes:
        name: what it is called on the command line.
        words: what it is, in a few words.
        phases: when operations come.
        shares: percent of each kind of operation; none for no-ops alone.
        kill_every_s: seconds between two workers' deaths; None for none.
        in_full: whether it is as long as is demanded.
        until_broken: whether it ends with the first phase that the pool does not keep up with.
    """

    name: str
    words: str
    phases: tuple[Phase, ...]
    shares: Mapping[What, int] | None = None
    kill_every_s: float | None = None
    in_full: bool = True
    until_broken: bool = False


def sustained(settings: LayerSettings, seconds: float | None) -> Shape:
    """The same rate all the time."""
    rate, demanded = settings.threshold("sustained_per_s"), settings.threshold("sustained_s")
    long = demanded if seconds is None else seconds
    words = f"{rate:g} no-ops a second for {long:g} s"
    return Shape("sustained", words, (Phase("steady", long, rate),), in_full=long >= demanded)


def spike(settings: LayerSettings, seconds: float | None) -> Shape:
    """A steady rate, many times that for a second, and the steady rate again."""
    times = settings.threshold("spike_ratio")
    rate = settings.threshold("sustained_per_s")
    long = 21.0 if seconds is None else seconds
    around = max((long - SPIKE_S) / 2, SPIKE_S)
    phases = (
        Phase("before", around, rate),
        Phase("spike", SPIKE_S, times * rate),
        Phase("after", around, rate),
    )
    return Shape("spike", f"{rate:g} no-ops a second, {times:g} times that for 1 s", phases)


def mixed(settings: LayerSettings, seconds: float | None) -> Shape:
    """Reads and writes of sessions, and what takes longer."""
    rate, long = settings.threshold("sustained_per_s"), 30.0 if seconds is None else seconds
    words = f"70 % reads and 20 % writes of sessions, 10 % complex, {rate:g} a second"
    return Shape("mixed", words, (Phase("steady", long, rate),), MIXED)


def errors(settings: LayerSettings, seconds: float | None) -> Shape:
    """Operations that raise, and workers that are killed, one each second."""
    rate, long = settings.threshold("kill_per_s"), 30.0 if seconds is None else seconds
    words = f"{rate:g} a second, 10 % of which raise; a worker is killed each second"
    return Shape("errors", words, (Phase("steady", long, rate),), UNDER_FIRE, KILL_EVERY_S)


def ramp(settings: LayerSettings, seconds: float | None) -> Shape:
    """No-ops at a rate that grows step by step; it ends where the pool no longer keeps up.

    It doubles up to eight times the rate that is demanded; then eight steps double it.
    """
    demanded = settings.threshold("sustained_per_s")
    long = STEP_S if seconds is None else seconds
    rates = [demanded * 2**power for power in range(-DOUBLINGS, DOUBLINGS)]
    for power in range(DOUBLINGS, DOUBLINGS + FINE_DOUBLINGS):
        rates += [demanded * 2**power * (1 + step / STEPS) for step in range(STEPS)]
    phases = tuple(Phase(f"{rate:.0f}/s", long, rate) for rate in rates)
    return Shape(
        "ramp", f"no-ops, each {long:g} s more a second, until it breaks", phases, until_broken=True
    )


SHAPES: Final = {
    "ramp": ramp,
    "sustained": sustained,
    "spike": spike,
    "mixed": mixed,
    "errors": errors,
}
# What each lasts in the short version for the gate, together less than fifteen seconds.
QUICK_S: Final = {"sustained": 3.0, "spike": 3.0, "mixed": 2.0, "errors": 2.5}
