"""The catalogue: every command that the completion report is made of, with its budget."""

from __future__ import annotations

from typing import Final

from machines.completion import readers
from machines.completion.item import Item, Speed

_SAVED: Final = "artifacts/counterexamples/*.json"
_PYTEST: Final = ("pytest", "-q", "-p", "no:cacheprovider")

COUNT: Final = Item(
    "What there is",
    ("python", "-m", "machines.completion.count"),
    60,
    Speed.QUICK,
    readers.counts,
)
COLLECT: Final = Item(
    "Tests",
    (*_PYTEST, "--collect-only", "tests/", "machines/"),
    120,
    Speed.QUICK,
    readers.collected,
)

# What the project holds itself to, the cheapest first.
CHECKS: Final = (
    Item("Lint", ("ruff", "check", "."), 60, Speed.QUICK, readers.last_line),
    Item("Form", ("ruff", "format", "--check", "."), 60, Speed.QUICK, readers.last_line),
    Item("Types", ("mypy",), 300, Speed.QUICK, readers.last_line),
    Item(
        "Saved counterexamples, simulated",
        ("poolcheck", "replay", _SAVED, "--layer", "sim,wire", "--json"),
        120,
        Speed.QUICK,
        readers.replayed,
    ),
    Item(
        "Saved counterexamples, on real processes",
        ("poolcheck", "replay", _SAVED, "--layer", "real", "--json"),
        600,
        Speed.SLOW,
        readers.replayed,
    ),
    Item(
        "The layers agree, a sample",
        ("poolcheck", "check", "--agreement", "100", "--real", "3", "--json"),
        120,
        Speed.QUICK,
        readers.checked,
    ),
    Item(
        "The layers agree",
        ("poolcheck", "check", "--agreement", "10000", "--real", "500", "--json"),
        1_800,
        Speed.SLOW,
        readers.checked,
    ),
    Item(
        "A worker dies wherever it can",
        ("poolcheck", "check", "--agreement", "0", "--real", "0", "--crash-points", "--json"),
        900,
        Speed.SLOW,
        readers.checked,
    ),
    Item(
        "The complete search, small bounds",
        ("poolcheck", "explore", "--sessions", "1", "--tasks", "1", "--json"),
        180,
        Speed.QUICK,
        readers.explored,
    ),
    Item(
        "The complete search",
        ("poolcheck", "explore", "--json"),
        1_800,
        Speed.SLOW,
        readers.explored,
    ),
    Item(
        "The machines, and what fired",
        (*_PYTEST, "machines/", "--transitions"),
        300,
        Speed.SLOW,
        readers.fired,
    ),
    Item(
        "The gate",
        ("poolcheck", "gate", "--history", "none", "--json"),
        600,
        Speed.SLOW,
        readers.gated,
    ),
    Item("Planted bugs", ("poolcheck", "selfcheck", "--json"), 1_800, Speed.SLOW, readers.hunted),
    Item(
        "All tests",
        (*_PYTEST, "-n", "2", "--cov", "--cov-branch", "--history", "tests/", "machines/"),
        1_200,
        Speed.SLOW,
        readers.covered,
    ),
    Item(
        "Chaos and damaged bytes",
        (*_PYTEST, "-m", "chaos or fuzz", "tests/"),
        1_800,
        Speed.SLOW,
        readers.tests,
    ),
    Item(
        "Performance tests",
        (*_PYTEST, "-m", "performance", "tests/"),
        1_800,
        Speed.SLOW,
        readers.tests,
    ),
)

# Numbers that later ones are held against.
BASELINES: Final = (
    Item(
        "What the history's statistics find",
        ("python", "-m", "machines.history.measure", "--histories", "20", "--series", "100"),
        180,
        Speed.QUICK,
        readers.measured,
    ),
    Item("The history", ("poolcheck", "history", "--json"), 60, Speed.SLOW, readers.remembered),
    Item(
        "The bench's bars",
        ("poolcheck", "bench", "--bars", "--json"),
        1_800,
        Speed.SLOW,
        readers.benched,
    ),
)

ITEMS: Final = (COUNT, COLLECT, *CHECKS, *BASELINES)
