"""The `poolcheck` command as people and machines run it: exit codes, JSON, one-line refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from machines import cli
from machines.drivers import Diverged

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).with_name("poolcheck")
ROOT = Path(__file__).parents[2]
SAVED = ROOT / "artifacts" / "counterexamples"
CRASHED = SAVED / "L2-1653ec6a.json"
LATE = SAVED / "S10-b207a27b.json"
REPLAY_KEYS = {"file", "layer", "verdict", "promise", "step", "digest", "runs", "digests"}
CHECK_KEYS = {"name", "promise", "found", "examples", "seconds", "steps", "real"}
HUGE_BYTES = 100 << 20
MEMORY_BYTES = 100 << 20
LAYERS = ["sim", "wire", "real"]

# Runs the command that follows, passes its output on, and tells the most memory that it had.
WATCHED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.exit(code)
"""

BAD_OPTIONS = [
    (["replay"], "FILES"),
    (["replay", CRASHED, "--layer", "free"], "--layer"),
    (["replay", CRASHED, "--layer", "sim,mock"], "--layer"),
    (["replay", CRASHED, "--layer", ""], "--layer"),
    (["replay", CRASHED, "--layer", ","], "--layer"),
    (["replay", CRASHED, "--times", "0"], "--times"),
    (["replay", CRASHED, "--times", "many"], "--times"),
    (["replay", CRASHED, "--jobs", "0"], "--jobs"),
    (["replay", CRASHED, "--limit", "0"], "--limit"),
    (["replay", CRASHED, "--limit", "nan"], "--limit"),
    (["replay", CRASHED, "--limit", "inf"], "--limit"),
    (["replay", CRASHED, "--limit", "1e300"], "--limit"),
    (["replay", CRASHED, "--mutant", "none-such"], "none-such"),
    (["replay", CRASHED, "--bogus"], "--bogus"),
    (["selfcheck", "--mutant", "none-such"], "none-such"),
    (["selfcheck", "--seed", "x"], "--seed"),
    (["selfcheck", "--real", "-1"], "--real"),
    (["selfcheck", "--save", CRASHED, "--mutant", "never-replaced"], "--save"),
    (["selfcheck", "extra"], "extra"),
    (["bogus"], "bogus"),
    (["--bogus"], "--bogus"),
]
BAD_FILES = [
    (b"", "no JSON"),
    (b"{", "no JSON"),
    (b"\x00\xff\xfe", "no JSON"),
    (b"[]", "a list"),
    (b'{"format": 3}', "$.format"),
    (b'{"format": 1}', "is missing"),
    (b"[" * 500_000, "deep"),
]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def demand_refusal(ran: subprocess.CompletedProcess[str], says: str) -> None:
    """Exit code 2, one line on standard error, nothing else."""
    assert ran.returncode == 2, ran.stderr[-2000:]
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith("\n")
    assert ran.stderr.startswith("poolcheck: ")
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes a changed copy of a saved counterexample."""

    def write(name: str, **changes: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({**json.loads(CRASHED.read_text("utf-8")), **changes}))
        return path

    return write


@pytest.fixture
def stale(saved: Callable[..., Path]) -> Path:
    """A counterexample with a step that no pool offers."""
    return saved("stale.json", steps=[{"do": "deliver", "worker": 0}, {"do": "open", "task": 9}])


@pytest.mark.parametrize("layer", LAYERS)
def test_a_counterexample_that_holds_exits_with_0(layer: str) -> None:
    ran = run("replay", CRASHED, "--layer", layer)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split()[:3] == [CRASHED.name, layer, "holds"]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_counterexample_that_is_violated_exits_with_1_and_tells_the_story(layer: str) -> None:
    ran = run("replay", CRASHED, "--layer", layer, "--mutant", "never-replaced")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.split()[:3] == [CRASHED.name, layer, "violated"]
    assert "S16 is broken: what can be done is done at once" in ran.stdout
    assert "worker 0 is killed (SIGKILL)" in ran.stdout
    assert "S16 at step 2; saved was L2 at step 2" in ran.stdout


def test_a_replay_in_both_worlds_says_in_which_the_promise_was_broken() -> None:
    as_saved = SAVED / "S16-1653ec6a.json"
    ran = run("replay", as_saved, "--mutant", "never-replaced")
    assert "as saved: S16 at step 2" in ran.stdout
    assert "worlds: sim and real, so it is no artefact of the simulation" in ran.stdout
    assert "worlds" not in run("replay", as_saved, "--layer", "sim").stdout


def test_a_stale_counterexample_exits_with_3_and_says_where(stale: Path) -> None:
    ran = run("replay", stale, "--layer", "sim")
    assert (ran.returncode, ran.stderr) == (3, "")
    assert "stale" in ran.stdout
    assert "at step 2: the pool no longer offers this step" in ran.stdout
    assert "instead: " in ran.stdout
    assert "the rest: 0 of 0 later steps were possible, and no promise was broken" in ran.stdout


def test_a_diverged_replay_exits_with_3_and_says_why() -> None:
    deaf = ("--mutant", "deaf-worker", "--limit", "0.3")
    ran = run("replay", CRASHED, "--layer", "real", *deaf)
    assert (ran.returncode, ran.stderr) == (3, "")
    assert "diverged" in ran.stdout
    assert "sent no frame within 0.3 s" in ran.stdout


def test_the_gravest_of_several_verdicts_is_the_exit_code(stale: Path) -> None:
    planted = ("--layer", "sim", "--mutant", "never-replaced")
    assert run("replay", stale, CRASHED, *planted).returncode == 1
    assert run("replay", CRASHED, stale, *planted).returncode == 1
    assert run("replay", CRASHED, stale, "--layer", "sim").returncode == 3
    assert run("replay", stale, CRASHED, "--layer", "sim").returncode == 3


def test_replay_without_a_layer_is_on_every_layer() -> None:
    ran = run("replay", CRASHED, LATE, "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    facts = json.loads(ran.stdout)
    where = [(fact["file"], fact["layer"]) for fact in facts]
    assert where == [(str(file), layer) for file in (CRASHED, LATE) for layer in LAYERS]
    assert len({fact["digest"] for fact in facts}) == 2


@pytest.mark.parametrize("layer", LAYERS)
def test_replay_as_json_is_a_list_of_the_designed_facts(layer: str) -> None:
    ran = run("replay", LATE, "--layer", layer, "--times", "3", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    (facts,) = json.loads(ran.stdout)
    assert set(facts) >= REPLAY_KEYS
    assert (facts["file"], facts["layer"], facts["verdict"]) == (str(LATE), layer, "holds")
    assert (facts["runs"], facts["digests"]) == (3, 1)
    assert len(facts["digest"]) == 64


def test_several_processes_tell_the_same_as_one() -> None:
    words = (CRASHED, LATE, "--layer", "sim,real", "--times", "2", "--mutant", "never-replaced")
    alone, together = run("replay", *words), run("replay", *words, "--jobs", "3")
    assert alone.stdout == together.stdout
    assert (together.returncode, together.stderr) == (1, "")


def test_a_violated_replay_as_json_names_promise_and_step() -> None:
    ran = run("replay", CRASHED, "--json", "--mutant", "never-replaced")
    assert ran.returncode == 1
    facts = json.loads(ran.stdout)
    assert [fact["verdict"] for fact in facts] == ["violated"] * 3
    assert {(fact["promise"], fact["step"]) for fact in facts} == {("S16", 1)}
    assert len({fact["digest"] for fact in facts}) == 1


def test_stale_and_diverged_replays_as_json(stale: Path) -> None:
    (facts,) = json.loads(run("replay", stale, "--layer", "wire", "--json").stdout)
    assert (facts["verdict"], facts["promise"], facts["step"]) == ("stale", None, 1)
    deaf = ("--mutant", "deaf-worker", "--limit", "0.3", "--layer", "real", "--json")
    (facts,) = json.loads(run("replay", CRASHED, *deaf).stdout)
    assert (facts["verdict"], facts["digest"], facts["runs"]) == ("diverged", None, 0)


def test_selfcheck_finds_what_is_planted_and_exits_with_0(tmp_path: Path) -> None:
    names = ("--mutant", "never-replaced", "--mutant", "skips-reaping")
    ran = run("selfcheck", *names, "--real", "1", "--json", "--save", tmp_path / "new")
    assert (ran.returncode, ran.stderr) == (0, "")
    facts = json.loads(ran.stdout)
    assert set(facts) >= {"mutants", "canary"}
    assert facts["canary"] == "found"
    assert [one["name"] for one in facts["mutants"]] == ["never-replaced", "skips-reaping"]
    for one in facts["mutants"]:
        assert set(one) >= CHECK_KEYS
        assert (one["found"], one["real"]) == (True, "1/1")
        assert one["steps"] <= 8
    files = sorted((tmp_path / "new").iterdir())
    assert [file.name.partition("-")[0] for file in files] == ["L2", "S8"]
    again = run("replay", *files, "--layer", "sim")
    assert again.returncode == 0


def test_selfcheck_as_a_table_has_a_row_for_each_bug() -> None:
    ran = run("selfcheck", "--mutant", "never-replaced", "--real", "0")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "never-replaced" in ran.stdout
    assert "1 of 1 found; the canary was found" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "says"), BAD_OPTIONS, ids=[" ".join(map(str, a[0]))[-50:] for a in BAD_OPTIONS]
)
def test_a_bad_option_is_refused_with_one_line(arguments: list[object], says: str) -> None:
    demand_refusal(run(*arguments), says)


@pytest.mark.parametrize(("data", "says"), BAD_FILES, ids=[str(c[0][:20]) for c in BAD_FILES])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_bad_file_is_refused_with_one_line_that_names_it(
    tmp_path: Path, data: bytes, says: str, form: list[str]
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    ran = run("replay", CRASHED, path, *form)
    demand_refusal(ran, says)
    assert str(path) in ran.stderr


def test_a_missing_file_and_a_folder_are_refused_with_one_line(tmp_path: Path) -> None:
    demand_refusal(run("replay", tmp_path / "none.json"), "none.json: cannot be read")
    demand_refusal(run("replay", tmp_path), "Is a directory")
    demand_refusal(run("replay", "two\nlines.json"), "cannot be read")


def test_a_folder_that_cannot_be_made_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    where = tmp_path / "file" / "folder"
    ran = run("selfcheck", "--mutant", "never-replaced", "--real", "0", "--save", where)
    demand_refusal(ran, str(where))


def test_a_hundred_mebibytes_of_nested_lists_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        for _ in range(HUGE_BYTES >> 20):
            file.write(b"[" * (1 << 20))
    arguments = [sys.executable, "-c", WATCHED, COMMAND, "replay", path]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    kibibytes, ran.stdout = int(ran.stdout), ""
    demand_refusal(ran, f"{path}: more than 1048576 bytes")
    assert kibibytes * 1024 < MEMORY_BYTES


def test_help_and_version_exit_with_0() -> None:
    for arguments in (["--help"], ["replay", "--help"], ["selfcheck", "--help"], ["--version"]):
        ran = run(*arguments)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout


def test_a_hunt_that_diverges_exits_with_3_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverges(*_: object, **__: object) -> None:
        raise Diverged("worker 0 sent no frame within 10 s")

    monkeypatch.setattr("machines.selfcheck.check", diverges)
    monkeypatch.setattr(sys, "argv", ["poolcheck", "selfcheck", "--mutant", "deaf-worker"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_an_output_that_cannot_be_written_is_no_violation() -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [COMMAND, "replay", CRASHED, "--layer", "sim"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
