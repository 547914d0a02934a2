"""Strict JSON: what is read has one meaning only, and cannot make its reader run out of anything.

An object that names a key twice, numbers that JSON does not have, and deep nesting are refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from machines.checks import short

DEPTH_MAX: Final = 16


def read(data: bytes) -> Any:
    """What the JSON text in these bytes says is returned.

    Raises:
        ValueError: they are none; the message says why.
    """
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


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names {short(twice)} twice")
    return result
