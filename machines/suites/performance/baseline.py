"""The baseline: what a run came to before, to which later ones are compared.

Both are multiples of what a calibration took in the same round, so that a slower machine is no
regression; and each is several rounds, so that a difference is told only where it is certain.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.harness import compare_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from machines.bench.spread import Spread
    from machines.harness import Comparison

VERSION: Final = 1
ROUNDS_MIN: Final = 5  # fewer show nothing, by `compare_runs`


class BaselineError(ValueError):
    """The file is no baseline; the message is one line that says what and where."""


@frozen
class Baseline:
    """What a run came to.

    Attributes:
        rounds: by figure, the multiple of the calibration in each round; lower is better.
        made: of which commit, when, and on what machine.
    """

    rounds: Mapping[str, tuple[float, ...]]
    made: Mapping[str, Any]


def load(file: Path) -> Baseline:
    """The baseline in the file.

    Args:
        file: that `save` has written.

    Raises:
        BaselineError: it is none.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaselineError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise BaselineError(f"{file}: no JSON: {error}") from error
    if not isinstance(told, dict) or told.get("version") != VERSION:
        said = told.get("version") if isinstance(told, dict) else told
        raise BaselineError(f"{file}: version {said!r}: legal: {VERSION}")
    ratios = told.get("ratios")
    if not isinstance(ratios, dict) or not ratios:
        raise BaselineError(f"{file}: ratios = {ratios!r}: legal: a table of figures")
    rounds = {name: _rounds(file, name, values) for name, values in ratios.items()}
    return Baseline(rounds, told.get("made", {}))


def save(file: Path, ratios: Mapping[str, Spread], made: Mapping[str, Any]) -> None:
    """The file holds what this run came to.

    Args:
        file: where.
        ratios: of this run, by figure.
        made: of which commit, when, and on what machine.

    Raises:
        BaselineError: there are fewer rounds than show something.
    """
    rounds = {name: [round(one, 4) for one in spread.rounds] for name, spread in ratios.items()}
    if any(len(values) < ROUNDS_MIN for values in rounds.values()):
        raise BaselineError(f"{file}: a baseline is of at least {ROUNDS_MIN} rounds")
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {"version": VERSION, "made": dict(made), "ratios": rounds}
    file.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def compare(baseline: Baseline, ratios: Mapping[str, Spread]) -> list[Comparison]:
    """This run as a multiple of the baseline, figure by figure, with an interval of confidence.

    Args:
        baseline: of the earlier run.
        ratios: of this one.

    Raises:
        BaselineError: the two have other figures, or this one too few rounds.
    """
    if set(baseline.rounds) != set(ratios):
        there, here = sorted(baseline.rounds), sorted(ratios)
        raise BaselineError(f"the baseline has {', '.join(there)}; this run {', '.join(here)}")
    try:
        return [
            compare_runs(baseline.rounds[name], spread.rounds, what=name)
            for name, spread in ratios.items()
        ]
    except ValueError as error:
        raise BaselineError(f"cannot compare: {error}") from error


def regressions(found: Sequence[Comparison], ratio: float) -> list[Comparison]:
    """Those that are certainly slower by more than that ratio.

    Args:
        found: this run compared to the baseline.
        ratio: more than 1.
    """
    return [one for one in found if one.low > ratio]


def _rounds(file: Path, name: str, values: Any) -> tuple[float, ...]:
    good = isinstance(values, list) and len(values) >= ROUNDS_MIN
    if not good or not all(
        type(one) in (int, float) and one > 0 and math.isfinite(one) for one in values
    ):
        legal = f"at least {ROUNDS_MIN} positive numbers"
        raise BaselineError(f"{file}: ratios.{name} = {values!r}: legal: {legal}")
    return tuple(map(float, values))
