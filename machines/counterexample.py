"""Counterexamples as files: made to be read and compared, holding data only.

One JSON object with one line for each step. Loading unpickles, imports and evaluates nothing;
what is malformed, too large, too deep or of another format is refused with one line that says
what, where, and what would be right.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import tempfile
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import cattrs
from attrs import field, frozen, validators
from cattrs.errors import BaseValidationError

from machines import story
from machines.checks import one_of, short
from machines.gate import Start
from machines.trace import (
    COMMANDS,
    STEPS_MAX,
    Command,
    Elsewhere,
    How,
    Setting,
    Toward,
    Trace,
    Way,
)
from model.promises import WORDS

if TYPE_CHECKING:
    from machines.run import Report

FORMAT: Final = 1
BYTES_MAX: Final = 1 << 20
DEPTH_MAX: Final = 16
FOLDER: Final = Path("artifacts/counterexamples")


class CounterexampleError(ValueError):
    """A counterexample file cannot be used; the message is one line."""


class Status(StrEnum):
    """What is expected of the pool of today."""

    FIXED = "fixed"
    OPEN = "open"


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
        showed: for each step, and for the end, what it showed.
        origin: seed, versions, commit, and the planted bug if there was one.
    """

    promise: str = field(validator=one_of(WORDS))
    sentence: str
    status: Status
    step: int
    digest: str
    setting: Setting
    steps: tuple[Command, ...] = field(validator=validators.max_len(STEPS_MAX))
    showed: tuple[tuple[str, ...], ...] = ()
    origin: dict[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.step <= len(self.steps):
            raise ValueError(f"step must be 0 to {len(self.steps)}, not {short(self.step)}")

    @property
    def trace(self) -> Trace:
        """What is replayed."""
        return Trace(self.setting, self.steps)

    @property
    def name(self) -> str:
        """A file name that is the same for the same trace."""
        text = json.dumps([_plain(self.setting), [_plain(step) for step in self.steps]])
        return f"{self.promise}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"


def new(whole: Trace, report: Report, status: Status, **origin: str) -> Counterexample:
    """The counterexample that a run's report shows is returned.

    Raises:
        ValueError: the run broke no promise.
    """
    if report.violation is None or report.step is None:
        raise ValueError("only a run that broke a promise is a counterexample")
    shown = tuple(tuple(story.showed(records)) for records in report.showed[1:])
    return Counterexample(
        promise=report.violation.promise,
        sentence=report.violation.sentence,
        status=status,
        step=report.step,
        digest=report.digest,
        setting=whole.setting,
        steps=whole.steps,
        showed=shown,
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
    steps = []
    for at, step in enumerate(example.steps):
        shown = {"showed": list(example.showed[at])} if at < len(example.showed) else {}
        steps.append({"do": step.do, **_plain(step), **shown})
    ending = [list(clauses) for clauses in example.showed[len(example.steps) :]]
    head = {
        "format": FORMAT,
        "promise": example.promise,
        "sentence": example.sentence,
        "status": example.status.value,
        "step": example.step,
        "digest": example.digest,
        "setting": _plain(example.setting),
    }
    tail = {"ending": ending, "origin": dict(sorted(example.origin.items()))}
    lines = [f"  {_line(key)}: {_line(value)}" for key, value in head.items()]
    lines.append('  "steps": [\n' + ",\n".join(f"    {_line(step)}" for step in steps) + "\n  ]")
    lines += [f"  {_line(key)}: {_line(value)}" for key, value in tail.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def plain_trace(whole: Trace) -> dict[str, Any]:
    """A trace by itself as JSON's types; `trace_of` reads it."""
    steps = [{"do": step.do, **_plain(step)} for step in whole.steps]
    return {"setting": _plain(whole.setting), "steps": steps}


def trace_of(plain: dict[str, Any]) -> Trace:
    """The trace that `plain_trace` wrote."""
    steps = tuple(_command(step, Command) for step in plain["steps"])
    return Trace(_CONVERTER.structure(plain["setting"], Setting), steps)


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
        raw = _read(data)
    except ValueError as error:
        raise CounterexampleError(_one_line(error)) from error
    if not isinstance(raw, dict):
        raise CounterexampleError(f"at $: a JSON object is needed, not {_kind(raw)}")
    if type(raw.get("format")) is not int or raw["format"] != FORMAT:
        found = short(raw.get("format", "none"))
        raise CounterexampleError(f"at $.format: {found} is not known; this reads format {FORMAT}")
    return _structured(raw)


def _read(data: bytes) -> Any:
    try:
        text = data.decode()
        if _depth(text) <= DEPTH_MAX:
            return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from error
    raise ValueError(f"nested too deeply; {DEPTH_MAX} levels are the most")


def _depth(text: str) -> int:
    """How deep the brackets outside of strings nest; how deep Python's reader goes varies."""
    deepest = depth = 0
    in_string = False
    for mark in re.findall(r'\\.|["\[\]{}]', text, re.DOTALL):
        if mark == '"':
            in_string = not in_string
        elif not in_string and mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif not in_string and mark in "]}":
            depth -= 1
    return deepest


def _structured(raw: dict[str, Any]) -> Counterexample:
    if "showed" in raw:
        raise CounterexampleError("at $: unknown: 'showed'; it belongs to a step")
    body = {key: value for key, value in raw.items() if key not in ("format", "ending")}
    body["showed"] = [*_pop_showed(body), *_ending(raw)]
    try:
        return _CONVERTER.structure(body, Counterexample)
    except (BaseValidationError, ValueError, TypeError, RecursionError) as error:
        problems = cattrs.transform_error(error, format_exception=_problem)
        raise CounterexampleError(_one_line(problems[0])) from error


def _pop_showed(body: dict[str, Any]) -> list[list[str]]:
    """What the steps showed stands beside each step in the file, and apart from it in memory."""
    if "steps" not in body:
        return []
    steps = body["steps"]
    if not isinstance(steps, list):
        raise CounterexampleError(f"at $.steps: a list is needed, not {_kind(steps)}")
    shown = []
    known: Any
    body["steps"] = []
    for at, step in enumerate(steps):
        known = dict(step) if isinstance(step, dict) else step
        clauses = known.pop("showed", []) if isinstance(known, dict) else []
        shown.append(_clauses(clauses, f"$.steps[{at}].showed"))
        body["steps"].append(known)
    return shown


def _ending(raw: dict[str, Any]) -> list[list[str]]:
    ending = raw.get("ending", [])
    if not isinstance(ending, list):
        raise CounterexampleError(f"at $.ending: a list is needed, not {_kind(ending)}")
    return [_clauses(clauses, f"$.ending[{at}]") for at, clauses in enumerate(ending)]


def _clauses(value: Any, where: str) -> list[str]:
    if not isinstance(value, list):
        raise CounterexampleError(f"at {where}: a list is needed, not {_kind(value)}")
    clauses: list[str] = value
    for at, clause in enumerate(clauses):
        try:
            _exact(str)(clause, str)
        except ValueError as error:
            raise CounterexampleError(f"at {where}[{at}]: {error}") from error
    return clauses


def _exact(kind: type) -> Any:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{_NAMES[kind]} is needed, not {_kind(value)}")
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("half of a surrogate pair is no text")
        return value

    return structure


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"a number is needed, not {_kind(value)}")
    if abs(value) > 1e9:
        raise ValueError(f"{short(value)} is too large")
    return float(value)


def _command(value: Any, _: Any) -> Command:
    if not isinstance(value, dict):
        raise ValueError(f"an object is needed, not {_kind(value)}")  # noqa: TRY004 - reported as one
    name = value.get("do")
    kind = COMMANDS.get(name) if isinstance(name, str) else None
    if kind is None:
        known = ", ".join(COMMANDS)
        raise ValueError(f"unknown operation {short(name)}; known: {known}")
    arguments = {key: argument for key, argument in value.items() if key != "do"}
    return _CONVERTER.structure(arguments, kind)


def _word(value: Any, kind: type[StrEnum]) -> StrEnum:
    known = [word.value for word in kind]
    if value not in known:
        raise ValueError(f"{short(value)} is none of {', '.join(known)}")
    return kind(value)


_NAMES: Final = {int: "a whole number", str: "a string", bool: "true or false"}
_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
for _type in (int, str, bool):
    _CONVERTER.register_structure_hook(_type, _exact(_type))
for _words in (
    Status,
    How,
    Toward,
    Way,
    Start,
    Elsewhere,
):  # each by itself: what is said of str is said of them too
    _CONVERTER.register_structure_hook(_words, _word)
_CONVERTER.register_structure_hook(float, _number)
_CONVERTER.register_structure_hook_func(lambda kind: kind == Command, _command)


def _plain(value: Any) -> dict[str, Any]:
    """An attrs value as JSON's types; what equals its default is left out."""
    plain = {}
    for attribute in attrs.fields(type(value)):
        item = getattr(value, attribute.name)
        if item != attribute.default:
            plain[attribute.name] = item.value if isinstance(item, StrEnum) else item
    return plain


def _problem(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    if isinstance(error, cattrs.errors.ForbiddenExtraKeysError):
        return f"unknown: {', '.join(sorted(map(short, error.extra_fields)))}"
    if isinstance(error, (ValueError, TypeError)):
        return _one_line(error, 200)
    return f"not a valid {getattr(kind, '__name__', kind)}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _one_line(error: object, letters_max: int = 300) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= letters_max else text[: letters_max - 3] + "..."


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    names |= {bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "something else")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names {short(twice)} twice")
    return result


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
