"""The trace: the language of client commands, deliveries, clock moves and faults.

A command names what it creates and what it means by logical number, never by position, so that
any other command can be cut out of a trace without changing what this one means. A command that
is impossible where it stands changes nothing. Traces are plain data: see `counterexample.py` for
their files.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import Attribute, field, frozen, validators

from machines.gate import Start
from machines.workload import OPERATIONS
from pool.breaker import BreakerPolicy
from pool.config import STRATEGIES, PoolConfig
from pool.recovery import Backoff, Category, RetryPolicy, Shape, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER_MAX: Final = 9_999
SECONDS_MAX: Final = 1e6
SECONDS_MIN: Final = 1e-3
RETRIES_MAX: Final = 100
SIZE_MAX: Final = 16
STEPS_MAX: Final = 10_000
# Added to a task's number, it gives one that no trace can name.
FOREIGN: Final = 1_000_000


class How(StrEnum):
    """What happens to a frame between a worker and the pool."""

    FLIPPED = "flipped"
    UNKNOWN = "unknown"
    OVERSIZED = "oversized"
    CUT = "cut"
    DOUBLED = "doubled"
    FOREIGN = "foreign"


def short(value: object) -> str:
    """The value as Python writes it, cut to what fits into a line of complaint."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _whole(low: int, high: int) -> Any:
    def check(_: Any, attribute: Attribute[int], value: int) -> None:
        if not low <= value <= high:
            raise ValueError(f"{attribute.name} must be {low} to {high}, not {short(value)}")

    return check


def _seconds(_: Any, attribute: Attribute[float], value: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= SECONDS_MAX):
        raise ValueError(
            f"{attribute.name} must be 0 to {SECONDS_MAX:g} seconds, not {short(value)}"
        )


def _interval(_: Any, attribute: Attribute[float], value: float) -> None:
    if not (math.isfinite(value) and SECONDS_MIN <= value <= SECONDS_MAX):
        raise ValueError(
            f"{attribute.name} must be {SECONDS_MIN:g} to {SECONDS_MAX:g} seconds, "
            f"not {short(value)}"
        )


def one_of(known: Iterable[str]) -> Any:
    """A validator is returned that accepts these words only, and names them to whoever errs."""
    words = list(known)

    def check(_: Any, attribute: Attribute[str], value: str) -> None:
        if value not in words:
            raise ValueError(
                f"{attribute.name} must be one of {', '.join(words)}, not {short(value)}"
            )

    return check


_NUMBER: Final = _whole(0, NUMBER_MAX)


@frozen
class Submit:
    """A client submits a task."""

    do: ClassVar[str] = "submit"
    task: int = field(validator=_NUMBER)
    operation: str = field(default="echo", validator=one_of(OPERATIONS))
    deadline: float | None = field(default=None, validator=validators.optional(_seconds))
    retries: int = field(default=0, validator=_whole(0, RETRIES_MAX))
    session: int | None = field(default=None, validator=validators.optional(_NUMBER))


@frozen
class OpenSession:
    """A client opens a session, or has the one that is open."""

    do: ClassVar[str] = "open_session"
    session: int = field(validator=_NUMBER)


@frozen
class Reopen:
    """A client wants a lost session again, with an empty state."""

    do: ClassVar[str] = "reopen"
    session: int = field(validator=_NUMBER)


@frozen
class CloseSession:
    """A client will submit nothing more to a session."""

    do: ClassVar[str] = "close_session"
    session: int = field(validator=_NUMBER)


@frozen
class Cancel:
    """A client cancels a task."""

    do: ClassVar[str] = "cancel"
    task: int = field(validator=_NUMBER)


@frozen
class Kill:
    """A client has a task ended, with its worker if it runs."""

    do: ClassVar[str] = "kill"
    task: int = field(validator=_NUMBER)


@frozen
class Shutdown:
    """A client shuts the pool down."""

    do: ClassVar[str] = "shutdown"
    cancel_waiting: bool = False
    grace: float | None = field(default=None, validator=validators.optional(_seconds))


@frozen
class Receive:
    """A worker takes the next frame that the pool sent it."""

    do: ClassVar[str] = "receive"
    worker: int = field(validator=_NUMBER)


@frozen
class Open:
    """The gate of a started task opens: its function ends and its worker replies."""

    do: ClassVar[str] = "open"
    task: int = field(validator=_NUMBER)


@frozen
class Deliver:
    """The pool hears the next fact from a worker: a frame, or its end."""

    do: ClassVar[str] = "deliver"
    worker: int = field(validator=_NUMBER)


@frozen
class Advance:
    """The clock moves, and the timers that are due by then fire."""

    do: ClassVar[str] = "advance"
    seconds: float = field(validator=_seconds)


@frozen
class Crash:
    """Fault: a worker's process is killed."""

    do: ClassVar[str] = "crash"
    worker: int = field(validator=_NUMBER)


@frozen
class Stop:
    """Fault: a worker's process is stopped."""

    do: ClassVar[str] = "stop"
    worker: int = field(validator=_NUMBER)


@frozen
class Continue:
    """A stopped worker's process goes on."""

    do: ClassVar[str] = "continue"
    worker: int = field(validator=_NUMBER)


