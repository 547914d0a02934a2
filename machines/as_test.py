"""As a test: a counterexample as a self-contained pytest function that uses the public API alone.

Nothing outside of a pool can hold a frame back, so the test is of the trace's natural run (see
`natural.py`): clients and faults in the trace's order, each once all has come to rest. If the
public API cannot make one of them, or if what it shows is the same with the bug and without it,
that is said, in one line.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.drivers import Layer
from machines.gate import Start
from machines.natural import natural
from machines.parts import POOL, Parts
from machines.trace import Way
from model.promises import PROMISES, WORDS
from pool import PoolConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from machines.counterexample import Counterexample
    from machines.natural import Act, Natural, View
    from machines.trace import Command

SECONDS_MAX: Final = 20.0
# A timer that is due sooner than this may fire while the test is still at something else.
SECONDS_MIN: Final = 0.9
_TEMPLATE: Final = Path(__file__).with_suffix(".template")
_WORKS: Final = {
    "echo": 'lambda task: ["echo", task]',
    "fail": 'lambda task: int("no number")',
    "leave": "lambda task: sys.exit(task)",
    "exhaust": "lambda task: bytearray(1 << 62)",
    "starve": "lambda task: throw(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))",
    "interrupt": "lambda task: throw(KeyboardInterrupt(task))",
    "unpicklable": "lambda task: threading.Lock()",
    "stick": "lambda task: threading.Event().wait()",
}
_ENDINGS: Final = {
    "cancelled": "cancelled",
    "killed": "TaskCancelled",
    "timeout": "TaskTimeout",
    "lost": "WorkerLost",
    "session_lost": "SessionLost",
    "shutdown": "PoolShutdown",
    "broken": "PoolBroken",
    "saturated": "PoolSaturated",
}
_RAISED: Final = (
    "ValueError",
    "SystemExit",
    "MemoryError",
    "OSError",
    "KeyboardInterrupt",
    "PayloadError",
)
_STARTS: Final = (Start.RAISES, Start.EXITS, Start.HANGS)
# What of the configuration is the machines' own, not the trace's.
_OWN: Final = ("frame_bytes_max", "fallback", "grace", "init_timeout")


class CannotBeTest(ValueError):
    """The public API cannot show it; the message is one line that says why."""


def as_test(example: Counterexample, file: str, parts: Parts = POOL) -> str:
    """The text of a test is returned that fails where the bug is, and passes where it is not.

    Args:
        example: the counterexample.
        file: where it was saved.
        parts: the pool with the bug that the file was saved for; the pool itself if it has it.

    Raises:
        CannotBeTest: there is no such test.
    """
    known = Layer(example.origin.get("layer", "sim"))
    for at, step in enumerate(example.steps):
        _demand_public(at, step)
    _demand(not example.setting.fallback, "hold a task back that the fallback executor has")
    for name in ("health_interval", "age_max", "session_ttl"):
        period = getattr(example.setting, name)
        _demand(period is None or period >= SECONDS_MIN, f"be as quick as {name} demands")
    right = natural(example.trace, POOL, known)
    until = None
    if parts == POOL:  # of a bug that the pool has today nobody knows what would be right
        judged = natural(example.trace, POOL, known, promises=PROMISES)
        until, differs = judged.broken_at, judged.broken_at is not None
    else:
        differs = _shown(natural(example.trace, parts, known)) != _shown(right)
    words = "show the bug: what is seen from outside is the same without it"
    _demand(differs, f"{words} when nothing is held back")
    _demand(right.ended_at <= SECONDS_MAX, f"wait for {right.ended_at:g} s to pass")
    return _text(example, file, right, until)


def _demand(possible: bool, what: str) -> None:
    if not possible:
        raise CannotBeTest(f"the public API cannot {what}")


def _shown(run: Natural) -> Any:
    return run.first, [(act.command, act.view) for act in run.acts], run.outcomes


def _demand_public(at: int, step: Command) -> None:
    """Somebody outside of the pool can do this."""
    where = f" (step {at + 1})"
    if isinstance(step, trace.Mangle | trace.Garble):
        _demand(False, f"damage a frame{where}")
    if isinstance(step, trace.Crash):
        _demand(not (step.after or step.half), f"kill a worker within an effect{where}")
    if isinstance(step, trace.Exit):
        _demand(step.how is not Way.READING, f"kill a worker that is reading{where}")
    _demand(not isinstance(step, trace.Jump), f"make timers late{where}")
    _demand(not isinstance(step, trace.Swell), f"foresee how much memory a worker takes{where}")
    if isinstance(step, trace.NextStart):
        _demand(step.how in _STARTS, f"have a process refused{where}")
    if isinstance(step, trace.Submit):
        _demand(step.operation in _WORKS, f"foresee what comes of {step.operation!r}{where}")
        _demand(step.deadline is None or step.deadline >= SECONDS_MIN, f"be so quick{where}")


class _Writer:
    """Writes the test's body, act by act."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._workers: set[int] = set()
        self._sessions: set[int] = set()
        self._seen: dict[str, Any] = {}
        self._placed: Mapping[int, int] = {}
        self._write: dict[type, Callable[[Any], Iterator[str]]] = {
            trace.Submit: self._submit,
            trace.OpenSession: self._open_session,
            trace.Reopen: self._reopen,
            trace.CloseSession: self._close_session,
            trace.Shutdown: self._shutdown,
            trace.Cancel: lambda it: iter([f"it.cancel({it.task})"]),
            trace.Kill: lambda it: iter([f"it.kill({it.task})"]),
            trace.Open: lambda it: iter([f"it.open({it.task})"]),
            trace.Advance: lambda it: iter([f"# {it.seconds:g} s pass"]),
            trace.NextStart: lambda it: iter([f"it.next_start({it.how.value!r})"]),
            trace.Crash: lambda it: self._signal(it.worker, "SIGKILL"),
            trace.Stop: lambda it: self._signal(it.worker, "SIGSTOP"),
            trace.Continue: lambda it: self._signal(it.worker, "SIGCONT"),
            trace.Exit: self._exit,
        }

    def sees(self, view: View) -> None:
        """What must be seen now, as far as it is new."""
        shown = {
            **attrs.asdict(view),
            "starts": list(view.starts),
            "outcomes": _outcomes(view.outcomes),
        }
        new = {key: value for key, value in shown.items() if self._seen.get(key) != value}
        self._seen = shown
        if new:
            self.lines.append(f"it.sees({', '.join(f'{k}={v!r}' for k, v in new.items())})")

    def act(self, act: Act) -> None:
        """What is done."""
        self.lines += self._write[type(act.command)](act.command)
        self._placed = act.placed

    def _submit(self, it: trace.Submit) -> Iterator[str]:
        words = [str(it.task)]
        if it.operation != "echo":
            words.append(repr(it.operation))
        words += [f"deadline={it.deadline}"] if it.deadline is not None else []
        words += [f"retries={it.retries}"] if it.retries else []
        if it.session is not None:
            _demand(it.session in self._sessions, "submit to a session that was never opened")
            words.append(f"session={it.session}")
        yield f"it.submit({', '.join(words)})"

    def _open_session(self, it: Any) -> Iterator[str]:
        self._sessions.add(it.session)
        yield f"it.session({it.session})"

    def _reopen(self, it: trace.Reopen) -> Iterator[str]:
        if it.session not in self._sessions:
            yield from self._open_session(it)
        yield f"it.reopen({it.session})"

    def _close_session(self, it: trace.CloseSession) -> Iterator[str]:
        if it.session in self._sessions:
            yield f"it.sessions[{it.session}].close()"

    def _shutdown(self, it: trace.Shutdown) -> Iterator[str]:
        words = ["wait=False", *(["cancel_futures=True"] if it.cancel_waiting else [])]
        words += [f"grace={it.grace}"] if it.grace is not None else []
        yield f"it.pool.shutdown({', '.join(words)})"

    def _signal(self, worker: int, name: str) -> Iterator[str]:
        """A worker's process is found by what ran there, or is one where nothing did."""
        if worker in self._placed:
            yield f"worker_{worker} = it.pids[{self._placed[worker]}]"
        elif worker not in self._workers:
            yield f"worker_{worker} = it.idle_worker()"
        self._workers.add(worker)
        yield f"os.kill(worker_{worker}, signal.{name})"

    def _exit(self, it: trace.Exit) -> Iterator[str]:
        if it.how is Way.TERMINATED:
            return self._signal(it.worker, "SIGTERM")
        return iter([f'it.open({self._placed[it.worker]}, "exit")'])


