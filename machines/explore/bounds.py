"""The bounds of a complete search: what there is of everything, and what clients may wish."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

from machines import trace
from machines.checks import whole
from machines.setting import Setting

_MOST: Final = 9
DEADLINE_S: Final = 1.0
GRACE_S: Final = 1.0


@frozen
class Bounds:
    """What one search goes through: every schedule of at most so much of everything.

    Within the bounds there is no limit to deliveries, receives, gates that open and waits: a run
    goes on until nothing is left to happen. Names are not counted twice: of several tasks,
    workers or sessions that nothing distinguishes, one is tried.

    In: the submits below, for each open session and for none; sessions opened, reopened and
    closed; every unresolved task cancelled, or killed; shutdown, plainly, with what waits
    cancelled, and with a bounded grace; every fault of `trace.FAULTS` in every sort, on every
    worker, at every moment; the clock, which goes on to the next timer.

    Out, unless `overtakes` is raised: timers that go off while a frame is on its way or a gate may
    open; so the deadline of a task that runs, and a start that takes too long.

    Out: crashes between two effects of one turn (`poolcheck`'s crash points go through those);
    cancelling or killing what is resolved; a session number used again after its session ended;
    tasks that are sent ahead (`prefetch`), health checks by the clock and random back-offs, which
    the setting must not ask for.

    Attributes:
        workers: the pool's size.
        sessions: so many are opened.
        tasks: so many are submitted.
        faults: so many happen.
        asks: so often clients cancel, kill, reopen, close or shut down; a pool in which nothing
            is left to happen may always be shut down, once.
        overtakes: so often the clock goes on to the next timer while something else could happen
            first; when nothing else can, it always may.
        submits: what an anonymous task may be like.
        session_submits: the same of a session's; its session does not matter.
        shutdowns: how clients shut down.
        setting: the rest of the configuration; its size is `workers`.
    """

    workers: int = field(default=2, validator=whole(1, _MOST))
    sessions: int = field(default=2, validator=whole(0, _MOST))
    tasks: int = field(default=3, validator=whole(0, _MOST))
    faults: int = field(default=1, validator=whole(0, _MOST))
    asks: int = field(default=1, validator=whole(0, _MOST))
    overtakes: int = field(default=0, validator=whole(0, _MOST))
    submits: tuple[trace.Submit, ...] = (
        trace.Submit(0),
        trace.Submit(0, deadline=DEADLINE_S, retries=1),
    )
    session_submits: tuple[trace.Submit, ...] = (trace.Submit(0),)
    shutdowns: tuple[trace.Shutdown, ...] = (
        trace.Shutdown(),
        trace.Shutdown(cancel_waiting=True, grace=GRACE_S),
    )
    setting: Setting = field(factory=Setting, validator=validators.instance_of(Setting))

    def __attrs_post_init__(self) -> None:
        setting = self.setting
        for name, bad in (
            ("prefetch", setting.prefetch),
            ("health_interval", setting.health_interval),
            ("backoff", setting.backoff == "decorrelated"),
        ):
            if bad:
                asked = getattr(setting, name)
                raise ValueError(f"the complete search cannot keep {name}={asked}: leave it unset")
