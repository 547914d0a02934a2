"""The pytest plugin: layers, replays, the summary, and a run that did nothing is no pass.

Loaded in every pytest run where poolcheck is installed, so it imports nothing of weight until a
machine asks for it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from machines.tally import LAYERS, Tallies, Tally

if TYPE_CHECKING:
    from hypothesis import settings
    from hypothesis.database import ExampleDatabase

    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.prove import Prove
    from machines.reachable import Reachable
    from machines.summary import Summary, Wanted

SAVED: Final = "artifacts/counterexamples"
FREE: Final = "free"
LAYERED: Final = ("poolcheck_layer", "poolcheck_free")
PLANTED: Final = "artifacts/reports/planted"
EXAMPLES: Final = "artifacts/examples"

pytest_plugins: Final = ("machines.harness.fixtures", "machines.suites.told")

_tallies_key: Final = pytest.StashKey[Tallies]()
_database_key: Final = pytest.StashKey["ExampleDatabase | None"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `pytest machines/`."""
    group = parser.getgroup("poolcheck", "pools of worker processes, model-checked")
    group.addoption(
        "--layer",
        default=",".join(LAYERS),
        help="layers to run on, of sim, wire, real, free (default: all)",
    )
    group.addoption(
        "--replay",
        action="append",
        metavar="FILE",
        help="replay this counterexample instead of the saved ones (may be repeated)",
    )
    group.addoption(
        "--counterexamples",
        metavar="DIR",
        help=f"where counterexamples are kept (default: {SAVED}; with --mutant: {PLANTED})",
    )
    group.addoption(
        "--examples",
        metavar="PLACE,…",
        default=EXAMPLES,
        help="where Hypothesis keeps what failed: a directory, redis://HOST:PORT/NUMBER, "
        f"github:OWNER/REPOSITORY, or none (default: {EXAMPLES})",
    )
    group.addoption(
        "--mutant",
        metavar="NAME",
        help="plant this bug in the pool first, to see what a failure looks like",
    )
    group.addoption(
        "--as-found",
        action="store_true",
        help="tell violations as they are found, neither shrunk nor saved nor replayed",
    )
    group.addoption(
        "--transitions",
        nargs="?",
        const="",
        metavar="DIR",
        help="tell at length which transitions fired; also write DIR/transitions.json",
    )
    group.addoption(
        "--history",
        nargs="?",
        const="",
        metavar="URL",
        help="keep each test's outcome and duration: in $POOLCHECK_HISTORY, else in "
        "artifacts/history.sqlite, unless said otherwise (docs/history.md)",
    )
    group.addoption(
        "--transitions-fail-under",
        metavar="PERCENT",
        help="fail if less of what is reachable fired on a layer",
    )


def pytest_load_initial_conftests(args: list[str]) -> None:
    """`--transitions` and `--history` by themselves take nothing, though a path may follow."""
    args[:] = [f"{arg}=" if arg in ("--transitions", "--history") else arg for arg in args]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Options are checked, and the profiles are known before Hypothesis loads one."""
    layers = _layers(config)
    unknown = sorted(set(layers) - set(LAYERS))
    if unknown or not layers:
        said = config.getoption("--layer")
        raise pytest.UsageError(f"--layer {said!r}: layers are {', '.join(LAYERS)}")
    for file in config.getoption("--replay") or ():
        if not Path(file).is_file():
            raise pytest.UsageError(f"--replay {file}: there is no such file")
    _check_mutant(config.getoption("--mutant"))
    _percent(config.getoption("--transitions-fail-under"))
    if config.getoption("--examples") != EXAMPLES:
        _database(config)
    if config.getoption("--history") is not None:
        _remember(config)
    config.stash[_tallies_key] = Tallies()
    if config.getoption("--hypothesis-profile", None):
        _register_profiles()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--replay` only the replays are run, of all that concerns machines.

    What runs on no chosen layer, of which pytest would make an item to be skipped, is none.
    """
    kept = [item for item in items if not _is_layerless(item)]
    if config.getoption("--replay"):
        kept = [i for i in kept if _layer_of(i) is None or "poolcheck_file" in _parameters(i)]
    dropped = [item for item in items if item not in kept]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Machines run on each chosen layer; replays on each with each counterexample."""
    if "poolcheck_file" in metafunc.fixturenames:
        files = _files(metafunc.config)
        metafunc.parametrize("poolcheck_file", files, ids=[file.stem for file in files])
    if "poolcheck_layer" in metafunc.fixturenames:
        from machines.drivers import Layer  # noqa: PLC0415 - see the module's docstring

        layers = [Layer(name) for name in _layers(metafunc.config) if name != FREE]
        metafunc.parametrize("poolcheck_layer", layers, ids=[layer.value for layer in layers])

    if "poolcheck_free" in metafunc.fixturenames:
        free = [name for name in _layers(metafunc.config) if name == FREE]
        metafunc.parametrize("poolcheck_free", free, indirect=True)


@pytest.fixture
def poolcheck_free(request: pytest.FixtureRequest) -> Tally:
    """What is counted for the summary on the layer `free`, which has no schedule."""
    return request.config.stash[_tallies_key].on(request.param)


@pytest.fixture
def poolcheck_tally(poolcheck_layer: Layer, request: pytest.FixtureRequest) -> Tally:
    """What is counted for the summary on this test's layer."""
    return request.config.stash[_tallies_key].on(poolcheck_layer.value)


