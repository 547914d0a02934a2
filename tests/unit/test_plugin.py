"""The pytest plugin: bad options, the summary, and that a run which did nothing is no pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SAVED = ROOT / "artifacts" / "counterexamples" / "L2-1653ec6a.json"
REPLAYING = ROOT / "machines" / "test_counterexamples.py"
IDLE = "nothing was executed on {}: that is a failure, not a pass"

DOES_NOTHING = """
    def test_machine(poolcheck_layer, poolcheck_tally):
        pass
"""
DOES_SOMETHING = """
    from machines.run import Run
    from machines.trace import Deliver, Setting

    def test_machine(poolcheck_layer, poolcheck_tally):
        with Run(Setting(1), poolcheck_layer) as run:
            run.do(Deliver(0))
            poolcheck_tally.add(run, run.finish())

    def test_nothing(poolcheck_layer):
        pass
"""
LEAVES_WIRE_OUT = """
    def test_machine(poolcheck_layer, poolcheck_tally):
        poolcheck_tally.replays += poolcheck_layer != "wire"
"""

Pytest = "Callable[..., pytest.RunResult]"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs pytest by itself on a test module made of this source."""

    def go(source: str, *options: object) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *map(str, options))

    return go


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--layer", "freely"], "--layer 'freely': layers are sim, wire, real, free"),
        (["--layer", "sim,mock"], "--layer 'sim,mock': layers are sim, wire, real, free"),
        (["--layer", ""], "--layer '': layers are sim, wire, real, free"),
        (["--layer", ","], "--layer ',': layers are sim, wire, real, free"),
        (["--replay", "none.json"], "--replay none.json: there is no such file"),
        (["--replay", "."], "--replay .: there is no such file"),
        (["--mutant", "none-such"], "--mutant 'none-such': mutants are "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_ends_the_run_with_exit_code_4_and_one_line(
    run: Pytest, options: list[str], says: str
) -> None:
    result = run(DOES_SOMETHING, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.errlines if line]
    assert len(lines) == 1
    assert says in lines[0]
    assert "Traceback" not in result.stdout.str()


def test_a_layer_without_a_schedule_is_due_where_it_was_asked_for(run: Pytest) -> None:
    counts = "def test_free(poolcheck_free):\n    poolcheck_free.examples += 1"
    assert run(counts, "--layer", "free").ret == 0
    idle = "def test_free(poolcheck_free):\n    assert poolcheck_free.examples == 0"
    result = run(idle, "--layer", "free")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert IDLE.format("free") in result.stdout.str()
    assert run(DOES_SOMETHING).ret == 0, "it has no test there, and nobody asked for it"
    result = run(DOES_SOMETHING, "--layer", "sim,free")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("layer", ["sim", "wire", "real"])
def test_a_run_that_executes_nothing_on_a_chosen_layer_fails(run: Pytest, layer: str) -> None:
    result = run(DOES_NOTHING, "--layer", layer)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([IDLE.format(layer)])


def test_without_a_choice_every_layer_is_due(run: Pytest) -> None:
    result = run(DOES_NOTHING)
    result.assert_outcomes(passed=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random([IDLE.format(layer) for layer in ("sim", "wire", "real")])


def test_one_idle_layer_among_several_fails_the_run(run: Pytest) -> None:
    result = run(LEAVES_WIRE_OUT)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([IDLE.format("wire")])
    assert IDLE.format("sim") not in result.stdout.str()
    assert run(LEAVES_WIRE_OUT, "--layer", "sim,real").ret == 0


def test_an_idle_layer_is_idle_over_several_processes_too(run: Pytest) -> None:
    result = run(LEAVES_WIRE_OUT, "-n", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([IDLE.format("wire")])


FIRES_A_MOVE = """
    from machines.run import execute
    from machines.setting import Setting
    from machines.trace import Deliver, Trace

    def test_machine(poolcheck_layer, poolcheck_tally):
        poolcheck_tally.replayed(execute(Trace(Setting(1), (Deliver(0),)), poolcheck_layer))
"""


def test_transitions_are_told_at_length_only_where_that_is_wanted(run: Pytest) -> None:
    wanted = run(FIRES_A_MOVE, "--transitions", "--layer", "sim,wire")
    assert wanted.ret == 0
    wanted.stdout.re_match_lines(
        [
            r"fired/reachable +worker +session +breaker +task +all$",
            r"sim +3/\d+ +0/\d+ +0/\d+ +0/\d+ +0\.\d %$",
            r"wire +3/\d+ +0/\d+ +0/\d+ +0/\d+ +0\.\d %$",
            r"not fired on sim: \w+: .* → .* \(.*\)$",
            r"    with size=1\b.*: .*$",
            r"and \d+ more on sim$",
            r"times \(in flight\) +sim +wire$",
            r"deliver +1 \(0\) +1 \(0\)$",
        ]
    )
    first = next(at for at, line in enumerate(wanted.outlines) if line.startswith("layer "))
    summary = wanted.outlines[first:]
    assert max(map(len, summary)) <= 80
    assert "not fired" not in run(FIRES_A_MOVE, "--layer", "sim").stdout.str()


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_transitions_are_written_where_the_option_says(
    run: Pytest, pytester: pytest.Pytester, processes: list[str]
) -> None:
    options = ("--transitions=some/where", "--layer", "sim,wire", *processes)
    assert run(FIRES_A_MOVE, *options).ret == 0
    told = json.loads((pytester.path / "some" / "where" / "transitions.json").read_text())
    ready = "worker: initializing → ready (init_complete)"
    assert ready in told["reachable"]
    assert list(told["layers"]) == ["sim", "wire"]
    for layer in told["layers"].values():
        assert layer["fired"][ready] == 1
        assert 0 < layer["percent"] < 1
        assert len(layer["missing"]) == len(told["reachable"]) - 3
        assert {"tuple", "shortest"} <= set(layer["missing"][0])
        assert layer["missing"][0]["shortest"][0]["do"]


def test_a_path_after_the_plain_option_is_no_directory(
    run: Pytest, pytester: pytest.Pytester
) -> None:
    result = run(FIRES_A_MOVE, "--layer", "sim", "--transitions", ".")
    result.assert_outcomes(passed=1)
    assert not (pytester.path / "transitions.json").exists()


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_a_layer_on_which_too_little_fired_fails_the_run(run: Pytest, processes: list[str]) -> None:
    enough = ("--layer", "sim", "--transitions-fail-under")
    assert run(FIRES_A_MOVE, *enough, "0.1", *processes).ret == 0
    result = run(FIRES_A_MOVE, *enough, "100", *processes)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines([r"transitions on sim: 3 of \d+ fired, less than 100 %$"])


@pytest.mark.parametrize("value", ["much", "101", "-1", "nan", ""])
def test_a_bad_percentage_ends_the_run_with_exit_code_2_and_one_line(
    run: Pytest, value: str
) -> None:
    result = run(FIRES_A_MOVE, f"--transitions-fail-under={value}")
    assert result.ret == 2
    lines = [line for line in result.errlines if line]
    assert lines == [
        f"Exit: --transitions-fail-under {value!r}: a number of percent is needed, 0 to 100"
    ]


def test_nothing_is_demanded_of_a_run_without_machines(run: Pytest) -> None:
    assert run("def test_plain(): pass", "--transitions-fail-under", "100").ret == 0


OWES_EVERYTHING = """
    def test_stories(poolcheck_layer, poolcheck_tally, poolcheck_reachable):
        poolcheck_tally.replays += 1
"""


@pytest.mark.parametrize(("profile", "code"), [("dev", 0), ("gate", 1), ("nightly", 1)])
def test_what_never_happened_fails_the_run_under_the_strict_profiles(
    run: Pytest, profile: str, code: int
) -> None:
    result = run(OWES_EVERYTHING, "--layer", "sim", "--hypothesis-profile", profile)
    assert result.ret == code
    result.stdout.re_match_lines(
        [
            r"never on sim: a session outlived another's worker$",
            r"never on sim: the breaker opened and closed again$",
            r"never on sim: a retry succeeded$",
            r"never on sim: crash happened while a task was in flight$",
            r"and \d+ more that never happened on sim$",
        ]
    )


def test_what_never_happened_is_no_concern_of_a_part_of_the_machines(run: Pytest) -> None:
    result = run(FIRES_A_MOVE, "--layer", "sim", "--hypothesis-profile", "gate")
    assert result.ret == 0
    assert "never on sim" not in result.stdout.str()


def test_a_run_that_does_something_on_each_layer_passes_with_a_table(run: Pytest) -> None:
    result = run(DOES_SOMETHING)
    result.assert_outcomes(passed=6)
    assert result.ret == 0
    result.stdout.re_match_lines(
        [
            r"=+ poolcheck =+",
            r"layer +examples +steps +transitions fired +replayed$",
            r"sim +1 +1 +3 of \d{3,} +0$",
            r"wire +1 +1 +3 of \d{3,} +0$",
            r"real +1 +1 +3 of \d{3,} +0$",
        ]
    )


def test_the_table_counts_all_processes_of_the_session(run: Pytest) -> None:
    result = run(DOES_SOMETHING, "-n", "2", "--layer", "sim,wire")
    assert result.ret == 0
    result.stdout.re_match_lines([r"sim +1 +1 +3 of \d+ +0$", r"wire +1 +1 +3 of \d+ +0$"])


def test_a_failed_machine_still_fails_with_its_table(run: Pytest) -> None:
    result = run("def test_machine(poolcheck_layer): assert False", "--layer", "sim")
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["layer *examples*"])


@pytest.mark.parametrize("options", [["-k", "nothing"], ["test_narrow.py::test_nothing"]])
def test_a_run_narrowed_to_some_tests_owes_only_their_layers(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    source = "def test_nothing(): pass\ndef test_machine(poolcheck_layer, poolcheck_tally): pass"
    pytester.makepyfile(test_narrow=source)
    assert pytester.runpytest_subprocess(*options).ret == 0
    assert pytester.runpytest_subprocess("-k", "machine and sim").ret == 1


def test_a_run_without_machines_has_no_table_and_owes_nothing(run: Pytest) -> None:
    result = run("def test_plain(): pass")
    assert result.ret == 0
    assert "poolcheck" not in "".join(line for line in result.outlines if line.startswith("="))


def test_collecting_alone_owes_nothing(run: Pytest) -> None:
    result = run(DOES_NOTHING, "--collect-only", "-q")
    assert result.ret == 0
    assert "nothing was executed" not in result.stdout.str()


def test_machines_run_on_the_chosen_layers_only(run: Pytest) -> None:
    result = run(DOES_SOMETHING, "--layer", " wire , sim ", "-v")
    result.assert_outcomes(passed=4)
    assert "[real]" not in result.stdout.str()


def test_a_named_bug_is_planted_and_told_as_the_origin(run: Pytest) -> None:
    source = """
        from machines.mutants import BY_NAME
        from machines.parts import POOL

        def test_parts(poolcheck_parts, poolcheck_origin, request):
            name = request.config.getoption("--mutant")
            assert poolcheck_parts is (BY_NAME[name].parts if name else POOL)
            expected = {"seed": "5", "mutant": name} if name else {}
            assert poolcheck_origin == expected
    """
    assert run(source, "--mutant", "skips-reaping", "--hypothesis-seed=5").ret == 0
    assert run(source).ret == 0


@pytest.mark.parametrize(("profile", "examples"), [("dev", 1_000), ("gate", 5_000), (None, 1_000)])
def test_a_profile_is_the_budget(run: Pytest, profile: str | None, examples: int) -> None:
    source = f"def test_it(poolcheck_budget): assert poolcheck_budget.max_examples == {examples}"
    options = [f"--hypothesis-profile={profile}"] if profile else []
    assert run(source, *options).ret == 0


def test_counterexamples_are_kept_where_the_option_says(run: Pytest) -> None:
    source = """
        def test_it(poolcheck_folder, request):
            said = request.config.getoption("--counterexamples") or "artifacts/counterexamples"
            assert poolcheck_folder == request.config.rootpath / said
    """
    assert run(source).ret == 0
    assert run(source, "--counterexamples", "else/where").ret == 0


def test_every_counterexample_is_a_test_on_every_layer(
    run: Pytest, pytester: pytest.Pytester
) -> None:
    folder = pytester.mkdir("kept")
    for name in ("b", "a"):
        (folder / f"{name}.json").write_text("")
    source = "def test_it(poolcheck_file, poolcheck_layer): assert poolcheck_file.suffix == '.json'"
    result = run(source, "--counterexamples", "kept", "--layer", "sim,wire", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines_random(["*[[]a-sim[]]*", "*[[]b-wire[]]*"])


def test_a_named_counterexample_is_replayed_instead_of_the_saved_ones(
    pytester: pytest.Pytester,
) -> None:
    options = ("-p", "no:cacheprovider", REPLAYING, "--layer", "sim", "--replay", SAVED)
    held = pytester.runpytest_subprocess(*options)
    held.assert_outcomes(passed=1)
    assert held.ret == 0
    held.stdout.re_match_lines([r"sim +0 +0 +\d+ of \d+ +1$"])
    broken = pytester.runpytest_subprocess(*options, "--mutant", "never-replaced")
    broken.assert_outcomes(failed=1)
    broken.stdout.fnmatch_lines(["*S16 is broken: *"])


def test_a_malformed_counterexample_fails_with_one_line(pytester: pytest.Pytester) -> None:
    path = pytester.path / "bad.json"
    path.write_text("{")
    options = ("-p", "no:cacheprovider", REPLAYING, "--layer", "sim", "--replay", path)
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = [line for line in result.outlines if line.startswith(f"{path}: no JSON: ")]
    assert len(said) == 1
    assert "Traceback" not in result.stdout.str()


KEEPS = """
    def test_machine(poolcheck_layer, poolcheck_tally, poolcheck_budget):
        poolcheck_tally.replays += 1
        print("kept in", poolcheck_budget.database)
"""


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ((), "*DirectoryBasedExampleDatabase(*artifacts/examples*)"),
        (("--examples", "mine"), "*DirectoryBasedExampleDatabase(*/mine*)"),
        (("--examples", "none"), "kept in None"),
        (("--examples", "mine,yours"), "*MultiplexedDatabase(*"),
    ],
    ids=["default", "directory", "none", "two"],
)
def test_what_failed_is_kept_where_that_was_wanted(
    run: Pytest, options: tuple[str, ...], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # there Hypothesis has no database
    result = run(KEEPS, "-s", "--layer", "sim", *options)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"*kept in {kept.removeprefix('kept in ')}"])


def test_a_place_that_is_none_ends_the_run_with_exit_code_4_and_one_line(run: Pytest) -> None:
    result = run(KEEPS, "--examples", "ftp://here")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert "--examples 'ftp://here': places are a directory" in line
