"""Counterexamples as files: made to be read and compared, holding data only.

One JSON object with one line for each step, as `docs/counterexample.schema.json` says. Loading
unpickles, imports and evaluates nothing of what a file says; what is malformed, too large, too deep
or of an unknown format is refused with one line that says what, where, and what would be right.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import tempfile
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen, validators

from machines import plain, schema, story, strict, upgrades
from machines.certificate import Certificate  # noqa: TC001 - its fields are read from the class
from machines.checks import Hexadecimal, one_of, short
from machines.setting import Setting  # noqa: TC001 - its fields are read from the class
from machines.trace import STEPS_MAX, Advance, Command, Jump, Trace
from model.promises import WORDS

if TYPE_CHECKING:
    from machines.run import Report

BYTES_MAX: Final = 1 << 20
ROUNDS_MAX: Final = 100_000
FOLDER: Final = Path("artifacts/counterexamples")


class CounterexampleError(ValueError):
    """A counterexample file cannot be used; the message is one line."""


class Status(StrEnum):
    """What is expected of the pool of today."""

    FIXED = "fixed"
    OPEN = "open"


class Worlds(StrEnum):
    """In which worlds a new counterexample breaks its promise.

    On both it is a bug of the pool; if the simulation alone shows it, the simulation lies; if real
    processes alone do, something leaks past the core.
    """

    BOTH = "sim and real"
    SIM = "sim only"
    REAL = "real only"


@frozen
class Counterexample:
    """A saved trace, the promise that it broke, and where it came from.

    Attributes:
        promise: the broken promise's name.
        sentence: how it was broken.
        status: `fixed` must hold now; `open` must still be found.
        step: index of the step that broke it; the number of steps if the end did.
        digest: of the event log of the run that broke it.
        setting: what of the pool's configuration was chosen.
        steps: the commands.
        showed: for each step, and for the end, what it showed; empty if nobody knows.
        world: where it was seen when it was new; None if nobody looked, or only `wire` shows it.
        certificate: that the trace is minimal; None if nobody says so.
        origin: seed, versions, commit, and the planted bug if there was one.
    """

    promise: str = field(validator=one_of(WORDS))
    sentence: str
    status: Status
    step: int
    digest: str = field(validator=Hexadecimal(64))
    setting: Setting
    steps: tuple[Command, ...] = field(validator=validators.max_len(STEPS_MAX))
    showed: tuple[tuple[str, ...], ...] = ()
    world: Worlds | None = None
    certificate: Certificate | None = None
    origin: dict[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.step <= len(self.steps):
            raise ValueError(f"step must be 0 to {len(self.steps)}, not {short(self.step)}")
        if len(self.showed) not in (0, len(self.steps) + 1):
            raise ValueError(f"showed must have {len(self.steps) + 1} entries, or none")
        self._check_rounds()

    def _check_rounds(self) -> None:
        """What comes round does so a bounded number of times, so that every replay ends."""
        passing = sum(step.seconds for step in self.steps if isinstance(step, Advance | Jump))
        for name in ("health_interval", "age_max"):
            period = getattr(self.setting, name)
            if period is not None and passing / period > ROUNDS_MAX:
                words = (
                    f"{passing:g} seconds pass, more than {ROUNDS_MAX} times {name} ({period:g})"
                )
                raise ValueError(words)

    @property
    def trace(self) -> Trace:
        """What is replayed."""
        return Trace(self.setting, self.steps)

    @property
    def name(self) -> str:
        """A file name that is the same for the same trace."""
        return f"{self.promise}-{identity(self.trace)[:8]}.json"


def identity(trace: Trace) -> str:
    """The same for the same trace, and for no other: a SHA-256 in hexadecimal."""
    steps = [plain.plain(step) for step in trace.steps]
    text = json.dumps([plain.plain(trace.setting), steps])
    return hashlib.sha256(text.encode()).hexdigest()


def new(whole: Trace, report: Report, status: Status, **origin: str) -> Counterexample:
    """The counterexample that a run's report shows is returned.

    Raises:
        ValueError: the run broke no promise.
    """
    if report.violation is None or report.step is None:
        raise ValueError("only a run that broke a promise is a counterexample")
    _, *shown, ending = (tuple(story.showed(records)) for records in report.showed)
    undone = [()] * (len(whole.steps) - len(shown))  # nothing is done once a promise is broken
    return Counterexample(
        promise=report.violation.promise,
        sentence=report.violation.sentence,
        status=status,
        step=report.step,
        digest=report.digest,
        setting=whole.setting,
        steps=whole.steps,
        showed=(*shown, *undone, ending),
        origin={**origin, **_versions()},
    )


def save(example: Counterexample, folder: Path = FOLDER) -> Path:
    """The file is written, whole or not at all; its path is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / example.name
    text = dumps(example).encode()
    handle, part = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with open(handle, "wb") as file:
            file.write(text)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
    return path