@pytest.fixture
def poolcheck_parts(request: pytest.FixtureRequest) -> Parts:
    """The pool that is tested, with the bug of `--mutant` in it, if one is named."""
    from machines.mutants import BY_NAME  # noqa: PLC0415 - see the module's docstring
    from machines.parts import POOL  # noqa: PLC0415 - see the module's docstring

    name = request.config.getoption("--mutant")
    return BY_NAME[name].parts if name else POOL


@pytest.fixture
def poolcheck_reachable() -> Reachable:
    """What can fire at all, as the last search left it."""
    from machines.reachable import load  # noqa: PLC0415 - see the module's docstring

    return load()


@pytest.fixture
def poolcheck_seed(request: pytest.FixtureRequest) -> int | None:
    """The number given with `--hypothesis-seed`; None if none was, or if it is `random`."""
    said = request.config.getoption("--hypothesis-seed", None)
    return int(said) if said is not None and str(said).isdigit() else None


@pytest.fixture
def poolcheck_origin(request: pytest.FixtureRequest, poolcheck_seed: int | None) -> dict[str, str]:
    """What a new counterexample says of where it came from."""
    name = request.config.getoption("--mutant")
    origin = {} if poolcheck_seed is None else {"seed": str(poolcheck_seed)}
    return {**origin, "mutant": name} if name else origin


@pytest.fixture
def poolcheck_folder(request: pytest.FixtureRequest) -> Path | None:
    """Where new counterexamples are kept; those of a planted bug not among the pool's own.

    None is returned if they are not kept.
    """
    config = request.config
    if config.getoption("--as-found"):
        return None
    if config.getoption("--mutant") and not config.getoption("--counterexamples"):
        return config.rootpath / PLANTED
    return _folder(config)


@pytest.fixture
def poolcheck_budget(request: pytest.FixtureRequest) -> settings:
    """The chosen Hypothesis profile; `dev` unless one is named."""
    from hypothesis import Phase, settings  # noqa: PLC0415 - see the module's docstring

    _register_profiles()
    config = request.config
    profile = settings.get_profile(config.getoption("--hypothesis-profile", None) or "dev")
    if config.getoption("--as-found"):
        return settings(profile, phases=[Phase.generate])
    if profile.derandomize:  # Hypothesis's own profile for CI; it has no database
        return profile
    return settings(profile, database=_database(config))


