"""The circuit breaker: between failed starts of workers and the wish for more of them.

Closed, it lets every start through. So many failures in a row open it, and nothing starts until
it has cooled; half open, it lets a few probes through. A probe that fails opens it again, for
twice as long; one that comes up closes it. When it has opened too many times in a row, it is
exhausted, and the pool is broken: never a spawn loop (S12).

A start that was killed says little about whether workers start: somebody kills processes, or the
system has no memory. It opens the breaker like any other, but not for longer each time, and the
pool bears many more of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


class BreakerState(StrEnum):
    """Whether the breaker lets starts through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerBecause(StrEnum):
    """What moved the breaker."""

    TRIPPED = "tripped"
    COOLED = "cooled"
    PROBE_FAILED = "probe_failed"
    PROBE_SUCCEEDED = "probe_succeeded"


_CLOSED, _OPEN, _HALF_OPEN = BreakerState

BREAKER: Final[Mapping[BreakerState, Mapping[BreakerBecause, BreakerState]]] = {
    _CLOSED: {BreakerBecause.TRIPPED: _OPEN},
    _OPEN: {BreakerBecause.COOLED: _HALF_OPEN},
    _HALF_OPEN: {
        BreakerBecause.PROBE_FAILED: _OPEN,
        BreakerBecause.PROBE_SUCCEEDED: _CLOSED,
    },
}


def _at_least(low: int) -> Any:
    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{attribute.name} must be a whole number, not {value!r}")
        if value < low:
            raise ValueError(f"{attribute.name} must be at least {low}, not {value}")

    return check


def _seconds(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be a number of seconds, not {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{attribute.name} must be more than 0 seconds, not {value}")


@frozen(kw_only=True)
class BreakerPolicy:
    """When the breaker opens, for how long, and when it gives up.

    Attributes:
        failures_max: so many failed starts in a row open it.
        cooldown: seconds for which it stays open the first time; each time in a row doubles them.
        cooldown_max: seconds; never longer than this.
        probes_max: how many starts it lets through at once when half open.
        openings_max: so many openings in a row, and the next breaks the pool; 0 breaks it at once.
        killings_max: the same, where those starts were ended by SIGKILL; less than `openings_max`
            is as good as that.

    Raises:
        ValueError: a value is out of its range.
        TypeError: a value is of a wrong type.
    """

    failures_max: int = field(default=3, validator=_at_least(1))
    cooldown: float = field(default=0.5, validator=_seconds)
    cooldown_max: float = field(default=30.0, validator=_seconds)
    probes_max: int = field(default=1, validator=_at_least(1))
    openings_max: int = field(default=2, validator=_at_least(0))
    killings_max: int = field(default=60, validator=_at_least(0))


class Breaker:
    """Counts failed starts and decides whether another may be tried.

    Args:
        policy: its thresholds.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.state = BreakerState.CLOSED
        self.failures = 0
        self.openings = 0
        self.killings = 0  # how many of the openings were because of a start that was killed
        self._killed = False

    @property
    def exhausted(self) -> bool:
        """Whether it has opened more often in a row than it may."""
        policy = self.policy
        if self.openings - self.killings > policy.openings_max:
            return True
        return self.openings > max(policy.openings_max, policy.killings_max)

    @property
    def cooldown(self) -> float:
        """Seconds for which it stays open this time."""
        times = max(0, self.openings - self.killings - 1)
        doubled = self.policy.cooldown * 2.0 ** min(times, 64)
        return min(self.policy.cooldown_max, doubled)

    def admits(self, starting: int) -> bool:
        """Whether another worker may start while so many are starting."""
        if self.state is BreakerState.HALF_OPEN:
            return starting < self.policy.probes_max
        return self.state is BreakerState.CLOSED

    def failed(self, *, killed: bool = False) -> BreakerBecause | None:
        """A start failed; what moves the breaker because of it is returned.

        Args:
            killed: whether somebody outside ended it.
        """
        self.failures += 1
        self._killed = killed
        if self.state is BreakerState.HALF_OPEN:
            return BreakerBecause.PROBE_FAILED
        if self.state is BreakerState.CLOSED and self.failures >= self.policy.failures_max:
            return BreakerBecause.TRIPPED
        return None  # open: a start from before it tripped

    def succeeded(self) -> BreakerBecause | None:
        """A start came up; what moves the breaker because of it is returned."""
        if self.state is BreakerState.HALF_OPEN:
            return BreakerBecause.PROBE_SUCCEEDED
        if self.state is BreakerState.CLOSED:
            self.failures = 0
        return None

    def move(self, because: BreakerBecause) -> BreakerState:
        """The row for this has fired; the state after it is returned.

        Raises:
            KeyError: the state has no row for it: a bug in the pool.
        """
        self.state = BREAKER[self.state][because]
        if self.state is BreakerState.OPEN:
            self.openings += 1
            self.killings += self._killed
        elif self.state is BreakerState.CLOSED:
            self.openings = self.killings = self.failures = 0
        return self.state
