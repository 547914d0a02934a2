"""The trace: the language of client commands, deliveries, clock moves and faults.

A command names what it creates and what it means by logical number, never by position, so that
any other command can be cut out of a trace without changing what this one means. A command that
is impossible where it stands changes nothing. Traces are plain data: see `counterexample.py` for
their files.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from attrs import field, frozen, validators

from machines.checks import one_of, seconds, whole
from machines.gate import Start
from machines.setting import Setting as Setting  # noqa: PLC0414, TC001 - part of a trace
from machines.workload import OPERATIONS

NUMBER_MAX: Final = 9_999
RETRIES_MAX: Final = 100
EFFECTS_MAX: Final = 100
STEPS_MAX: Final = 10_000
# Added to a task's number, it gives one that no trace can name.
FOREIGN: Final = 1_000_000


class How(StrEnum):
    """What happens to a frame from a worker on its way to the pool.

    `CUT` leaves half of it, `CUT_EARLY` its first byte, `CUT_LATE` all but its last. `FOREIGN`
    makes it name no task that there is, `ANOTHER` one that another worker, or none, holds.
    """

    FLIPPED = "flipped"
    UNKNOWN = "unknown"
    OVERSIZED = "oversized"
    CUT = "cut"
    DOUBLED = "doubled"
    FOREIGN = "foreign"
    ANOTHER = "another"
    CUT_EARLY = "cut_early"
    CUT_LATE = "cut_late"
    DROPPED = "dropped"
    REORDERED = "reordered"


CUTS: Final = (How.CUT, How.CUT_EARLY, How.CUT_LATE)


class Toward(StrEnum):
    """What happens to a frame from the pool on its way to a worker."""

    FLIPPED = "flipped"
    UNKNOWN = "unknown"
    OVERSIZED = "oversized"
    CUT = "cut"
    DROPPED = "dropped"


class Way(StrEnum):
    """How a worker's process ends, beside being killed where it stands.

    `CODE`: the function that runs exits with a code. `TERMINATED`: SIGTERM. `READING`: it is killed
    when it has read its next frame, and done nothing about it.
    """

    CODE = "code"
    TERMINATED = "terminated"
    READING = "reading"


class Elsewhere(StrEnum):
    """What the fallback executor does with a task."""

    RUN = "run"
    REFUSED = "refused"


_NUMBER: Final = whole(0, NUMBER_MAX)


@frozen
class Submit:
    """A client submits a task."""

    do: ClassVar[str] = "submit"
    task: int = field(validator=_NUMBER)
    operation: str = field(default="echo", validator=one_of(OPERATIONS))
    deadline: float | None = field(default=None, validator=validators.optional(seconds))
    retries: int = field(default=0, validator=whole(0, RETRIES_MAX))
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
    grace: float | None = field(default=None, validator=validators.optional(seconds))


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
    seconds: float = field(validator=seconds)


@frozen
class Divert:
    """The fallback executor runs a task that the pool gave to it, or does not."""

    do: ClassVar[str] = "divert"
    task: int = field(validator=_NUMBER)
    how: Elsewhere = Elsewhere.RUN


@frozen
class Crash:
    """Fault: a worker's process is killed.

    Attributes:
        after: so many of the effects that come next are performed first; 0 for now.
        half: whether half of the next frame to it has reached it first.
    """

    do: ClassVar[str] = "crash"
    worker: int = field(validator=_NUMBER)
    after: int = field(default=0, validator=whole(0, EFFECTS_MAX))
    half: bool = False


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
class Garble:
    """Fault: the next frame to a worker is damaged on its way."""

    do: ClassVar[str] = "garble"
    worker: int = field(validator=_NUMBER)
    how: Toward = Toward.FLIPPED


@frozen
class Exit:
    """Fault: a worker's process ends in some other way than by being killed."""

    do: ClassVar[str] = "exit"
    worker: int = field(validator=_NUMBER)
    how: Way = Way.CODE


@frozen
class Swell:
    """Fault: the function that runs on a worker takes memory beyond the limit, and keeps it."""

    do: ClassVar[str] = "swell"
    worker: int = field(validator=_NUMBER)


@frozen
class Jump:
    """Fault: nothing ran for a while, and then every timer that is due is late."""

    do: ClassVar[str] = "jump"
    seconds: float = field(validator=seconds)


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
    | Divert
    | Crash
    | Stop
    | Continue
    | Mangle
    | Garble
    | Exit
    | Swell
    | Jump
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
        Divert,
        Crash,
        Stop,
        Continue,
        Mangle,
        Garble,
        Exit,
        Swell,
        Jump,
        NextStart,
    )
}
FAULTS: Final = (Crash, Stop, Mangle, Garble, Exit, Swell, Jump, NextStart)


def fault_of(command: Command) -> str | None:
    """The fault's name, with its sort after a colon where it has one; None for no fault."""
    if not isinstance(command, FAULTS):
        return None
    how = getattr(command, "how", None)
    return command.do if how is None else f"{command.do}:{how.value}"


@frozen
class Trace:
    """One run as data: a setting and the commands."""

    setting: Setting
    steps: tuple[Command, ...]
