"""The independent check: a trace is minimal if every single removal makes its violation vanish.

It shares nothing with the shrinker but the run itself: traces are taken apart as plain data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from machines.plain import plain_trace, trace_of
from machines.run import execute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.trace import Trace
    from model.checker import Checker


def removable(
    whole: Trace, promise: str, layer: Layer, parts: Parts, promises: Iterable[type[Checker]]
) -> list[str]:
    """What can be left out so that the promise is broken all the same; nothing if it is minimal.

    Args:
        whole: the trace.
        promise: the one that it breaks.
        layer: where it runs.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
    """
    plain, held = plain_trace(whole), tuple(promises)
    found = []
    for what, less in (("nothing", plain), *_less(plain)):
        violation = execute(trace_of(less), layer, parts, promises=held).violation
        if (violation is not None and violation.promise == promise) is (what != "nothing"):
            found.append(what)
    return found


def _less(plain: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Without each step, each choice of the setting, and each argument that can be missing."""
    setting, steps = plain["setting"], plain["steps"]
    for at, step in enumerate(steps):
        others = [other for k, other in enumerate(steps) if k != at]
        yield f"step {at + 1}", {"setting": setting, "steps": others}
        for name in step:
            if name in ("do", "task", "worker", "session", "seconds", "how"):
                continue
            fewer = {key: value for key, value in step.items() if key != name}
            changed = [fewer if k == at else other for k, other in enumerate(steps)]
            yield f"{name} of step {at + 1}", {"setting": setting, "steps": changed}
    for name in setting:
        fewer = {key: value for key, value in setting.items() if key != name}
        if name != "size":  # its default is no smaller
            yield f"{name} of the setting", {"setting": fewer, "steps": steps}
