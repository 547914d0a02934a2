"""Runs as tests of the history tell them."""

from __future__ import annotations

from machines.history import Check, Counterexample, Figure, Run, Test
from machines.history.environment import Environment

HERE = Environment(
    code="c0de",
    commit="c0de",
    dirty=False,
    python="3.11.7",
    platform="Linux",
    cores=2,
    hash_seed="0",
)


def run(at: int = 0, outcome: str = "passed", *, tests: int = 2, kind: str = "pytest") -> Run:
    """A run with something of everything."""
    return Run(
        kind=kind,
        verdict="holds",
        began=1_000.0 + at,
        seconds=1.5,
        tests=tuple(Test(f"tests/test_{n:03}", outcome, 0.25) for n in range(tests)),
        checks=(Check("search", "holds", "1,000 states", "complete", 2.0, 1_000),),
        figures=(Figure("coverage", 97.5, "%"), Figure("no-ops", 100.0 + at, "us")),
        counterexamples=(Counterexample("S2", "artifacts/counterexamples/a.json", "d1", "open"),),
    )
