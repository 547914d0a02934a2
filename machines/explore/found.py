"""What a complete search found: shrunk, saved, and confirmed on real processes.

Where a promise is broken by something that happens, that is a trace like any other. Where it is
broken by something that never happens, the trace ends where its last steps can begin again: the
file says so, and those steps are run again and again to see that they can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from machines import counterexample, story
from machines.counterexample import Counterexample, Status, Worlds
from machines.drivers import Diverged, Layer
from machines.explore.follow import numbered
from machines.replay import Answer, replay
from machines.run import Run, execute
from machines.shrink import shrink
from machines.trace import Trace
from model.checker import Violation

if TYPE_CHECKING:
    from pathlib import Path

    from machines.explore.outcome import Finding
    from machines.explore.step import Space
    from machines.parts import Parts
    from machines.run import Report
    from machines.setting import Setting
    from model.checker import Checker

LAPS: Final = 3
NEITHER: Final = "neither sim nor real: the search is wrong"


@frozen
class Pool:
    """Whose fault it is, and what it is held against.

    Attributes:
        setting: the pool's configuration, as a trace chooses it.
        parts: the pool, perhaps with a bug planted in it.
        promises: what it is held against.
        mutant: the planted bug's name; None if there is none.
    """

    setting: Setting
    parts: Parts
    promises: tuple[type[Checker], ...]
    mutant: str | None = None

    def breaks(self, trace: Trace, promise: str) -> Report | None:
        """A whole run in the simulation; None if it does not break this promise."""
        report = execute(trace, Layer.SIM, self.parts, promises=self.promises)
        broken = report.violation
        return report if broken is not None and broken.promise == promise else None

    def begun(self, trace: Trace, layer: Layer = Layer.SIM) -> Report:
        """A run of these steps that is not brought to its end."""
        with Run(trace.setting, layer, self.parts, promises=self.promises) as run:
            for command in trace.steps:
                run.do(command)
            return run.so_far()


@frozen
class Found:
    """A saved finding.

    Attributes:
        example: what the file says.
        path: the file.
        story: its steps, and what they showed.
        found_steps: how long it was before it was shrunk.
        loop: the index of the step from which on it goes round; None if it does not.
    """

    example: Counterexample
    path: Path
    story: tuple[str, ...]
    found_steps: int
    loop: int | None = None

    @property
    def worlds(self) -> str:
        """In which worlds it was seen."""
        return NEITHER if self.example.world is None else self.example.world.value

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "promise": self.example.promise,
            "sentence": self.example.sentence,
            "file": str(self.path),
            "steps": len(self.example.steps),
            "steps_found": self.found_steps,
            "loop_from_step": None if self.loop is None else self.loop + 1,
            "worlds": self.worlds,
        }

    def lines(self, pool: Pool) -> list[str]:
        """It as a story."""
        command = f"poolcheck replay {self.path}"
        if pool.mutant is not None:
            command += f" --mutant {pool.mutant}"
        return [
            f"{self.example.promise} is broken: {self.example.sentence}",
            "",
            *self.story,
            "",
            f"worlds:  {self.worlds}",
            f"saved:   {self.path}",
            f"replay:  {command}",
        ]


def keep(finding: Finding, space: Space, pool: Pool, folder: Path) -> Found:
    """The finding is a saved counterexample, and confirmed or not.

    Args:
        finding: what the search found.
        space: where.
        pool: whose fault it is.
        folder: where counterexamples are saved.
    """
    if finding.loop is not None:
        return _keep_loop(finding, finding.loop, space, pool, folder)
    traces = [
        Trace(pool.setting, steps) for steps in numbered(space, pool.setting.size, finding.commands)
    ]
    for trace in traces:
        report = pool.breaks(trace, finding.promise)
        if report is not None:
            return _keep_shrunk(trace, finding.promise, pool, folder)
    report = pool.begun(traces[0])
    example = _as_told(finding, traces[0], report, pool)
    return _saved(example, traces[0], report, len(traces[0].steps), folder)


def _keep_shrunk(trace: Trace, promise: str, pool: Pool, folder: Path) -> Found:
    shrunk = shrink(trace, promise, Layer.SIM, pool.parts, promises=pool.promises)
    smaller = shrunk.trace
    report = execute(smaller, Layer.SIM, pool.parts, promises=pool.promises)
    example = counterexample.new(smaller, report, Status.OPEN, **_origin(pool))
    real = replay(example, Layer.REAL, parts=pool.parts, promises=pool.promises)
    same = real.answer is Answer.VIOLATED and real.promise == promise
    world = Worlds.BOTH if same else Worlds.SIM
    example = evolve(example, world=world, certificate=shrunk.certificate)
    path = counterexample.save(example, folder)
    told = tuple(story.story(smaller, report))
    return Found(example, path, told, len(trace.steps))


def _keep_loop(finding: Finding, loop: int, space: Space, pool: Pool, folder: Path) -> Found:
    once = finding.commands
    several = once + once[loop:] * (LAPS - 1)
    world: Worlds | None = None
    trace = Trace(pool.setting, once)
    for steps in numbered(space, pool.setting.size, several):
        whole = Trace(pool.setting, steps)
        trace = Trace(pool.setting, steps[: len(once)])
        sim = _goes_on(whole, Layer.SIM, pool)
        if sim is not None:
            real = _goes_on(whole, Layer.REAL, pool)
            same = real is not None and real.digest == sim.digest
            world = Worlds.BOTH if same else Worlds.SIM
            break
    report = pool.begun(trace)
    example = evolve(_as_told(finding, trace, report, pool, loop=str(loop + 1)), world=world)
    return _saved(example, trace, report, len(once), folder, loop)


def _goes_on(trace: Trace, layer: Layer, pool: Pool) -> Report | None:
    """The run of every step; None if one was impossible, or broke something else."""
    try:
        report = pool.begun(trace, layer)
    except Diverged:
        return None
    return None if report.impossible or report.violation is not None else report


def _as_told(
    finding: Finding, trace: Trace, report: Report, pool: Pool, **origin: str
) -> Counterexample:
    """What the search has seen broken, and no run that is brought to its end would show."""
    broken = Violation(finding.promise, finding.sentence, 0)
    showed = (*report.showed, ())
    seen = evolve(report, violation=broken, step=len(trace.steps), showed=showed)
    return counterexample.new(trace, seen, Status.OPEN, **_origin(pool), **origin)


def _saved(
    example: Counterexample,
    trace: Trace,
    report: Report,
    found_steps: int,
    folder: Path,
    loop: int | None = None,
) -> Found:
    told = []
    for at, step in enumerate(trace.steps):
        told.append(f"  {at + 1:>2}. {story.tell(step)}")
        told += [f"       {clause}" for clause in story.showed(report.showed[at + 1])]
    if loop is not None:
        told.append(f"   …  and again from step {loop + 1} on, for ever")
    path = counterexample.save(example, folder)
    return Found(example, path, tuple(told), found_steps, loop)


def _origin(pool: Pool) -> dict[str, str]:
    origin = {"found_by": "poolcheck explore", "layer": Layer.SIM.value}
    return origin if pool.mutant is None else {**origin, "mutant": pool.mutant}
