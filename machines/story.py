"""The story: commands and what they showed, as sentences a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.gate import Start
from machines.trace import How, Toward, Way
from model import history as saw
from model.promises import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from machines.run import Report
    from machines.trace import Command, Trace

_HOW: Final = {
    How.FLIPPED: "one bit of the next frame from worker {} is flipped",
    How.UNKNOWN: "the next frame from worker {} is made one of an unknown kind",
    How.OVERSIZED: "the next frame from worker {} announces more bytes than may come",
    How.CUT: "worker {} dies half through its next frame",
    How.DOUBLED: "the next frame from worker {} comes twice",
    How.FOREIGN: "the next reply from worker {} names a task that it does not hold",
    How.ANOTHER: "the next reply from worker {} names another task",
    How.CUT_EARLY: "worker {} dies after the first byte of its next frame",
    How.CUT_LATE: "worker {} dies before the last byte of its next frame",
    How.DROPPED: "the next frame from worker {} never comes",
    How.REORDERED: "the next two frames from worker {} change places",
}

_TOWARD: Final = {
    Toward.FLIPPED: "one bit of the next frame to worker {} is flipped",
    Toward.UNKNOWN: "the next frame to worker {} is made one of an unknown kind",
    Toward.OVERSIZED: "the next frame to worker {} announces more bytes than may come",
    Toward.CUT: "the pipe to worker {} ends half through the next frame",
    Toward.DROPPED: "the next frame to worker {} never comes",
}

_WAYS: Final = {
    Way.CODE: "the function on worker {} exits with a code",
    Way.TERMINATED: "worker {} is terminated (SIGTERM)",
    Way.READING: "worker {} is killed when it has read its next frame",
}

_STARTS: Final = {
    Start.NORMAL: "the next worker starts well",
    Start.REFUSED: "the next worker's process is refused",
    Start.RAISES: "the next worker's initializer raises",
    Start.HANGS: "the next worker's initializer hangs",
    Start.EXITS: "the next worker's process exits while it starts",
}


def _submit(step: trace.Submit) -> str:
    wishes = [f"task {step.task} ({step.operation})"]
    if step.deadline is not None:
        wishes.append(f"deadline {step.deadline:g} s")
    if step.retries:
        wishes.append(f"idempotent, {step.retries} retries")
    if step.session is not None:
        wishes.append(f"to session {step.session}")
    return "a client submits " + ", ".join(wishes)


def _crash(step: trace.Crash) -> str:
    words = f"worker {step.worker} is killed (SIGKILL)"
    if step.half:
        words += ", half of its next frame in its hands"
    return words + (f", {step.after} effects from now" if step.after else "")


def _shutdown(step: trace.Shutdown) -> str:
    words = "a client shuts the pool down"
    if step.grace is not None:
        words += f" with {step.grace:g} s of grace"
    return words + (" and cancels what waits" if step.cancel_waiting else "")


_COMMANDS: Final[dict[type, Callable[[Any], str]]] = {
    trace.Submit: _submit,
    trace.OpenSession: lambda s: f"a client opens session {s.session}",
    trace.Reopen: lambda s: f"a client reopens session {s.session}",
    trace.CloseSession: lambda s: f"a client closes session {s.session}",
    trace.Cancel: lambda s: f"a client cancels task {s.task}",
    trace.Kill: lambda s: f"a client has task {s.task} killed",
    trace.Shutdown: _shutdown,
    trace.Receive: lambda s: f"worker {s.worker} takes the next frame sent to it",
    trace.Open: lambda s: f"the function of task {s.task} ends",
    trace.Deliver: lambda s: f"the pool hears the next from worker {s.worker}",
    trace.Advance: lambda s: f"{s.seconds:g} s pass",
    trace.Divert: lambda s: f"the fallback executor gets task {s.task}: {s.how}",
    trace.Crash: _crash,
    trace.Stop: lambda s: f"worker {s.worker} is stopped (SIGSTOP)",
    trace.Continue: lambda s: f"worker {s.worker} continues (SIGCONT)",
    trace.Mangle: lambda s: _HOW[s.how].format(s.worker),
    trace.Garble: lambda s: _TOWARD[s.how].format(s.worker),
    trace.Exit: lambda s: _WAYS[s.how].format(s.worker),
    trace.Swell: lambda s: f"the function on worker {s.worker} takes memory beyond the limit",
    trace.Jump: lambda s: f"nothing runs for {s.seconds:g} s",
    trace.NextStart: lambda s: _STARTS[s.how],
}


def _resolved(record: saw.Resolved) -> str:
    value = f" {record.value!r}" if record.ending in ("returned", "raised") else ""
    return f"task {record.task} resolves: {record.ending}{value}"


def _assigned(record: saw.Assigned) -> str:
    way = "sent ahead" if record.ahead else "sent"
    return f"task {record.task} is {way} to worker {record.worker}"


def _recalled(record: saw.Recalled) -> str:
    tasks = ", ".join(map(str, record.tasks)) or "nothing"
    return f"taken back from worker {record.worker}: {tasks}"


def _where(record: saw.Started | saw.Finished) -> str:
    return "elsewhere" if record.worker is None else f"on worker {record.worker}"


_RECORDS: Final[dict[type, Callable[[Any], str]]] = {
    saw.Refused: lambda r: f"task {r.task} is refused: {r.why}",
    saw.Assigned: _assigned,
    saw.Recalled: _recalled,
    saw.Started: lambda r: f"task {r.task} starts {_where(r)}",
    saw.SessionMoved: lambda r: f"session {r.session}: {r.before} → {r.after} ({r.because})",
    saw.SessionRefused: lambda r: f"session {r.session} is refused: {r.why}",
    saw.BreakerMoved: lambda r: f"breaker: {r.before} → {r.after} ({r.because})",
    saw.Diverted: lambda r: f"task {r.task} is given to the fallback executor",
    saw.FallbackRefused: lambda r: f"the fallback executor does not run task {r.task}",
    saw.Finished: lambda r: f"task {r.task} {r.ending} {r.value!r} {_where(r)}",
    saw.Resolved: _resolved,
    saw.Moved: lambda r: f"worker {r.worker}: {r.before} → {r.after} ({r.because})",
    saw.Misfit: lambda r: r.sentence,
    saw.Struck: lambda r: f"a bad frame ({r.how}) from worker {r.worker} reaches the pool",
    saw.Launched: lambda r: f"worker {r.worker}'s process starts",
    saw.Died: lambda r: f"worker {r.worker}'s process is dead",
    saw.Broke: lambda _: "the pool says that it is broken",
    saw.Closed: lambda _: "the pool says that it has ended",
    saw.LeftOver: lambda r: f"left over: {r.what}",
}


def tell(step: Command) -> str:
    """The command is returned as a clause."""
    return _COMMANDS[type(step)](step)


def showed(records: Sequence[saw.Record]) -> list[str]:
    """What a step showed is returned, a clause for each record worth one."""
    return [_RECORDS[type(record)](record) for record in records if type(record) in _RECORDS]


def story(whole: Trace, report: Report) -> list[str]:
    """The run is told line by line, up to what broke the promise."""
    lines = [f"a pool of {whole.setting.size} starts" + _limits(whole)]
    lines += [f"       {clause}" for clause in showed(report.showed[0])]
    last = len(whole.steps) if report.step is None else report.step
    for at, step in enumerate(whole.steps[: last + 1]):
        lines.append(f"  {at + 1:>2}. {tell(step)}")
        lines += [f"       {clause}" for clause in showed(report.showed[at + 1])]
    if last >= len(whole.steps):
        lines.append("   …  then faults stop, everything is delivered, and the pool is shut down")
        ending = showed(report.showed[len(whole.steps) + 1])
        lines += [f"       {clause}" for clause in ending[-6:]]
    return lines


def verdict(report: Report) -> list[str]:
    """The promise that was broken, in its own words, and the sentence that says how."""
    if report.violation is None:
        return []
    promise = report.violation.promise
    return [f"{promise} is broken: {WORDS[promise]}", f"{report.violation.sentence}"]


def _limits(whole: Trace) -> str:
    """What else of the setting was chosen, as the words say that follow the pool's size."""
    words = []
    for part in attrs.fields(type(whole.setting)):
        value = getattr(whole.setting, part.name)
        if part.name == "queue_limit" and value is not None:
            words.append(f", {value} tasks may wait")
        elif part.name != "size" and value != part.default:
            words.append(f", {part.name} {value}")
    return "".join(words)