def dumps(example: Counterexample) -> str:
    """The canonical text: fixed order of keys, a line for each step."""
    steps = [plain.plain_step(step) for step in example.steps]
    tail: dict[str, Any] = {}
    if example.showed:
        *shown, ending = example.showed
        steps = [{**it, "showed": told} for it, told in zip(steps, shown, strict=True)]
        tail["ending"] = ending
    head = {
        "format": upgrades.FORMAT,
        "promise": example.promise,
        "sentence": example.sentence,
        "status": example.status.value,
        "step": example.step,
        "digest": example.digest,
    }
    if example.world is not None:
        head["world"] = example.world.value
    head["setting"] = plain.plain(example.setting)
    if example.certificate is not None:
        tail["certificate"] = plain.plain(example.certificate)
    tail["origin"] = dict(sorted(example.origin.items()))
    lines = [f"  {_line(key)}: {_line(value)}" for key, value in head.items()]
    lines.append('  "steps": [\n' + ",\n".join(f"    {_line(step)}" for step in steps) + "\n  ]")
    lines += [f"  {_line(key)}: {_line(value)}" for key, value in tail.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def load(path: Path) -> Counterexample:
    """The file's counterexample is returned.

    Raises:
        CounterexampleError: it cannot be read, or is no counterexample of a known format.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise CounterexampleError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > BYTES_MAX:
        raise CounterexampleError(f"{path}: more than {BYTES_MAX} bytes; no counterexample is")
    try:
        return loads(data)
    except CounterexampleError as error:
        raise CounterexampleError(f"{path}: {error}") from error


def loads(data: bytes) -> Counterexample:
    """The counterexample in these bytes is returned.

    Raises:
        CounterexampleError: they are none of a known format.
    """
    try:
        given = upgrades.upgraded(strict.read(data))
        schema.check(given, Counterexample)
        return _structured(given)
    except ValueError as error:
        raise CounterexampleError(_one_line(error)) from error


def _structured(given: dict[str, Any]) -> Counterexample:
    """What the steps showed stands beside each step in the file, and apart from it in memory."""
    steps = [{k: v for k, v in step.items() if k != "showed"} for step in given["steps"]]
    told = "ending" in given or any("showed" in step for step in given["steps"])
    showed = [*(step.get("showed", []) for step in given["steps"]), given.get("ending", [])]
    apart = {"steps": steps, "showed": showed if told else []}
    body = {key: value for key, value in given.items() if key not in ("format", "ending")}
    return plain.structured({**body, **apart}, Counterexample)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _one_line(error: object, letters_max: int = 300) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= letters_max else text[: letters_max - 3] + "..."


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "hypothesis": metadata.version("hypothesis"),
        "poolcheck": metadata.version("poolcheck"),
        "commit": _commit(),
    }


def _commit() -> str:
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git is here
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return asked.stdout.strip() or "unknown"