@frozen
class Mangle:
    """Fault: the next frame from a worker is damaged on its way."""

    do: ClassVar[str] = "mangle"
    worker: int = field(validator=_NUMBER)
    how: How = How.FLIPPED


@frozen
class NextStart:
    """Fault: the next worker's start goes wrong."""

    do: ClassVar[str] = "next_start"
    how: Start = Start.REFUSED


Command = (
    Submit
    | OpenSession
    | Reopen
    | CloseSession
    | Cancel
    | Kill
    | Shutdown
    | Receive
    | Open
    | Deliver
    | Advance
    | Crash
    | Stop
    | Continue
    | Mangle
    | NextStart
)

COMMANDS: Final[dict[str, type[Command]]] = {
    kind.do: kind
    for kind in (
        Submit,
        OpenSession,
        Reopen,
        CloseSession,
        Cancel,
        Kill,
        Shutdown,
        Receive,
        Open,
        Deliver,
        Advance,
        Crash,
        Stop,
        Continue,
        Mangle,
        NextStart,
    )
}
FAULTS: Final = (Crash, Stop, Mangle, NextStart)


def fault_of(command: Command) -> str | None:
    """The fault's name, with its sort after a colon where it has one; None for no fault."""
    if not isinstance(command, FAULTS):
        return None
    how = getattr(command, "how", None)
    return command.do if how is None else f"{command.do}:{how.value}"


@frozen
class Setting:
    """The part of the pool's configuration that a trace chooses.

    Attributes:
        size: workers.
        queue_limit: tasks that may wait; None for no bound.
        start_failures_max: failed starts in a row until the breaker opens.
        openings_max: how often in a row it may open without the pool's being broken.
        prefetch: tasks that may be sent ahead to a worker.
        tasks_max: tasks after which a worker is recycled; None for never.
        age_max: seconds after which a worker is recycled; None for never.
        health_interval: seconds between health checks; None for none.
        session_ttl: seconds without a task after which a session is closed; None for never.
        max_overflow: how many more workers may live while tasks wait.
        lazy: whether workers start only when tasks wait for them.
        strategy: which idle worker gets the next task, `lifo` or `fifo`.
        health_failures_max: unanswered health checks in a row until a worker is removed.
        probes_max: how many starts a half-open breaker lets through at once.
        lost: what is done about an idempotent task whose worker was lost.
        backoff: how waits grow where that is `backoff_retry`.
    """

    size: int = field(default=2, validator=_whole(1, SIZE_MAX))
    queue_limit: int | None = field(
        default=None, validator=validators.optional(_whole(0, NUMBER_MAX))
    )
    start_failures_max: int = field(default=3, validator=_whole(1, 100))
    openings_max: int = field(default=0, validator=_whole(0, 100))
    prefetch: int = field(default=0, validator=_whole(0, 100))
    tasks_max: int | None = field(default=None, validator=validators.optional(_whole(1, 100)))
    age_max: float | None = field(default=None, validator=validators.optional(_interval))
    health_interval: float | None = field(default=None, validator=validators.optional(_interval))
    session_ttl: float | None = field(default=None, validator=validators.optional(_interval))
    max_overflow: int = field(default=0, validator=_whole(0, SIZE_MAX))
    lazy: bool = False
    strategy: str = field(default="lifo", validator=one_of(STRATEGIES))
    health_failures_max: int = field(default=3, validator=_whole(1, 100))
    probes_max: int = field(default=1, validator=_whole(1, 100))
    lost: str = field(default=Strategy.IMMEDIATE_RETRY.value, validator=one_of(Strategy))
    backoff: str = field(default=Shape.EXPONENTIAL.value, validator=one_of(Shape))

    def __attrs_post_init__(self) -> None:
        if self.queue_limit == 0 and (self.lazy or self.max_overflow):
            raise ValueError("queue_limit must be 1 or more with lazy or max_overflow, not 0")

    def config(self) -> PoolConfig:
        """The pool's whole configuration, with virtual seconds that the machines know."""
        return PoolConfig(
            size=self.size,
            max_overflow=self.max_overflow,
            lazy=self.lazy,
            strategy=self.strategy,
            queue_limit=self.queue_limit,
            prefetch=self.prefetch,
            tasks_max=self.tasks_max,
            age_max=self.age_max,
            health_interval=self.health_interval,
            health_failures_max=self.health_failures_max,
            session_ttl=self.session_ttl,
            retry=RetryPolicy(
                backoff=Backoff(shape=Shape(self.backoff)),
                strategies=dict.fromkeys(_OF_LOST_WORKERS, Strategy(self.lost)),
            ),
            breaker=BreakerPolicy(
                failures_max=self.start_failures_max,
                probes_max=self.probes_max,
                openings_max=self.openings_max,
                killings_max=self.openings_max,
            ),
            init_timeout=INIT_TIMEOUT_S,
            grace=GRACE_S,
            frame_bytes_max=FRAME_BYTES_MAX,
        )


_OF_LOST_WORKERS: Final = (Category.CONNECTION, Category.COMMUNICATION)
INIT_TIMEOUT_S: Final = 60.0
GRACE_S: Final = 5.0
FRAME_BYTES_MAX: Final = 1 << 22


@frozen
class Trace:
    """One run as data: a setting and the commands."""

    setting: Setting
    steps: tuple[Command, ...]