@pytest.fixture
def poolcheck_prove(
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_budget: settings,
    poolcheck_parts: Parts,
    poolcheck_folder: Path | None,
    poolcheck_seed: int | None,
    poolcheck_origin: dict[str, str],
) -> Prove:
    """Runs a machine on this test's layer, with all of the above."""
    from machines.prove import Prove  # noqa: PLC0415 - see the module's docstring

    return Prove(
        poolcheck_layer,
        poolcheck_tally,
        poolcheck_budget,
        poolcheck_parts,
        poolcheck_folder,
        poolcheck_seed,
        poolcheck_origin,
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on it is known on which layers something must be executed."""
    config = session.config
    chosen = [_layer_of(item) for item in session.items]
    due = {layer for layer in chosen if layer is not None}
    narrowed = config.getoption("-k") or config.getoption("-m") or "::" in " ".join(config.args)
    if due and not narrowed:
        due |= set(_layers(config))
        if config.getoption("--layer") == ",".join(LAYERS) and FREE not in chosen:
            due.discard(FREE)  # nobody asked for it, and few tests run there
    if not config.getoption("--collect-only"):
        config.stash[_tallies_key].due = due
        config.stash[_tallies_key].stories = {
            str(_layer_of(item))
            for item in session.items
            if "poolcheck_reachable" in getattr(item, "fixturenames", ())
        }


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run of machines fails that executed nothing on a layer, or less than was demanded."""
    tallies = session.config.stash[_tallies_key]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # one of several processes; the one that leads them judges
        output["poolcheck"] = tallies.plain()
        return
    if not tallies.due:
        return
    summary = _summary(session.config)
    summary.write()
    if exitstatus == 0 and any(summary.shortfalls()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What another process of this session counted is counted here."""
    counted = getattr(node, "workeroutput", {}).get("poolcheck")
    if counted is not None:
        node.config.stash[_tallies_key].merge(counted)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What was done on each layer, in a table."""
    tallies = config.stash[_tallies_key]
    if not tallies.due:
        return
    terminalreporter.section("poolcheck")
    summary = _summary(config)
    for line in summary.lines():
        terminalreporter.write_line(line)
    for line in summary.shortfalls():
        terminalreporter.write_line(line, red=True)


def _summary(config: pytest.Config) -> Summary:
    from machines.summary import Summary  # noqa: PLC0415 - see the module's docstring

    return Summary(config.stash[_tallies_key], _wanted(config))


def _wanted(config: pytest.Config) -> Wanted:
    from machines.summary import Wanted  # noqa: PLC0415 - see the module's docstring

    said = config.getoption("--transitions-fail-under")
    strict = config.getoption("--hypothesis-profile", None) in ("gate", "nightly")
    return Wanted(config.getoption("--transitions"), _percent(said), strict)


def _percent(said: str | None) -> float | None:
    """The number of percent; a bad one ends the run with exit code 2."""
    if said is None:
        return None
    try:
        percent = float(said)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        words = f"--transitions-fail-under {said!r}: a number of percent is needed, 0 to 100"
        pytest.exit(words, returncode=2)
    return percent


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def _layer_of(item: pytest.Item) -> str | None:
    """The layer that a machine's item runs on; None if it is no machine's."""
    layer = next((_parameters(item)[name] for name in LAYERED if name in _parameters(item)), None)
    return None if layer is None else str(layer)


def _is_layerless(item: pytest.Item) -> bool:
    """Whether the item was to run on layers, and none that it can run on was chosen."""
    return any(
        name in _parameters(item) and not isinstance(_parameters(item)[name], str)
        for name in LAYERED
    )


def _layers(config: pytest.Config) -> list[str]:
    said = str(config.getoption("--layer"))
    return [name.strip() for name in said.split(",") if name.strip()]


def _folder(config: pytest.Config) -> Path:
    return config.rootpath / str(config.getoption("--counterexamples") or SAVED)


def _files(config: pytest.Config) -> list[Path]:
    chosen = config.getoption("--replay")
    if chosen:
        return [Path(file) for file in chosen]
    return sorted(_folder(config).glob("*.json"))


def _database(config: pytest.Config) -> ExampleDatabase | None:
    """Where Hypothesis keeps what failed; a bad place ends the run."""
    from machines.examples import database_of  # noqa: PLC0415 - see the module's docstring

    if _database_key not in config.stash:
        closing = contextlib.ExitStack()
        config.add_cleanup(closing.close)
        places = str(config.getoption("--examples"))
        try:
            config.stash[_database_key] = database_of(places, config.rootpath, closing)
        except ValueError as error:
            raise pytest.UsageError(f"--examples {error}") from error
    return config.stash[_database_key]


def _remember(config: pytest.Config) -> None:
    """What this session sees is kept in the history."""
    from machines.history import hook  # noqa: PLC0415 - see the module's docstring

    place = hook.place_wanted(config)
    if place:
        config.pluginmanager.register(hook.Hook(place, config.rootpath), hook.NAME)


def _check_mutant(name: str | None) -> None:
    if name is None:
        return
    from machines.mutants import BY_NAME  # noqa: PLC0415 - see the module's docstring

    if name not in BY_NAME:
        raise pytest.UsageError(f"--mutant {name!r}: mutants are {', '.join(sorted(BY_NAME))}")


def _register_profiles() -> None:
    from hypothesis import settings  # noqa: PLC0415 - see the module's docstring

    settings.register_profile("dev", max_examples=1_000, stateful_step_count=50)
    settings.register_profile("gate", max_examples=5_000, stateful_step_count=50)
    settings.register_profile("nightly", max_examples=50_000, stateful_step_count=80)
