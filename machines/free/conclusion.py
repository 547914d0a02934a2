"""The conclusion of a free run that broke a promise: its record is kept, shrunk if it can be."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from machines.conclusion import conclude as conclude_trace
from machines.drivers import Layer
from machines.free.run import RECORD
from machines.hunt import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from machines.free.judge import Judgement
    from machines.free.run import FreeRun

SHOWN_MAX = 5


def conclude(run: FreeRun, judgement: Judgement, folder: Path, saved: Path | None) -> str:
    """What was found is kept; its story is returned, ready to print.

    If the simulation breaks a promise on the record's trace, that is shrunk and saved like any
    other counterexample. If it does not, the bug is in what only the production loop has, and the
    record is what there is: it shows what the loop told its core.

    Args:
        run: what was found in.
        judgement: what was found.
        folder: where the run's record is.
        saved: where counterexamples are kept; None if this is only told.
    """
    lines = [f"a free run (seed {run.plan.seed}, {run.plan.start_method}) broke what it must not:"]
    lines += [f"  {one.promise}: {one.sentence}" for one in judgement.broken[:SHOWN_MAX]]
    more = len(judgement.broken) - SHOWN_MAX
    lines += [f"  and {more} more"] if more > 0 else []
    lines += [f"  not known: {what}" for what in judgement.unknown]
    record = folder / RECORD
    retraced = judgement.retraced
    violation = retraced.report.violation
    if saved is not None:
        kept = saved / f"free-{judgement.broken[0].promise}-{run.plan.seed}.record"
        shutil.copy(record, kept)
        record = kept
        if violation is not None:
            finding = Finding(violation, retraced.trace)
            lines += ["", conclude_trace(finding, Layer.SIM, saved, seed=str(run.plan.seed))]
    if violation is None:
        lines.append("its trace holds in the simulation: the bug is in what only the loop has")
    lines += ["", f"record:  {record}", f"replay:  poolcheck replay {record}"]
    return "\n".join(lines)
