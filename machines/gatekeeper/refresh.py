"""What `poolcheck refresh` does: what is generated is made anew, and what is saved is looked after.

It shows what it changes, as a diff, and never makes a bar lower: whatever would lose a reachable
transition, a listed counterexample or a faster baseline is refused, and left for a person to do.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click
from attrs import frozen

from machines import counterexample
from machines.counterexample import FOLDER, Counterexample, CounterexampleError, Status
from machines.drivers import Layer
from machines.gatekeeper.generated import BY_FILE, GENERATED
from machines.replay import Answer, replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from machines.gatekeeper.generated import Generated

NAMES_MAX: Final = 5


@frozen
class Change:
    """What became of one file.

    Attributes:
        file: its path in the project's folder.
        before: its text.
        after: the text that it must have.
        refused: why it was not written; None if nothing speaks against it.
    """

    file: str
    before: str
    after: str
    refused: str | None = None

    @property
    def diff(self) -> str:
        """What is different, as a unified diff; empty if nothing is."""
        lines = (self.before.splitlines(keepends=True), self.after.splitlines(keepends=True))
        return "".join(difflib.unified_diff(*lines, f"a/{self.file}", f"b/{self.file}"))

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {"file": self.file, "diff": self.diff, "refused": self.refused}


def refresh(*, names: Sequence[str], fixed: Sequence[Path], only_look: bool, as_json: bool) -> int:
    """What is generated is as it must be, and changes were shown; the exit code is returned.

    Args:
        names: which files; all that do not take minutes unless given.
        fixed: counterexamples that hold, to be marked so.
        only_look: whether nothing is written.
        as_json: whether to print one JSON object instead of a diff.

    Raises:
        ClickException: there is no such file, or it is not one that can be marked.
    """
    root = Path.cwd()
    changes = [marked(file) for file in fixed]
    if names or not fixed:
        chosen = [one for one in GENERATED if one.file in names or not (names or one.slow)]
        changes += [made(one, root) for one in chosen]
    if not only_look:
        for change in changes:
            _write(change, root)
    old = list(stale())
    _tell(changes, old, as_json=as_json)
    changed = only_look and any(change.diff for change in changes)
    return int(changed or any(change.refused for change in changes))


def known(names: Sequence[str]) -> Sequence[str]:
    """The names of generated files are returned as they are.

    Raises:
        ClickException: there is no such file.
    """
    for name in names:
        if name not in BY_FILE:
            raise click.ClickException(f"{name!r}: what is generated is {', '.join(BY_FILE)}")
    return names


def made(one: Generated, root: Path) -> Change:
    """The file's change is returned; nothing was written.

    Args:
        one: what is generated.
        root: the project's folder.
    """
    path = root / one.file
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = one.make(root, before)
    lost = one.loosened(before, after)
    if not lost:
        return Change(one.file, before, after)
    more = f" and {len(lost) - NAMES_MAX} more" if len(lost) > NAMES_MAX else ""
    words = f"it would lose {', '.join(lost[:NAMES_MAX])}{more}; that is for a person to do"
    return Change(one.file, before, after, words)


def marked(file: Path) -> Change:
    """The counterexample's file, marked as fixed, if it holds on every layer now.

    Raises:
        ClickException: it is no counterexample, or it does not hold.
    """
    try:
        example = counterexample.load(file)
    except CounterexampleError as error:
        raise click.ClickException(str(error)) from error
    for layer in Layer:
        found = replay(example, layer)
        if found.answer is not Answer.HOLDS:
            words = f"it does not hold on {layer}, but is {found.answer}"
            raise click.ClickException(f"{file}: {words}: it stays {example.status}")
    now: Counterexample = attrs.evolve(example, status=Status.FIXED)
    before = file.read_text(encoding="utf-8")
    return Change(str(file), before, counterexample.dumps(now))


def stale() -> Iterator[str]:
    """What saved counterexamples no longer test: each whose steps the pool does not offer."""
    for path in sorted(FOLDER.glob("*.json")):
        found = replay(counterexample.load(path), Layer.SIM)
        if found.stale is not None:
            yield f"{path}: stale at step {found.stale.step + 1}: the pool does not offer it"


def _write(change: Change, root: Path) -> None:
    if change.diff and change.refused is None:
        path = root / change.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change.after, encoding="utf-8")


def _tell(changes: Sequence[Change], old: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        facts = {"changes": [change.facts() for change in changes], "stale": list(old)}
        click.echo(json.dumps(facts, indent=1))
        return
    for change in changes:
        click.echo(change.diff, nl=False)
        if change.refused is not None:
            click.echo(f"{change.file}: refused: {change.refused}")
        elif not change.diff:
            click.echo(f"{change.file}: as it must be")
    for line in old:
        click.echo(line)
