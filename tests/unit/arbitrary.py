"""Arbitrary counterexamples, for Hypothesis: whatever our classes allow."""

from __future__ import annotations

import types
import typing
from typing import Any

import attrs
from hypothesis import assume
from hypothesis import strategies as st

from machines.certificate import Certificate
from machines.checks import Hexadecimal, OneOf, Within
from machines.counterexample import Counterexample, Status, Worlds
from machines.setting import Setting
from machines.trace import COMMANDS, Command
from model.promises import WORDS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CLAUSES = st.lists(TEXT, max_size=3).map(tuple)


def values(kind: type) -> st.SearchStrategy[Any]:
    """Any value of this class that its checks allow."""
    hints = typing.get_type_hints(kind)
    fields = {it.name: _field(hints[it.name], it.validator) for it in attrs.fields(kind)}
    made = st.fixed_dictionaries(fields).map(lambda given: _made(kind, given))
    return made.filter(lambda value: value is not None)


def _made(kind: type, given: dict[str, Any]) -> Any:
    try:
        return kind(**given)
    except ValueError:  # two fields that do not go together
        return None


def _field(hint: Any, validator: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = getattr(validator, "validator", validator)
        return st.none() | _field(typing.get_args(hint)[0], inner)
    if isinstance(validator, OneOf):
        return st.sampled_from(validator.words)
    if isinstance(validator, Hexadecimal):
        return st.text("0123456789abcdef", min_size=validator.digits, max_size=validator.digits)
    if isinstance(validator, Within):
        low, high = validator.low, validator.high
        return st.integers(int(low), int(high)) if hint is int else st.floats(low, high)
    if typing.get_origin(hint) is dict:
        values = TEXT if hint == dict[str, str] else CLAUSES
        return st.dictionaries(TEXT, values, max_size=3)
    known = {bool: st.booleans(), str: TEXT}
    return known[hint] if hint in known else st.sampled_from(list(hint))


COMMAND: st.SearchStrategy[Command] = st.one_of([values(kind) for kind in COMMANDS.values()])


@st.composite
def counterexamples(draw: st.DrawFn) -> Counterexample:
    """Any counterexample."""
    steps = tuple(draw(st.lists(COMMAND, max_size=8)))
    shown = draw(st.none() | st.tuples(*[CLAUSES] * (len(steps) + 1)))
    made = _made(
        Counterexample,
        {
            "promise": draw(st.sampled_from(sorted(WORDS))),
            "sentence": draw(TEXT),
            "status": draw(st.sampled_from(Status)),
            "step": draw(st.integers(0, len(steps))),
            "digest": draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
            "setting": draw(values(Setting)),
            "steps": steps,
            "showed": shown or (),
            "world": draw(st.none() | st.sampled_from(Worlds)),
            "certificate": draw(st.none() | values(Certificate)),
            "origin": draw(st.dictionaries(TEXT, TEXT, max_size=3)),
        },
    )
    assume(made is not None)
    return typing.cast("Counterexample", made)
