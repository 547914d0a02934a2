"""The program in which one trial happens: `python -m machines.bench.child`.

It is a program like any other, with a main module that imports what it needs. A worker that is not
forked may have to import that again at its own start; whether it does is the contestant's doing,
and so it is measured.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Final

from machines.bench.trial import TRIALS, Trial, Unmeasured

UNMEASURED: Final = 1


def main() -> None:
    """The trial that the first argument asks for has been told of, in one line on the output.

    Whatever a contestant prints goes to the error output. After a trial that came to no figure
    nothing is waited for: what such a pool leaves behind is the starting process's to end.
    """
    told = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = json.loads(sys.argv[1])
    signal.alarm(asked["bound_s"])  # should whoever started this be gone by then
    answer = carry_out(asked["measure"], Trial(**asked["trial"]))
    os.write(told, json.dumps(answer).encode() + b"\n")
    if answer["status"] != "measured":
        os._exit(UNMEASURED)


def carry_out(measure: str, trial: Trial) -> dict[str, object]:
    """The trial's outcome is returned, whatever happened: status, figures, detail.

    Args:
        measure: the measure's name.
        trial: whom to measure and how much.
    """
    try:
        return {"status": "measured", "figures": TRIALS[measure](trial), "detail": ""}
    except Unmeasured as reason:
        return {"status": reason.status, "figures": reason.figures, "detail": str(reason)}
    except Exception as error:  # another's bug is a finding, no end of the bench
        words = f"{type(error).__name__}: {error}"
        return {"status": "failed", "figures": {}, "detail": words}


if __name__ == "__main__":
    main()
