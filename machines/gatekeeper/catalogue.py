"""The catalogue: every check of the gate, as data, in the order in which they are told."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from machines.gatekeeper import figures, readers
from machines.gatekeeper.check import Check, Command, Cores
from machines.gatekeeper.listed import LIST, listed
from machines.gatekeeper.pace import SLOWER_MAX
from machines.gatekeeper.sample import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from machines.gatekeeper.check import Plan, Ran, Reading

FIXED_SEED: Final = 0
WALKS: Final = {"wire": 500, "real": 25}
PROCESS_WALKS: Final = 10
SAMPLE_WALKS: Final = 200
REPLAYS: Final = 3
TIMES: Final = 5
HASH_SEEDS: Final = ("1", "2")
# The tests of what decides: each pattern of tests/unit, what the machines do once and for all, and
# of the abstract pool's tests those that need no second engine.
_DECIDES: Final = (
    "abstract",
    "breaker*",
    "config",
    "core*",
    "dispatch",
    "errors",
    "exits",
    "fire_timer",
    "graph",
    "health",
    "lifecycle",
    "linearizability",
    "model_worker",
    "moves",
    "prefetch",
    "promises*",
    "recovery",
    "sessions*",
    "sometimes",
    "staffing",
    "stats",
)
_DECIDED: Final = (
    "machines/test_counterexamples.py",
    "machines/test_policies.py",
    "machines/test_tables.py",
    "machines/test_transitions.py",
    "tests/unit/test_engines.py::test_a_state_that_must_not_be_is_named",
    "tests/unit/test_engines.py::test_the_tables_search_sees_a_deadlock",
)
# Whose choices follow from Hypothesis's seed.
_SEEDED: Final = (
    "pool",
    "burst",
    "worker_lifecycle",
    "sessions",
    "recovery",
    "one_worker",
    "several_clients",
)
# Whose outcomes are compared: quick ones, of what decides and of what is written to pipes.
_REPEATED: Final = ("breaker", "dispatch", "health", "lifecycle", "recovery", "sessions")
_PYTEST: Final = ("pytest", "-q", "-p", "no:cacheprovider")
# What a search finishes here in the time that it has; which bounds were complete is in the output.
_BOUNDS: Final = (("--workers", "2", "--sessions", "2", "--tasks", "2", "--faults", "1"),)


def _junit(plan: Plan, check: str) -> tuple[str, str]:
    return ("--junitxml", str(plan.place(check) / "junit.xml"))


def _counterexamples(plan: Plan) -> Sequence[Command]:
    file = "machines/test_counterexamples.py"
    return [Command((*_PYTEST, file, "--layer", "sim,wire,real", *_junit(plan, "counterexamples")))]


def _replayed(plan: Plan, ran: Sequence[Ran]) -> Reading:
    return readers.counterexamples(plan, ran, listed(plan.root))


def _fixed(plan: Plan) -> Sequence[Command]:
    return [_machines(plan, "machines", FIXED_SEED, ("sim",))]


def _fresh(plan: Plan) -> Sequence[Command]:
    return [_machines(plan, "fresh", plan.seed, readers.LAYERS)]


def _machines(plan: Plan, check: str, seed: int, layers: Sequence[str]) -> Command:
    files = [f"machines/test_{name}.py" for name in _SEEDED]
    where = ("--layer", ",".join(layers), "--hypothesis-profile", "gate")
    chosen = (*where, "--hypothesis-seed", str(seed))
    return Command((*_PYTEST, *files, *chosen, *_spread(plan), *_junit(plan, check)))


def _free(plan: Plan) -> Sequence[Command]:
    file, seed = "machines/test_free.py", ("--hypothesis-seed", str(plan.seed))
    return [Command((*_PYTEST, file, "--layer", "free", *seed, *_junit(plan, "free")))]


def _crash_points(plan: Plan) -> Sequence[Command]:
    files = [f"machines/test_{name}.py" for name in ("crash_points", "tables", "policies")]
    layers = ("--layer", "sim,wire,real", "--hypothesis-seed", str(FIXED_SEED))
    return [Command((*_PYTEST, *files, *layers, *_junit(plan, "crash-points")))]


def _spread(plan: Plan) -> tuple[str, ...]:
    if plan.processes == 1:
        return ()
    return ("-n", str(plan.processes), "--dist", "worksteal")


def _transitions(plan: Plan) -> Sequence[Command]:
    demands = ("--transitions-fail-under", "100", "--hypothesis-profile", "gate")
    layers = ("--layer", "sim,wire,real", f"--transitions={plan.place('transitions')}")
    file = "machines/test_transitions.py"
    return [Command((*_PYTEST, file, *layers, *demands, *_junit(plan, "transitions")))]


def _search(plan: Plan) -> Sequence[Command]:
    processes = ("--processes", str(plan.processes))
    return [Command(("poolcheck", "explore", *bounds, *processes, "--json")) for bounds in _BOUNDS]


def _agreement(plan: Plan) -> Sequence[Command]:
    walks = ("--agreement", str(WALKS["wire"]), "--real", str(WALKS["real"]))
    return [Command(("poolcheck", "check", *walks, "--seed", str(plan.seed), "--json"))]


def _processes(plan: Plan) -> Sequence[Command]:
    module = ("python", "-m", "machines.gatekeeper.processes")
    return [Command((*module, "--walks", str(PROCESS_WALKS), "--seed", str(plan.seed)))]


def _determinism(plan: Plan) -> Sequence[Command]:
    module = ("python", "-m", "machines.gatekeeper.determinism")
    words = (*module, "--walks", str(SAMPLE_WALKS), "--seed", str(plan.seed))
    return [Command(words, {"PYTHONHASHSEED": seed}) for seed in HASH_SEEDS]


def _planted(plan: Plan) -> Sequence[Command]:
    names = [word for name in sample(plan.rotation) for word in ("--mutant", name)]
    return [Command(("poolcheck", "selfcheck", *names, "--real", str(REPLAYS), "--json"))]


def _coverage(plan: Plan) -> Sequence[Command]:
    place = plan.place("coverage")
    folder = plan.root / "tests" / "unit"
    found = [path for name in _DECIDES for path in sorted(folder.glob(f"test_{name}.py"))]
    files = [str(path.relative_to(plan.root)) for path in found]
    report = f"json:{place / 'coverage.json'}"
    measure = ("--cov=model", "--cov=pool", "--cov-branch", "--cov-report", report)
    words = (*_PYTEST, *files, *_DECIDED, "--layer", "sim", "--hypothesis-seed", "0")
    data = {"COVERAGE_FILE": str(place / "data")}
    return [Command((*words, *measure, *_junit(plan, "coverage")), data)]


def _arrows(plan: Plan) -> Sequence[Command]:
    return [Command((*_PYTEST, "tests/unit/test_arrows.py", *_junit(plan, "arrows")))]


def _types(_: Plan) -> Sequence[Command]:
    return [Command(("mypy",))]


def _lint(_: Plan) -> Sequence[Command]:
    return [
        Command(("ruff", "check", "--show-files")),
        Command(("ruff", "check", "--output-format", "json")),
        Command(("ruff", "format", "--check")),
    ]


def _history(plan: Plan) -> Sequence[Command]:
    place = plan.place("history") / "runs.sqlite"
    files = [f"tests/unit/test_{name}.py" for name in _REPEATED]
    again = Command((*_PYTEST, *files, f"--history={place}"))
    asked = ("poolcheck", "history", "--history", str(place), "--fail-on", "flaky", "--json")
    return [*[again] * TIMES, Command(asked)]


def _pace(_: Plan) -> Sequence[Command]:
    return [Command(("python", "-m", "machines.gatekeeper.pace"))]


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "counterexamples",
        "every saved counterexample is on every layer as its status says",
        f"each file that {LIST} names, on sim, wire and real",
        _counterexamples,
        _replayed,
        budget_s=300,
    ),
    Check(
        "transitions",
        "everything that can fire does, on every layer",
        "100 % on sim, wire and real",
        _transitions,
        readers.transitions,
        budget_s=300,
    ),
    Check(
        "machines",
        "the machines find nothing; the same each time",
        "no promise broken on sim, with the profile `gate` and one seed for ever",
        _fixed,
        functools.partial(readers.machines, check="machines", layers=("sim",)),
        budget_s=300,
        cores=Cores.ALL,
    ),
    Check(
        "fresh",
        "the machines find nothing; another seed each time",
        "no promise broken on sim, wire and real, with the profile `gate` and this run's seed",
        _fresh,
        functools.partial(readers.machines, check="fresh", layers=readers.LAYERS),
        budget_s=300,
        cores=Cores.ALL,
    ),
    Check(
        "free",
        "the production loop breaks nothing under clients, threads and signals",
        "no promise broken",
        _free,
        functools.partial(readers.machines, check="free", layers=("free",)),
        budget_s=300,
    ),
    Check(
        "crash-points",
        "wherever a worker dies nothing breaks, and the tables say the same",
        "no exception, on sim, wire and real",
        _crash_points,
        functools.partial(readers.tests, check="crash-points"),
        budget_s=300,
    ),
    Check(
        "search",
        "every schedule within bounds, to the end",
        "complete, and nothing found",
        _search,
        readers.search,
        budget_s=300,
        cores=Cores.ALL,
    ),
    Check(
        "agreement",
        "wire and real do what sim does",
        "100 % of the walks",
        _agreement,
        readers.agreement,
        budget_s=300,
    ),
    Check(
        "processes",
        "what runs on real are processes",
        "as many as workers, as the kernel shows them",
        _processes,
        figures.processes,
        budget_s=300,
    ),
    Check(
        "determinism",
        "the same runs under another hash seed",
        "one digest for each run",
        _determinism,
        figures.determinism,
        budget_s=300,
    ),
    Check(
        "planted",
        "planted bugs are found, one of each promise in turn, and the canary",
        "all of them, each by its own promise, on real processes, too",
        _planted,
        readers.planted,
        budget_s=300,
        cores=Cores.ALL,
    ),
    Check(
        "coverage",
        "the tests take every line and branch of what decides",
        "100 % of model/ and of the pool's core",
        _coverage,
        figures.coverage,
        budget_s=300,
    ),
    Check(
        "arrows",
        "nothing is imported against the arrows, nothing is too large, nobody sleeps",
        "no exception",
        _arrows,
        functools.partial(readers.tests, check="arrows"),
        budget_s=300,
    ),
    Check("types", "mypy, strict", "no complaint", _types, readers.types, budget_s=300),
    Check("lint", "ruff's rules and format", "no complaint", _lint, readers.lint, budget_s=300),
    Check(
        "history",
        "the same tests on the same code come to the same, time after time",
        f"no test that differs in {TIMES} runs",
        _history,
        figures.history,
        budget_s=300,
    ),
    Check(
        "pace",
        "nothing has become slower",
        f"at most {SLOWER_MAX:.2f} times the baseline",
        _pace,
        figures.pace,
        budget_s=300,
        cores=Cores.ALONE,
    ),
)
BY_NAME: Final = {check.name: check for check in CHECKS}
