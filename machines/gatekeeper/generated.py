"""What is generated: files that follow from the code, how each is made, what it must not lose."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines import pictures, schema
from machines.counterexample import Counterexample
from machines.gatekeeper import pace
from machines.gatekeeper.listed import LIST, listed, text, unlisted
from machines.mutants.page import page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@frozen
class Generated:
    """A file that is made from the code, or from what was measured.

    Attributes:
        file: its path in the project's folder.
        words: what it is made from.
        make: the text that it must have, from the project's folder and the text that it has.
        loosened: what of a bar the second text has lost that the first had; none is best.
        slow: whether it takes minutes, and so is made only if it is asked for by name.
    """

    file: str
    words: str
    make: Callable[[Path, str], str]
    loosened: Callable[[str, str], list[str]] = lambda _, __: []
    slow: bool = False


def _pictures(_: Path, before: str) -> str:
    return pictures.redrawn(before)


def _planted(_: Path, __: str) -> str:
    return page()


def _schema(_: Path, __: str) -> str:
    return schema.dumps(Counterexample)


def _list(root: Path, _: str) -> str:
    return text([*listed(root), *unlisted(root)])


def _names_lost(before: str, after: str) -> list[str]:
    return sorted(set(before.split()) - set(after.split()))


def _reachable(_: Path, __: str) -> str:
    from machines import reachable  # noqa: PLC0415 - only for this
    from machines.scopes import AT_THE_END, SCOPES  # noqa: PLC0415 - only for this

    return reachable.regenerate(SCOPES, AT_THE_END)


def _tuples_lost(before: str, after: str) -> list[str]:
    was, now = (json.loads(one or '{"tuples": {}, "happens": {}}') for one in (before, after))
    return sorted({*was["tuples"], *was["happens"]} - {*now["tuples"], *now["happens"]})


def _pace(_: Path, before: str) -> str:
    known = json.loads(before)["costs"] if before else {}
    return pace.dumps(pace.recorded(known, pace.measured(pace.ROUNDS)))


def _costs_raised(before: str, after: str) -> list[str]:
    was, now = (json.loads(one or '{"costs": {}}')["costs"] for one in (before, after))
    return sorted(
        f"{python} {name}"
        for python, costs in was.items()
        for name, cost in costs.items()
        if now.get(python, {}).get(name, cost + 1) > cost
    )


GENERATED: Final[tuple[Generated, ...]] = (
    Generated("docs/graphs.md", "the tables of model/", _pictures),
    Generated("docs/planted-bugs.md", "machines/mutants/", _planted),
    Generated("docs/counterexample.schema.json", "the class Counterexample", _schema),
    Generated(LIST, "the files beside it", _list, _names_lost),
    Generated(str(pace.FILE), "a measurement", _pace, _costs_raised, slow=True),
    Generated(
        "machines/reachable.json", "a search of every scope", _reachable, _tuples_lost, slow=True
    ),
)
BY_FILE: Final = {one.file: one for one in GENERATED}
