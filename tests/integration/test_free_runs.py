"""Free runs find bugs that live in the production loop alone; what they leave is replayed."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from machines.cli import command
from machines.free.clients import Party
from machines.free.conclusion import conclude
from machines.free.judge import judge
from machines.free.planted import PLANTED
from machines.free.run import RECORD, free_run, plan_of
from model.checker import Verdict

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning"),
]

# A bug that shows itself in one run of three is missed by so many with one chance in 100,000.
RUNS_MAX = 30
PARTY = Party(limit_s=2.0)


# A bug in the pool may break its clients' threads, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", PLANTED)
def test_a_bug_in_the_production_loop_is_found(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    planted = PLANTED[name]
    for seed in range(RUNS_MAX):
        folder = tmp_path / str(seed)
        folder.mkdir()
        run = free_run(plan_of(seed, party=PARTY, start_method="fork"), folder, planted.make)
        judgement = judge(run)
        if judgement.broken:
            break
    assert {one.promise for one in judgement.broken} & set(planted.shows_as)
    told = conclude(run, judgement, folder, None)
    assert judgement.broken[0].sentence in told
    assert f"poolcheck replay {folder / RECORD}" in told


def test_the_record_of_a_free_run_replays_on_every_layer_with_one_digest(tmp_path: Path) -> None:
    """Some record hangs on how late a timer was, and is refused as unknown; the next will not."""
    for seed in range(RUNS_MAX):
        folder = tmp_path / str(seed)
        folder.mkdir()
        run = free_run(plan_of(6 * seed, party=PARTY, start_method="fork"), folder)
        if judge(run).retraced.verdict is Verdict.HOLDS:
            break
    result = CliRunner().invoke(command, ["replay", str(folder / RECORD), "--json"])
    assert result.exit_code == 0, result.output
    replays = json.loads(result.stdout)
    assert [one["layer"] for one in replays] == ["sim", "wire", "real"]
    assert {one["verdict"] for one in replays} == {"holds"}
    assert len({one["digest"] for one in replays}) == 1


def test_a_record_that_no_world_tells_ends_the_replay_with_exit_code_1(tmp_path: Path) -> None:
    run = free_run(plan_of(0, party=Party(1, 0, 3), blows=0, start_method="fork"), tmp_path)
    assert judge(run).broken == ()
    path = tmp_path / RECORD
    lines = path.read_bytes().splitlines(keepends=True)
    answered = next(line for line in lines if line.startswith(b'["ResultReceived"'))
    at = lines.index(answered)
    path.write_bytes(b"".join([*lines[: at + 1], answered, *lines[at + 1 :]]))
    result = CliRunner().invoke(command, ["replay", str(path), "--layer", "sim"])
    assert result.exit_code == 1
    assert f"poolcheck: {path}: violated: entry" in result.stderr
