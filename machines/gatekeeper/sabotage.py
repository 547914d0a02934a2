"""Sabotage: whether the gate turns red, at the right check, when the tree is broken.

`python -m machines.gatekeeper.sabotage` copies the tree, breaks the copy in one way, and runs the
one check there that must see it; beside it the same check on a copy that is as it was, which must
be passed. It takes some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen

from machines.gatekeeper.sabotages import BY_NAME, SABOTAGES, CannotApply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from machines.gatekeeper.sabotages import Sabotage

LIMIT_S: Final = 600.0
SEED: Final = 0


@frozen
class Found:
    """What came of one sabotage.

    Attributes:
        sabotage: which.
        verdict: of the check that must see it.
        said: the shortfalls.
        seconds: wall clock.
    """

    sabotage: Sabotage
    verdict: str
    said: tuple[str, ...]
    seconds: float

    @property
    def seen(self) -> bool:
        """Whether the check is red and says what it must; what is unknown is not red."""
        right = any(self.sabotage.says in words for words in self.said)
        return self.verdict == "violated" and right

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "sabotage": self.sabotage.name,
            "check": self.sabotage.check,
            "verdict": self.verdict,
            "seen": self.seen,
            "said": list(self.said),
            "seconds": round(self.seconds, 1),
        }

    def line(self) -> str:
        """A row of the table."""
        mark = "seen" if self.seen else f"NOT SEEN ({self.verdict})"
        said = next((words for words in self.said if self.sabotage.says in words), "")
        row = f"{self.sabotage.name:<16}{self.sabotage.check:<16}{mark:<22}{self.seconds:>6.0f} s"
        return f"{row}  {said[:90]}"


def copied(root: Path, target: Path) -> None:
    """What git knows of the tree, and what is new in it, is in the target folder.

    Args:
        root: the project's folder.
        target: an empty folder.
    """
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=root, capture_output=True, check=True)  # noqa: S603
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    # The history asks for the code's version, and the list of files.
    for words in (("init", "-q"), ("add", "-A"), (*_NOBODY, "commit", "-qm", "a copy")):
        subprocess.run(["git", *words], cwd=target, capture_output=True, check=True)  # noqa: S603, S607


_NOBODY: Final = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")


def tried(sabotage: Sabotage, root: Path) -> Found:
    """A copy of the tree was sabotaged, and the check has run there.

    Args:
        sabotage: which.
        root: the project's folder.

    Raises:
        CannotApply: the tree has no such place any more.
    """
    with tempfile.TemporaryDirectory(prefix="poolcheck-sabotage-") as folder:
        copied(root, Path(folder))
        sabotage.apply(Path(folder))
        return checked(sabotage, Path(folder))


def checked(sabotage: Sabotage, copy: Path) -> Found:
    """The sabotage's check has run in the copy, whatever has become of that.

    Args:
        sabotage: which.
        copy: the project's folder.
    """
    choices = ("--seed", str(SEED), "--rotation", str(sabotage.rotation))
    words = ("gate", "--only", sabotage.check, *choices, "--json")
    began = time.monotonic()
    ran = subprocess.run(  # noqa: S603 - this project's own command
        [sys.executable, "-c", "from machines.cli import main; main()", *words],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    seconds = time.monotonic() - began
    try:
        (one,) = json.loads(ran.stdout)["checks"]
    except ValueError:
        last = (ran.stderr.strip().splitlines() or ["nothing"])[-1]
        return Found(sabotage, "cannot run", (last,), seconds)
    return Found(sabotage, one["verdict"], tuple(one["shortfalls"]), seconds)


def controls(chosen: Sequence[Sabotage], root: Path) -> Iterator[Found]:
    """Each check that is asked about has run on a copy that is as it was.

    Args:
        chosen: the sabotages.
        root: the project's folder.
    """
    asked = {sabotage.check: sabotage for sabotage in reversed(chosen)}
    with tempfile.TemporaryDirectory(prefix="poolcheck-sabotage-") as folder:
        copied(root, Path(folder))
        for sabotage in asked.values():
            yield checked(sabotage, Path(folder))


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(list(BY_NAME)), help="Only this (may be repeated)."
)
@click.option("--control/--no-control", default=True, help="Also on a tree that is as it was.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def main(only: tuple[str, ...], *, control: bool, as_json: bool) -> None:
    """Break copies of this tree in twelve ways, and see whether the gate turns red."""
    root = Path.cwd()
    chosen = [sabotage for sabotage in SABOTAGES if not only or sabotage.name in only]
    found = []
    for sabotage in chosen:
        try:
            found.append(tried(sabotage, root))
        except CannotApply as error:
            raise click.ClickException(str(error)) from error
        if not as_json:
            click.echo(found[-1].line())
    sound = list(controls(chosen, root)) if control else []
    if as_json:
        passed = {one.sabotage.check: one.verdict for one in sound}
        click.echo(json.dumps({"sabotages": [one.facts() for one in found], "control": passed}))
    else:
        _tell(found, sound)
    fine = all(one.seen for one in found) and all(one.verdict == "holds" for one in sound)
    raise SystemExit(0 if fine else 1)


def _tell(found: Sequence[Found], sound: Sequence[Found]) -> None:
    for one in sound:
        said = "; ".join(one.said)
        name, check = "(as it was)", one.sabotage.check
        click.echo(f"{name:<16}{check:<16}{one.verdict:<22}{one.seconds:>6.0f} s  {said[:90]}")
    click.echo(f"{sum(one.seen for one in found)} of {len(found)} seen")


if __name__ == "__main__":
    main()