def _outcomes(outcomes: Mapping[int, tuple[str, Any]]) -> dict[int, tuple[Any, ...]]:
    """How tasks ended, as a client sees it: the error's class, or the value."""
    told: dict[int, tuple[Any, ...]] = {}
    for task, (ending, value) in outcomes.items():
        if ending == "returned":
            told[task] = (ending, value)
        elif ending == "raised":
            told[task] = (value[0],)
        else:
            told[task] = (_ENDINGS[value if ending == "refused" else ending],)
    return told


def _text(example: Counterexample, file: str, run: Natural, until: int | None) -> str:
    """The whole text; what comes after the act `until` is not foreseen, for there is the bug."""
    writer = _Writer()
    writer.sees(run.first)
    for at, act in enumerate(run.acts):
        writer.act(act)
        if until is None or at < until:
            writer.sees(act.view)
    ending = "it.ends()"
    writer.lines.append(
        f"assert {ending} == {_outcomes(run.outcomes)!r}" if until is None else ending
    )
    settings, names = _settings(example)
    works = {it.operation for it in example.steps if isinstance(it, trace.Submit)} | {"echo"}
    return _TEMPLATE.read_text(encoding="utf-8").format(
        title=f"{example.promise}: {WORDS[example.promise]}.",
        file=file,
        imports=", ".join(sorted({"Pool", "PoolError", *names})),
        works="\n".join(f'    "{name}": {_WORKS[name]},' for name in sorted(works)),
        errors=repr((*_ENDINGS.values(), *_RAISED)),
        name="test_" + re.sub(r"\W", "_", Path(example.name).stem).lower(),
        sentence=example.sentence.replace("\\", "").replace('"', "'"),
        settings="".join(f", {name}={words}" for name, words in settings.items()),
        body="\n".join(f"        {line}" for line in writer.lines),
    )


def _settings(example: Counterexample) -> tuple[dict[str, str], set[str]]:
    """What of the configuration is not the default, as Python says it, and the names in it."""
    config, usual, names = example.setting.config(), PoolConfig(size=1), set[str]()
    chosen = {
        it.name: _code(getattr(config, it.name), names)
        for it in attrs.fields(PoolConfig)
        if it.name not in _OWN
        and (it.name == "size" or getattr(config, it.name) != getattr(usual, it.name))
    }
    return chosen, names


def _code(value: Any, names: set[str]) -> str:
    """An expression for the value; the names that it needs are added."""
    kind: Any = type(value)
    if isinstance(value, StrEnum):
        names.add(kind.__name__)
        return f"{kind.__name__}.{value.name}"
    if attrs.has(kind):
        names.add(kind.__name__)
        usual = kind()
        parts = [it.name for it in attrs.fields(kind)]
        new = [name for name in parts if getattr(value, name) != getattr(usual, name)]
        words = ", ".join(f"{name}={_code(getattr(value, name), names)}" for name in new)
        return f"{kind.__name__}({words})"
    if isinstance(value, dict) or hasattr(value, "items"):
        pairs = [f"{_code(key, names)}: {_code(item, names)}" for key, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    return repr(value)
