"""What `poolcheck check FILE` does: flight recorders' logs, held against the promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from machines.incident import Checked, LogError, check
from model.checker import Verdict
from model.promises import WORDS
from pool.record import older_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from machines.parts import Parts

EXIT: Final = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNKNOWN: 3}
_GRAVE: Final = (Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.HOLDS)
_BAR: Final = 1 << 20  # the progress bar moves on after so many bytes


def check_logs(
    progress: Callable[[str, int], AbstractContextManager[Callable[[], None]]],
    files: Sequence[Path],
    *,
    parts: Parts,
    as_json: bool,
) -> int:
    """Every log was checked, and what is known of it was told; the exit code is returned.

    Args:
        progress: shows how much of something is done.
        files: the logs.
        parts: the core, perhaps with a bug planted in it.
        as_json: whether to print a list of facts instead of lines.

    Returns:
        0 every promise holds in every log, 1 one is broken, 3 something is unknown.

    Raises:
        ClickException: one of them is no log.
    """
    results = [(file, _check(progress, file, parts)) for file in files]
    if as_json:
        click.echo(json.dumps([facts(file, checked) for file, checked in results], indent=1))
    else:
        click.echo("\n".join(line for file, checked in results for line in told(file, checked)))
    verdicts = {checked.verdict for _, checked in results}
    return next(EXIT[verdict] for verdict in _GRAVE if verdict in verdicts)


def _check(
    progress: Callable[[str, int], AbstractContextManager[Callable[[], None]]],
    file: Path,
    parts: Parts,
) -> Checked:
    there = [path for path in (older_of(file), file) if path.exists()]
    with progress(f"checking {file.name}", 1 + sum(p.stat().st_size for p in there) // _BAR) as bar:
        left = _BAR

        def after_each(count: int) -> None:
            nonlocal left
            left -= count
            if left <= 0:
                left += _BAR
                bar()

        try:
            return check(file, parts, after_each)
        except LogError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"{file}: cannot be read: {error.strerror}") from error


def facts(file: Path, checked: Checked) -> dict[str, Any]:
    """What `--json` prints of one log."""
    return {
        "file": str(file),
        "verdict": checked.verdict.value,
        "events": checked.events,
        "seconds": round(checked.seconds, 6),
        "ended": checked.ended,
        "cut": checked.cut or None,
        "promises": {name: known.value for name, known in checked.verdicts.items()},
        "broken": [
            {"promise": name, "sentence": violation.sentence, "event": event}
            for name, (violation, event) in sorted(checked.broken.items())
        ],
    }


def told(file: Path, checked: Checked) -> list[str]:
    """What is known of one log, in lines of less than 80 letters where its names allow."""
    length = f"{checked.events:,} events in {checked.seconds:.3f} s"
    lines = [f"{file}: {checked.verdict.value}", f"  {length}"]
    if checked.cut:
        lines.append(f"  cut {checked.cut}; read up to there, so nothing is known to hold")
    elif not checked.ended:
        lines.append("  it does not go on to its pool's end, so nothing is known to hold")
    for name, (violation, event) in sorted(checked.broken.items()):
        lines.append(f"  {name} broken at event {event:,}: {violation.sentence}")
    for known, words in ((Verdict.HOLDS, "holds"), (Verdict.UNKNOWN, "unbroken so far")):
        names = [name for name, verdict in checked.verdicts.items() if verdict is known]
        if names:
            lines.append(f"  {words}: {', '.join(names)}")
    others = [name for name in WORDS if name not in checked.verdicts]
    lines.append(f"  not for a log to decide: {', '.join(others)}")
    return lines
