"""The promise about the clock: what is due at a time happens then, neither before nor after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from model import history as saw
from model.checker import Checker, Watches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Times that are sums of others may differ by so many seconds.
NEGLIGIBLE_S: Final = 1e-6
_AT_HAND = ("ready", "degraded")
_STOPPED = ("recycle", "shutdown")
_HAS_ITS_TIME = ("init_timeout", "health_check_failed", "health_check_limit", "recycle")


class _Person:
    """What is known of one worker: its state, since when, and what it owes.

    Attributes:
        state: its state.
        since: when it came into that.
        because: why.
        born: when it was first ready; None before.
        owes: until when it owes the answer to a health check; None if it owes none.
        check: that check's number.
        asked: when it was last asked.
        missed: how many checks in a row it has not answered in time.
        missed_at: when it missed the last of them.
        served: how many tasks it has answered.
        sessions: those that live on it.
        bloated: whether it has said that it is over its memory limit.
        lives: whether its process does.

    Args:
        at: when it was asked for.
    """

    def __init__(self, at: float) -> None:
        self.state = "initializing"
        self.since = at
        self.because = ""
        self.born: float | None = None
        self.owes: float | None = None
        self.check = 0
        self.asked = -1.0
        self.missed = 0
        self.missed_at = -1.0
        self.served = 0
        self.sessions: set[int] = set()
        self.bloated = self.lives = False

    def misses(self, at: float) -> bool:
        """Whether it misses a health check at this time; it is counted once."""
        if self.owes is not None and at >= self.owes - NEGLIGIBLE_S:
            self.owes = None
            self.missed += 1
            self.missed_at = at
        return self.missed_at == at

    def late(self, config: saw.Configured, grace: float, at: float) -> Iterator[str]:
        """What should have become of it by now."""
        gone = at - self.since - NEGLIGIBLE_S
        limit = config.init_timeout
        if self.state == "initializing" and limit is not None and gone > limit:
            yield f"has been starting since {self.since:g} s"
        told = self.state == "terminating" and self.because in _STOPPED
        if told and gone > grace and self.lives:
            yield f"was told to stop at {self.since:g} s, and lives"
        if self.owes is not None and at > self.owes + NEGLIGIBLE_S:
            owed = self.owes
            self.misses(at)
            if self.state == "ready":
                yield f"owed an answer by {owed:g} s, and is ready"
            elif self.missed >= config.health_failures_max:
                yield f"has missed {self.missed} health checks in a row, and is kept"
        if self.state == "ready" and not self.sessions:
            yield from self._worn(config, at)

    def _worn(self, config: saw.Configured, at: float) -> Iterator[str]:
        if config.tasks_max is not None and self.served >= config.tasks_max:
            yield f"has served {self.served} tasks, and is kept"
        if self.old(config, at - NEGLIGIBLE_S):
            yield f"was ready at {self.born:g} s first, and is kept"

    def old(self, config: saw.Configured, at: float) -> bool:
        """Whether it has lived so long that it is to be recycled."""
        if self.born is None or config.age_max is None:
            return False
        return at > self.born + config.age_max

    def unasked(self, tick: float) -> bool:
        """Whether it should have been asked at this time whether it is well, and was not."""
        there = self.state in _AT_HAND and self.since < tick - NEGLIGIBLE_S
        return there and self.owes is None and self.asked < tick - NEGLIGIBLE_S


class OnTime(Checker):
    """S17: starts, checks, sessions, ages and the breaker go by the clock.

    The time of a record is that of the `Told` which follows it; so a turn's records are kept
    until then. Several timers may be due at one time, in any order: what is due is missed only if
    time has gone on. A pool that was not run for a while is not judged any more: all is late then.
    """

    promise = "S17"
    words = (
        "what is due by the clock happens then, neither before nor after: a start's time is over, "
        "a health check is asked or missed, a session expires, a worker is recycled, the breaker "
        "cools, a worker that does not stop is killed, what a shutdown does not wait for is ended"
    )

    def __init__(self) -> None:
        super().__init__()
        self._config: saw.Configured | None = None
        self._opened: saw.Opened | None = None
        self._turn: list[saw.Record] = []
        self._at = -1.0
        self._workers: dict[int, _Person] = {}
        self._idle_since: dict[int, float] = {}
        self._fresh: set[int] = set()
        self._pending: dict[int, set[int]] = {}
        self._session_of: dict[int, int] = {}
        self._placing: set[int] = set()
        self._home: dict[int, int] = {}
        self._openings = 0
        self._opened_at: float | None = None
        self._grace_until: float | None = None
        self._tick = 1
        self._takers: dict[type, Callable[[Any, float], str | None]] = {
            saw.StartAsked: self._start_asked,
            saw.Moved: self._moved,
            saw.Bloated: self._bloated,
            saw.Launched: self._launched,
            saw.Died: self._died,
            saw.CheckAsked: self._check_asked,
            saw.CheckAnswered: self._check_answered,
            saw.SessionAsked: self._session_asked,
            saw.SessionRefused: self._session_refused,
            saw.SessionMoved: self._session_moved,
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Resolved: self._resolved,
            saw.ShutdownAsked: self._shutdown_asked,
            saw.BreakerMoved: self._breaker_moved,
            saw.Broke: self._broke,
            saw.Closed: self._closed,
        }

    def watches(self) -> Watches:
        return {
            saw.Opened: self._open,
            saw.Configured: self._configured,
            saw.Overslept: self._overslept,
            **dict.fromkeys(self._takers, self._turn.append),
            saw.Told: self._told,
        }

    def _open(self, record: saw.Opened) -> None:
        self._opened = record

    def _configured(self, record: saw.Configured) -> None:
        self._config = record

    def _overslept(self, _: saw.Overslept) -> None:
        self._config = None

    def _told(self, record: saw.Told) -> str | None:
        if record.at == self._at and not self._turn:
            return None  # nothing has happened, and no time has passed
        self._at = record.at
        early = None
        if self._config is not None and self._opened is not None:
            for kept in self._turn:
                early = early or self._takers[type(kept)](kept, record.at)
        self._turn.clear()
        self._fresh.clear()
        if self._config is None or self._opened is None:
            return None
        sentence = early or next(self._late(self._config, self._opened, record.at), None)
        return None if sentence is None else f"at {record.at:g} s {sentence}"

    # What happened, and whether it was too early for it.

    def _start_asked(self, record: saw.StartAsked, at: float) -> None:
        self._workers[record.worker] = _Person(at)

    def _launched(self, record: saw.Launched, _: float) -> None:
        if record.worker in self._workers:
            self._workers[record.worker].lives = True

    def _died(self, record: saw.Died, _: float) -> None:
        if record.worker in self._workers:
            self._workers[record.worker].lives = False

    def _bloated(self, record: saw.Bloated, _: float) -> None:
        if record.worker in self._workers:
            self._workers[record.worker].bloated = True

    def _moved(self, record: saw.Moved, at: float) -> str | None:
        person = self._workers.get(record.worker)
        if person is None:
            return None
        sentence = self._too_soon(record, person, at)
        person.state, person.since, person.because = record.after, at, record.because
        if record.because == "init_complete":
            person.born = at
        if record.before == "busy" and record.after != "terminating":
            person.served += 1
        if record.after in ("busy", "terminating"):
            person.owes = None
        if record.after == "terminated":
            del self._workers[record.worker]
        return sentence

    def _too_soon(self, record: saw.Moved, person: _Person, at: float) -> str | None:
        config, who = self._config, f"worker {record.worker}"
        if config is None or record.because not in _HAS_ITS_TIME:
            return None
        if record.because == "init_timeout":
            due = person.since + (config.init_timeout or 0.0)
            return f"{who} was given up, though it may start until {due:g} s" if at < due else None
        if record.because in ("health_check_failed", "health_check_limit"):
            if not person.misses(at):
                return f"{who} was said to have missed a health check, and had not"
            if record.because.endswith("limit") and person.missed < config.health_failures_max:
                most = config.health_failures_max
                return f"{who} was removed for {person.missed} missed health checks; {most} are"
        if record.because == "recycle" and not self._due_for_recycling(person, at):
            return f"{who} was recycled without a reason"
        return None

    def _due_for_recycling(self, person: _Person, at: float) -> bool:
        config, opened = self._config, self._opened
        if config is None or opened is None or person.bloated:
            return True
        if config.tasks_max is not None and person.served >= config.tasks_max:
            return not person.sessions
        if person.old(config, at + NEGLIGIBLE_S):
            return not person.sessions
        idle_until = person.since + config.overflow_idle - NEGLIGIBLE_S
        idle = person.state == "ready" and at >= idle_until
        return opened.max_overflow > 0 and idle and len(self._workers) > opened.size

    def _check_asked(self, record: saw.CheckAsked, at: float) -> str | None:
        person, config = self._workers.get(record.worker), self._config
        if person is None or config is None:
            return None
        missed = person.misses(at)
        interval = config.health_interval
        suspected = person.because == "recovery_degrade" and person.since == at
        on_tick = interval is not None and abs(at - round(at / interval) * interval) < NEGLIGIBLE_S
        person.owes, person.check, person.asked = at + config.health_timeout, record.check, at
        if suspected or on_tick or (interval is None and missed):
            return None
        return f"worker {record.worker} was asked whether it is well, though nothing called for it"

    def _check_answered(self, record: saw.CheckAnswered, at: float) -> None:
        person = self._workers.get(record.worker)
        if person is None:
            return
        person.misses(at)  # an answer that is heard at that very time is too late
        if person.owes is not None and person.check == record.check:
            person.owes = None
            person.missed = 0

    def _session_asked(self, record: saw.SessionAsked, at: float) -> None:
        known = record.session in self._idle_since or record.session in self._pending
        if record.wish != "close" and not known:
            self._fresh.add(record.session)
            self._idle_since[record.session] = at

    def _session_refused(self, record: saw.SessionRefused, _: float) -> None:
        if record.session in self._fresh:
            del self._idle_since[record.session]

    def _session_moved(self, record: saw.SessionMoved, at: float) -> str | None:
        session, config = record.session, self._config
        since = self._idle_since.get(session)
        if record.because == "first_task":
            self._placing.add(session)
        elif record.because == "reopened":
            self._idle_since[session] = at
        if record.because == "worker_lost" or record.after == "closed":
            self._leave_home(session)
        if record.after == "closed":
            self._idle_since.pop(session, None)
        if record.because != "expired" or config is None:
            return None
        due = None if since is None else since + (config.session_ttl or 0.0)
        if due is None or at < due - NEGLIGIBLE_S:
            return f"session {session} expired, though it was not to before {due} s"
        return None

    def _leave_home(self, session: int) -> None:
        home = self._home.pop(session, None)
        if home in self._workers:
            self._workers[home].sessions.discard(session)

    def _submitted(self, record: saw.Submitted, _: float) -> None:
        if record.session is not None:
            self._session_of[record.task] = record.session
            self._pending.setdefault(record.session, set()).add(record.task)
            self._idle_since.pop(record.session, None)

    def _assigned(self, record: saw.Assigned, _: float) -> None:
        session = self._session_of.get(record.task)
        if session in self._placing and record.worker in self._workers:
            self._placing.discard(session)
            self._home[session] = record.worker
            self._workers[record.worker].sessions.add(session)

    def _shutdown_asked(self, record: saw.ShutdownAsked, at: float) -> None:
        if record.grace is not None:
            until = self._grace_until
            ends = at + record.grace
            self._grace_until = ends if until is None else min(until, ends)

    def _resolved(self, record: saw.Resolved, at: float) -> str | None:
        session = self._session_of.pop(record.task, None)
        if session is not None:
            self._pending[session].discard(record.task)
            if not self._pending[session]:
                del self._pending[session]
                self._idle_since[session] = at
        until = self._grace_until
        if record.ending == "shutdown" and (until is None or at < until - NEGLIGIBLE_S):
            return f"task {record.task} was ended by the shutdown, whose grace is until {until} s"
        return None

    def _breaker_moved(self, record: saw.BreakerMoved, at: float) -> str | None:
        if record.after == "open":
            self._openings += 1
            self._opened_at = at
            return None
        opened_at, self._opened_at = self._opened_at, None
        if record.after == "closed":
            self._openings = 0
        if record.because != "cooled" or opened_at is None:
            return None
        if any(abs(at - opened_at - wait) < NEGLIGIBLE_S for wait in self._cooldowns()):
            return None
        right = " or ".join(f"{wait:g}" for wait in self._cooldowns())
        return f"the breaker cooled after {at - opened_at:g} s; right is {right} s"

    def _broke(self, _: saw.Broke, __: float) -> str | None:
        self._opened_at = None  # it never cools
        if self._config is None or self._openings > self._config.openings_max:
            return None
        may = self._config.openings_max
        return f"the pool broke when its breaker had opened {self._openings} times; {may} it may"

    def _closed(self, _: saw.Closed, __: float) -> None:
        """Nothing is due any more."""
        self._opened_at = None
        self._openings = 0
        self._workers.clear()
        self._idle_since.clear()

    def _cooldowns(self) -> list[float]:
        """For how long it may be open: each opening in a row doubles that, unless it was killed."""
        config, doublings = self._config, range(max(1, self._openings))
        known = () if config is None else ((config.cooldown, config.cooldown_max),)
        return [min(most, first * 2**times) for first, most in known for times in doublings]

    # What has not happened, though it was due.

    def _late(self, config: saw.Configured, opened: saw.Opened, at: float) -> Iterator[str]:
        for number, person in self._workers.items():
            for words in person.late(config, opened.grace, at):
                yield f"worker {number} {words}"
        if config.session_ttl is not None:
            for session, since in self._idle_since.items():
                if at > since + config.session_ttl + NEGLIGIBLE_S:
                    yield f"session {session} has had no task since {since:g} s, and lives"
        if self._openings > max(config.openings_max, config.killings_max) and self._opened_at:
            yield f"the breaker has opened {self._openings} times in a row, and may cool"
        if self._opened_at is not None and at > self._opened_at + max(self._cooldowns()):
            yield f"the breaker is open since {self._opened_at:g} s"
        interval = config.health_interval
        while interval is not None and at > self._tick * interval + NEGLIGIBLE_S:
            tick, self._tick = self._tick * interval, self._tick + 1
            for number, person in self._workers.items():
                if person.unasked(tick):
                    yield f"worker {number} was not asked at {tick:g} s whether it is well"
