"""A search that was stopped goes on as if it never had been, or is refused in one line."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_spaces import ENDLESS_RETRY, Counters, Drawn

from machines.explore import checkpoint
from machines.explore.checkpoint import NAME, CheckpointError
from machines.explore.engine import Search, search
from machines.explore.limits import Limits

if TYPE_CHECKING:
    from machines.explore.outcome import Counts

MAKE = partial(Counters, 3, 4)
WHOLE = search(Search(MAKE)).counts


def stop_at(folder: Path, depth: int, *, processes: int = 1, resumed: bool = False) -> None:
    """A search in the folder is told to stop while it expands this level."""
    limits = Limits()

    def meter(counts: Counts, expanded: int, seconds: float) -> None:
        del expanded, seconds
        if counts.depth == depth:
            limits.stopped = "it was told to stop"

    outcome = search(
        Search(
            MAKE,
            "a toy",
            limits=limits,
            meter=meter,
            folder=folder,
            processes=processes,
            resumed=resumed,
        )
    )
    assert outcome.unknown == "it was told to stop"


@pytest.mark.parametrize("depth", range(WHOLE.depth + 1))
def test_a_search_stopped_at_any_level_and_taken_up_ends_with_the_same_counts(
    tmp_path: Path, depth: int
) -> None:
    stop_at(tmp_path / "kept", depth)
    outcome = search(Search(MAKE, "a toy", folder=tmp_path / "kept", resumed=True))
    assert outcome.counts == WHOLE
    assert outcome.complete


def test_a_search_stopped_at_every_level_ends_with_the_same_counts(tmp_path: Path) -> None:
    for depth in range(WHOLE.depth + 1):
        stop_at(tmp_path, depth, resumed=depth > 0)
    assert search(Search(MAKE, "a toy", folder=tmp_path, resumed=True)).counts == WHOLE


def test_other_processes_may_take_a_search_up(tmp_path: Path) -> None:
    stop_at(tmp_path, 4, processes=2)
    stop_at(tmp_path, 6, processes=3, resumed=True)
    stop_at(tmp_path, 8, resumed=True)
    outcome = search(Search(MAKE, "a toy", folder=tmp_path, resumed=True, processes=2))
    assert outcome.counts == WHOLE


def test_a_finished_search_that_is_taken_up_has_ended(tmp_path: Path) -> None:
    search(Search(MAKE, "a toy", folder=tmp_path))
    assert search(Search(MAKE, "a toy", folder=tmp_path, resumed=True)).counts == WHOLE


def test_a_search_whose_process_was_killed_can_be_taken_up(tmp_path: Path) -> None:
    make = partial(Counters, 3, 4, fatal_at=5, once=tmp_path / "once")
    lost = search(Search(make, "a toy", folder=tmp_path / "kept", processes=2))
    assert not lost.complete
    outcome = search(Search(make, "a toy", folder=tmp_path / "kept", processes=2, resumed=True))
    assert outcome.counts == WHOLE


def test_a_counterexample_is_found_across_a_stop(tmp_path: Path) -> None:
    make = partial(Counters, 3, 4, broken_at=7)
    search(Search(make, "a toy", folder=tmp_path, limits=Limits(states_max=10)))
    (finding,) = search(Search(make, "a toy", folder=tmp_path, resumed=True)).findings
    assert len(finding.commands) == 7


def test_a_livelock_is_found_across_a_stop(tmp_path: Path) -> None:
    make = partial(Drawn, ENDLESS_RETRY.lines, ENDLESS_RETRY.owing)
    search(Search(make, folder=tmp_path, limits=Limits(states_max=2)))
    (finding,) = search(Search(make, folder=tmp_path, resumed=True)).findings
    assert finding.loop == 1


def test_nothing_but_the_last_level_is_kept_twice(tmp_path: Path) -> None:
    stop_at(tmp_path, 5)
    named = json.loads((tmp_path / NAME).read_text())["files"]
    frontiers = sorted(path.name for path in tmp_path.glob("frontier-*"))
    assert frontiers == ["frontier-0005-00"]
    assert set(frontiers) < set(named)


def refused(folder: Path, bounds: str = "a toy") -> str:
    with pytest.raises(CheckpointError) as caught:
        search(Search(MAKE, bounds, folder=folder, resumed=True))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_checkpoint_of_other_bounds_is_refused(tmp_path: Path) -> None:
    stop_at(tmp_path, 3)
    assert "of a toy, with fair cycles, not of another toy" in refused(tmp_path, "another toy")


def test_a_checkpoint_of_other_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(tmp_path, 3)
    monkeypatch.setattr(checkpoint, "code_digest", lambda: "other")
    assert "of other code" in refused(tmp_path)


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path) -> None:
    stop_at(tmp_path, 3)
    raw = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(raw | {"format": 2}))
    assert "format 1" in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', '{"format": 1, "level": "x"}'])
def test_a_malformed_checkpoint_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert NAME in refused(tmp_path)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path)


@pytest.mark.parametrize("sort", ["seen-0002", "frontier-0003", "fair-0001"])
def test_a_checkpoint_with_a_damaged_file_is_refused(tmp_path: Path, sort: str) -> None:
    stop_at(tmp_path, 3)
    file = tmp_path / f"{sort}-00"
    file.write_bytes(file.read_bytes() + b"x")
    assert f"{file.name}: is missing or damaged" in refused(tmp_path)
    file.unlink()
    assert f"{file.name}: is missing or damaged" in refused(tmp_path)


def test_a_new_search_begins_in_an_empty_folder_only(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(CheckpointError, match="is not empty"):
        search(Search(MAKE, folder=tmp_path))
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_checkpoint_that_cannot_be_written_whole_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: Path, target: Path) -> None:
        raise KeyboardInterrupt(source, target)

    stop_at(tmp_path, 3)
    before = (tmp_path / NAME).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(Search(MAKE, "a toy", folder=tmp_path, resumed=True))
    assert (tmp_path / NAME).read_bytes() == before
    assert search(Search(MAKE, "a toy", folder=tmp_path, resumed=True)).counts == WHOLE
