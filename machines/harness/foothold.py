"""The foothold: whether this machine gives processes at all, and what is done where it does not.

A run that was to be on real processes, and falls back to the layer below, says so: in a warning,
in its instance, and in pytest's summary, which counts it under no layer's own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.harness import inside
from pool.processes import context_for

if TYPE_CHECKING:
    from pool import PoolConfig

START_S: Final = 30.0


class FellBack(UserWarning):
    """What was to run on real processes runs on another layer, because there are none."""


def missing(config: PoolConfig) -> str:
    """Why no process can be started and ended here, in a few words; empty if one was.

    Args:
        config: says by which method, and what is imported for all.
    """
    try:
        context: Any = context_for(config)
        process = context.Process(target=inside.nothing, name="poolcheck-foothold")
        process.start()
    except (OSError, EOFError) as error:
        return f"no process starts: {error or type(error).__name__}"
    process.join(START_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    return "" if code == 0 else f"a process did not end well within {START_S:g} s: {code}"
