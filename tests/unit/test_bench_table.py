"""What `poolcheck bench` shows of what was measured: the tables, the JSON, the picture."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from click import ClickException

from machines.bench import command, contestant, plot, table
from machines.bench.bars import BARS, judge_all
from machines.bench.contestant import Contestant, Kind
from machines.bench.launch import Asked, Outcome, Status
from machines.bench.measure import BY_NAME, MEASURES
from machines.bench.options import Options
from machines.bench.results import Results
from machines.bench.spread import Spread
from machines.bench.tournament import run, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

FLAT = 10_000_000


def figures(measure: str, contestant: str, round_: int) -> dict[str, float]:
    """Made-up figures by which ours reaches every bar, a little other in each round."""
    ours = contestant.startswith("ours")
    better = {"lower": 0.1 if ours else 10.0, "higher": 100.0 if ours else 1.0}
    return {
        one.name: better[one.better.value] * (1 + round_ / 100) for one in BY_NAME[measure].figures
    }


def measured(asked: Asked) -> Outcome:
    return Outcome(
        asked, Status.MEASURED, figures(asked.measure, asked.contestant, asked.round), ""
    )


def but(**instead: tuple[Status, str]) -> Callable[[Asked], Outcome]:
    """All is measured, but for these contestants the time back after a SIGKILL."""

    def launch(asked: Asked) -> Outcome:
        status = instead.get(asked.contestant.replace("-", "_"))
        if asked.measure != "recovery" or status is None:
            return measured(asked)
        return Outcome(asked, *[status[0], {"ms": 1.0}, status[1]])

    return launch


def hard_to_fit(asked: Asked) -> Outcome:
    """All is measured, with other figures in each round, that are long to tell."""
    outcome = measured(asked)
    factor = 0.000123456 * (1 + asked.round)
    return evolve(outcome, figures={name: it * factor for name, it in outcome.figures.items()})


@contextlib.contextmanager
def silent(_: str, __: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


def bench(
    monkeypatch: pytest.MonkeyPatch,
    launch: Callable[[Asked], Outcome] = measured,
    *,
    as_json: bool = False,
    demand_bars: bool = False,
    **settings: Any,
) -> int:
    """The command ran, with made-up trials; its exit code is returned."""
    monkeypatch.setattr(
        command,
        "run",
        lambda options, *, after_each: run(options, after_each=after_each, launch=launch),
    )
    return command.bench(silent, as_json=as_json, demand_bars=demand_bars, **settings)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        *[(0.0, "0"), (0.012345, "0.0123"), (0.5, "0.5"), (12.34, "12.3"), (999.4, "999")],
        *[(999.6, "1k"), (1234, "1.23k"), (12_340, "12.3k"), (999_400, "999k")],
        *[(999_600, "1M"), (1_234_567, "1.23M"), (-1234, "-1.23k"), (2e9, "2e+09")],
    ],
)
def test_a_number_is_told_in_three_digits(value: float, words: str) -> None:
    assert table.short(value) == words


def test_the_tables_have_each_contestant_each_measure_and_each_bar_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(monkeypatch, flat=FLAT) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "5 rounds, 2 workers, 2000 samples: medians, and half the distance of the rounds"
    )
    assert max(map(len, lines)) <= 80
    first = [line.split(" ")[0] for line in lines]
    assert set(contestant.BY_NAME) <= set(first)
    assert {one.name for one in MEASURES if len(one.kinds) == 1} <= {
        word for line in lines for word in line.replace(":", "").split()
    }
    begin = next(at for at, line in enumerate(lines) if line.startswith("bar "))
    told = lines[begin + 1 : -1]
    assert len(told) == len(BARS)
    assert all(line.split()[-1] == "yes" for line in told)
    assert lines[-1] == f"{len(BARS)} of {len(BARS)} bars reached"


@pytest.mark.parametrize("launch", [hard_to_fit, lambda asked: Outcome(asked, Status.FAILED)])
def test_the_marks_are_never_cut(
    launch: Callable[[Asked], Outcome],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench(monkeypatch, launch, flat=FLAT - 1)
    lines = capsys.readouterr().out.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("bar "))
    told = lines[begin + 1 : -1]
    assert max(map(len, told)) <= 80
    assert [line.split()[-1] for line in told if line.split()[-1] in ("yes", "NO", "-")] == [
        {True: "yes", False: "NO", None: "-"}[one.reached]
        for one in judge_all(Results(run(Options(flat=FLAT - 1), launch=launch)))
    ]


def test_a_cell_has_the_median_and_half_the_distance_of_the_rounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def launch(asked: Asked) -> Outcome:
        return Outcome(asked, Status.MEASURED, {"per_s": (8_000, 14_000, 10_000)[asked.round]})

    bench(monkeypatch, launch, rounds=3, measures="throughput", contestants="ours-fork")
    lines = capsys.readouterr().out.splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.split() == ["ours-fork", "10k"]]
    assert lines[at + 1].split() == ["±30%"]


def test_what_came_to_no_figure_is_told_in_the_cell_and_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = but(loky=(Status.BREAKS, "it broke\nin two lines"), mp_pool=(Status.LOSES, "x" * 99))
    assert bench(monkeypatch, launch, measures="recovery") == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["loky", "breaks"] in [line.split() for line in lines]
    assert ["mp-pool", "loses"] in [line.split() for line in lines]
    assert "loky: recovery: breaks: it broke in two lines" in lines
    (long,) = [line for line in lines if line.startswith("mp-pool: recovery: loses the task: xxx")]
    assert (len(long), long[-1]) == (80, "…")


def test_who_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ghost = Contestant("loky", Kind.PEER, "no_such_module")
    rest = tuple(one for one in contestant.CONTESTANTS if one.name != "loky")
    monkeypatch.setattr(contestant, "CONTESTANTS", (*rest, ghost))
    bench(monkeypatch, measures="latency", rounds=1)
    assert "not installed: loky (pip install 'poolcheck[peers]')" in capsys.readouterr().out


@pytest.mark.parametrize("measures", [("latency",), ("fresh", "recovery"), tuple(BY_NAME)])
def test_the_json_reads_back_as_what_was_measured(
    measures: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = FLAT if "flat" in measures else None
    assert bench(monkeypatch, as_json=True, measures=measures, flat=flat, rounds=2) == 0
    told = json.loads(capsys.readouterr().out)
    options = Options(measures=measures, flat=flat, rounds=2)
    assert told["settings"]["measures"] == [one.name for one in options.chosen_measures]
    assert list(told["settings"]["contestants"]) == [one.name for one in options.present]
    outcomes = [
        Outcome(asked, Status.MEASURED, rounds)
        for fact in told["figures"]
        for asked, rounds in rebuilt(fact, options)
    ]
    results = Results([measured(asked) for asked in schedule(options)])
    assert Results(outcomes).facts() == results.facts() == told["figures"]
    assert Results(outcomes).ratios() == results.ratios() == told["ratios"]
    judged = [one.facts() for one in judge_all(Results(outcomes), measures)]
    assert judged == told["bars"]


def rebuilt(fact: Mapping[str, Any], options: Options) -> list[tuple[Asked, dict[str, float]]]:
    """The trials behind one entry of the JSON."""
    by_figure = {name: told["rounds"] for name, told in fact["figures"].items()}
    count = len(next(iter(by_figure.values())))
    name, of = fact["contestant"], fact["measure"]
    samples = FLAT if of == "flat" else options.samples
    return [
        (
            Asked(name, of, round_, options.workers, samples, 1.0),
            {name: rounds[round_] for name, rounds in by_figure.items()},
        )
        for round_ in range(count)
    ]


def test_the_json_says_what_a_figure_is_and_whether_more_is_better(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = but(pebble=(Status.HANGS, "nothing came"))
    bench(monkeypatch, launch, as_json=True, measures="recovery", rounds=3)
    told = json.loads(capsys.readouterr().out)
    by_name = {fact["contestant"]: fact for fact in told["figures"]}
    assert by_name["pebble"]["status"] == "hangs"
    assert by_name["pebble"]["detail"] == "nothing came"
    told_of_ours = by_name["ours-fork"]["figures"]["ms"]
    assert (told_of_ours.pop("unit"), told_of_ours.pop("better")) == ("ms", "lower")
    spread = Spread(tuple(figures("recovery", "ours-fork", round_)["ms"] for round_ in range(3)))
    assert told_of_ours == spread.facts()
    assert {bar["against"] for bar in told["bars"]} == {None, "ppe-fork"}


@pytest.mark.parametrize(
    ("launch", "rounds", "verdict", "code"),
    [
        (measured, 5, "reached", 0),
        (measured, 4, "unknown", 3),
        (but(ours_fork=(Status.HANGS, "nothing came")), 5, "missed", 1),
        (but(ours_fork=(Status.NOT_BUILT, "not yet")), 5, "unknown", 3),
        (lambda asked: Outcome(asked, Status.FAILED), 5, "missed", 1),
    ],
)
def test_the_exit_code_is_the_verdict_of_the_bars_where_they_are_demanded(
    launch: Callable[[Asked], Outcome],
    rounds: int,
    verdict: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for demand_bars, expected in ((True, code), (False, 0)):
        met = bench(monkeypatch, launch, as_json=True, demand_bars=demand_bars, rounds=rounds)
        assert (met, json.loads(capsys.readouterr().out)["verdict"]) == (expected, verdict)


def test_bars_that_nothing_can_be_held_against_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ClickException, match="--bars: there is none for --measures memory"):
        bench(monkeypatch, demand_bars=True, measures="memory")


def test_too_few_rounds_are_named_below_the_bars(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(monkeypatch, rounds=2, measures="throughput", contestants="ours-fork,ppe-fork")
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 bars reached; they ask for 5 rounds"
    bench(monkeypatch, rounds=2, measures="fresh", contestants="ours-fork,mp-pool")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "1 of 1 bars reached, 1 not judged; they ask for 5 rounds"


def test_a_title_names_figure_bound_and_peer() -> None:
    told = {
        table.title(bar, "pebble" if bar.against == "best peer" else bar.against) for bar in BARS
    }
    assert len(told) == len(BARS)
    assert {
        "throughput ≥ 2.5 x ppe-fork",
        "latency p99 ≤ 1 x best peer (pebble)",
        "fresh (forkserver) ≤ 0.5 x ppe-forkserver",
        "recovery ≤ 50 ms",
        "telemetry cost ≤ 3 %",
        "flat growth ≤ 1 MiB",
    } <= told


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_picture_has_a_panel_for_each_figure_and_only_what_was_measured(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra `peers`, is not installed")
    path = tmp_path / f"picture{suffix}"
    launch = but(mp_pool=(Status.LOSES, "it never resolves"))
    assert bench(monkeypatch, launch, plot=path, rounds=2, flat=FLAT) == 0
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")
    options = Options(rounds=2, flat=FLAT)
    results = Results(run(options, launch=launch))
    shown = {of.name: plot._bars(results, of, figure) for of, figure in plot._all_panels(options)}
    assert set(shown) == set(BY_NAME)
    assert "mp-pool" not in [name for name, _, _ in shown["recovery"]]
    assert "mp-pool" in [name for name, _, _ in shown["fresh"]]
