"""The schema: what a counterexample file may hold, as a JSON Schema made from our classes.

`python -m machines.schema` writes `docs/counterexample.schema.json`; a test says if it is not what
the classes say. Every file is checked against it when it is loaded, with the library `jsonschema`,
which is imported only then.
"""

from __future__ import annotations

import functools
import json
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines.certificate import Certificate
from machines.checks import kind_of, short
from machines.setting import Setting
from machines.trace import COMMANDS, STEPS_MAX
from machines.upgrades import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

FILE: Final = Path("docs/counterexample.schema.json")
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_CLAUSES: Final = {"type": "array", "items": {"type": "string"}}
_TYPES: Final = {int: "integer", float: "number", str: "string", bool: "boolean"}


def schema(kind: type, **beside: Any) -> dict[str, Any]:
    """What a file may say of a value of this class.

    Args:
        kind: an attrs class, whose fields are the keys.
        **beside: schemas of keys that stand beside them, and may be missing.
    """
    hints = typing.get_type_hints(kind)
    fields = attrs.fields(kind)
    properties = {field.name: _of_field(field, hints[field.name]) for field in fields}
    needed = [field.name for field in fields if field.default is attrs.NOTHING]
    return _object({**properties, **beside}, needed)


def of_counterexample(kind: type) -> dict[str, Any]:
    """The schema of whole files.

    Args:
        kind: the class of counterexamples.
    """
    head = schema(kind)
    for apart in ("setting", "steps", "showed", "certificate"):
        del head["properties"][apart]
    properties = {
        "format": {"const": FORMAT},
        **head["properties"],
        "setting": {"$ref": "#/$defs/setting"},
        "steps": {"type": "array", "maxItems": STEPS_MAX, "items": {"$ref": "#/$defs/step"}},
        "ending": _CLAUSES,
        "certificate": {"$ref": "#/$defs/certificate"},
    }
    commands = {do: schema(command, showed=_CLAUSES) for do, command in COMMANDS.items()}
    for do, command in commands.items():
        command["properties"] = {"do": {"const": do}, **command["properties"]}
    return {
        "$schema": _DRAFT,
        "title": "A counterexample of poolcheck",
        **_object(properties, ["format", *head["required"]]),
        "$defs": {
            "setting": schema(Setting),
            "certificate": schema(Certificate),
            "step": _step(list(commands)),
            **commands,
        },
    }


def _step(names: list[str]) -> dict[str, Any]:
    """One of the commands; its name says which, so that a complaint is about that one."""
    which = [
        {"if": {"properties": {"do": {"const": do}}}, "then": {"$ref": f"#/$defs/{do}"}}
        for do in names
    ]
    return {
        "type": "object",
        "required": ["do"],
        "properties": {"do": {"enum": names}},
        "allOf": which,
    }


def _object(properties: dict[str, Any], needed: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": needed,
        "additionalProperties": False,
        "properties": properties,
    }


def _of_field(field: attrs.Attribute[Any], hint: Any) -> dict[str, Any]:
    return {**_of_type(hint), **_of_validator(field.validator)}


def _of_type(hint: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType) and arguments[-1] is type(None):
        known = _of_type(arguments[0])
        return {**known, "type": [known["type"], "null"]} if "type" in known else known
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(arguments[1])}
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0])}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [word.value for word in hint]}
    return {"type": _TYPES[hint]} if hint in _TYPES else {}


def _of_validator(validator: Any) -> dict[str, Any]:
    inner = getattr(validator, "validator", validator)  # of one that accepts None, too
    return dict(getattr(inner, "keywords", {}))


def dumps(kind: type) -> str:
    """What `docs/counterexample.schema.json` must hold."""
    return json.dumps(of_counterexample(kind), indent=2, ensure_ascii=False) + "\n"


def check(given: Any, kind: type) -> None:
    """The schema of whole files allows this.

    Args:
        given: what a file says, in today's format.
        kind: the class of counterexamples.

    Raises:
        ValueError: it does not; the message is one line for the first thing that is wrong.
    """
    errors: Iterator[ValidationError] = _validator(kind).iter_errors(given)
    for first in errors:
        raise ValueError(_sentence(first))


@functools.cache
def _validator(kind: type) -> Validator:
    """As the library says, but a whole number has no point, and no text half a character."""
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 - see above

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) in (int, float),
            "string": lambda _, value: isinstance(value, str) and _is_text(value),
        }
    )
    extend: Any = validators.extend  # the library's types leave it out
    made: Validator = extend(Draft202012Validator, {"if": _by_name}, type_checker=checker)(
        of_counterexample(kind)
    )
    return made


def _by_name(
    validator: Any, chosen: dict[str, Any], given: Any, known: dict[str, Any]
) -> Iterator[ValidationError]:
    """The one kind of condition that the schema has, read directly: four times as fast."""
    if isinstance(given, dict) and given.get("do") == chosen["properties"]["do"]["const"]:
        yield from validator.descend(given, known["then"])


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _sentence(error: ValidationError) -> str:
    """Where it is, and what would be right there."""
    where = "$" + "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in error.path)
    known: Any = error.schema
    words = _WORDS.get(str(error.validator), _mismatch)
    return f"at {where}: {words(error.instance, known)}"


def _missing(found: dict[str, Any], known: dict[str, Any]) -> str:
    return f"{next(key for key in known['required'] if key not in found)!r} is missing"


def _unknown(found: dict[str, Any], known: dict[str, Any]) -> str:
    unknown = min(key for key in found if key not in known["properties"])
    return f"unknown: {short(unknown)}; known: {', '.join(known['properties'])}"


def _outside(found: float, known: dict[str, Any]) -> str:
    return f"{known['minimum']:g} to {known['maximum']:g} is needed, not {short(found)}"


def _too_many(found: list[Any], known: dict[str, Any]) -> str:
    return f"{len(found)} are too many; {known['maxItems']} are the most"


def _no_word(found: Any, known: dict[str, Any]) -> str:
    return f"{short(found)} is none of {', '.join(map(str, known['enum']))}"


def _mismatch(found: Any, known: dict[str, Any]) -> str:
    return f"{short(found)} does not match {short(known.get('pattern', known))}"


_NEEDED: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def _wrong_type(found: Any, known: dict[str, Any]) -> str:
    if isinstance(found, str) and not _is_text(found):
        return "half of a surrogate pair is no text"
    names = known["type"] if isinstance(known["type"], list) else [known["type"]]
    return f"{' or '.join(_NEEDED[name] for name in names)} is needed, not {kind_of(found)}"


_WORDS: Final[Mapping[str, Callable[[Any, dict[str, Any]], str]]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "minimum": _outside,
    "maximum": _outside,
    "maxItems": _too_many,
    "enum": _no_word,
    "type": _wrong_type,
}


def main() -> None:
    """The file is written anew."""
    from machines.counterexample import Counterexample  # noqa: PLC0415 - it imports this

    FILE.write_text(dumps(Counterexample), encoding="utf-8")


if __name__ == "__main__":
    main()
