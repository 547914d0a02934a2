"""Plain data: traces, and what else is saved of a run, as JSON's types and back."""

from __future__ import annotations

import functools
import typing
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import cattrs

from machines.checks import short
from machines.setting import Setting
from machines.trace import COMMANDS, Command, Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    Kind = TypeVar("Kind")


def plain(value: Any) -> dict[str, Any]:
    """An attrs value as JSON's types; what equals its default is left out."""
    items = {}
    kind: Any = type(value)
    seconds = _floats(kind)
    for attribute in attrs.fields(kind):
        item = getattr(value, attribute.name)
        if item != attribute.default:
            items[attribute.name] = float(item) if attribute.name in seconds else _item(item)
    return items


@functools.cache
def _floats(kind: type) -> frozenset[str]:
    """The fields of which a whole number is written as it is read again, with a point."""
    hints = typing.get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if hint in (float, float | None))


def _item(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return dict(sorted(value.items())) if isinstance(value, dict) else value


def plain_step(step: Command) -> dict[str, Any]:
    """A command as JSON's types."""
    return {"do": step.do, **plain(step)}


def plain_trace(whole: Trace) -> dict[str, Any]:
    """A trace by itself as JSON's types; `trace_of` reads it."""
    return {"setting": plain(whole.setting), "steps": [plain_step(step) for step in whole.steps]}


def trace_of(given: Mapping[str, Any]) -> Trace:
    """The trace that `plain_trace` wrote."""
    steps = tuple(_command(step, Command) for step in given["steps"])
    return Trace(structured(given["setting"], Setting), steps)


def structured(given: Any, kind: type[Kind]) -> Kind:
    """The value of this class that `plain` wrote.

    Raises:
        ValueError: there is none; the message is one line for the first thing that is wrong.
    """
    try:
        return _CONVERTER.structure(given, kind)
    except (cattrs.BaseValidationError, ValueError, TypeError) as error:
        problems = cattrs.transform_error(error, path="$", format_exception=_problem)
        where, what = _apart(problems[0])
        raise ValueError(f"at {where}: {what}") from error


def _command(given: Any, _: Any) -> Command:
    kind = COMMANDS[given["do"]]
    return _CONVERTER.structure({k: v for k, v in given.items() if k != "do"}, kind)


_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
_CONVERTER.register_structure_hook_func(lambda kind: kind == Command, _command)


def _problem(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return f"{short(error.args[0])} is missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown: {', '.join(sorted(map(short, error.extra_fields)))}"
    if isinstance(error, (ValueError, TypeError)):
        return str(error)
    return f"not a valid {getattr(kind, '__name__', kind)}"


def _apart(problem: str) -> tuple[str, str]:
    """Where something is wrong, and what; cattrs says the latter first."""
    what, _, where = problem.rpartition(" @ ")
    return where, what
