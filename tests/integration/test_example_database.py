"""The example database: what failed is tried first by the next run, here or on another machine."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import socket
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings
from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    GitHubArtifactDatabase,
    InMemoryExampleDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

from machines.drivers import Layer
from machines.examples import Apart, database_of, owner_of
from machines.hunt import budget_of, hunt
from machines.mutants import BY_NAME
from machines.parts import POOL
from machines.roster import MACHINES
from machines.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

BUG = BY_NAME["late-result-to-the-next"]
SEED = 5


def tried(database: ExampleDatabase | None, seeded: int = SEED) -> int:
    """How many runs it took to find the planted bug."""
    tally = Tally()
    budget = budget_of(settings(database=database), Layer.SIM, 2_000, 50)
    budget = settings(budget, phases=[Phase.reuse, Phase.generate], report_multiple_bugs=False)
    findings = hunt(Layer.SIM, tally, budget, parts=BUG.parts, seeded=seeded)
    assert findings
    return tally.begun


def test_what_failed_is_tried_first_by_the_next_run(
    place: Callable[[str], ExampleDatabase | None], tmp_path: Path
) -> None:
    first = tried(place("kept"))
    assert first > 3, "the seed finds it too soon for this test to say anything"
    assert (tmp_path / "kept").is_dir()
    assert tried(place("kept"), SEED + 1) < min(first, 4)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[[str], ExampleDatabase | None]]:
    """Makes the database of these places, directories being in this test's own."""
    with contextlib.ExitStack() as closing:
        yield lambda places: database_of(places, tmp_path, closing)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[str]:
    """A real server, with nothing in it; where it is."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server on this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert any("eady to accept connections" in line for line in server.stdout)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()
        server.stdout.read()


def test_what_failed_on_one_machine_is_tried_first_on_another_with_a_server_between(
    redis_server: str, place: Callable[[str], ExampleDatabase | None], tmp_path: Path
) -> None:
    first = tried(place(f"here,{redis_server}"))
    assert first > 3
    assert not (tmp_path / "there").exists()
    there = place(f"there,{redis_server}")
    assert isinstance(there, MultiplexedDatabase)
    assert tried(there, SEED + 1) < min(first, 4)
    assert tried(place("elsewhere")) == first, "by itself it knows nothing"


def test_what_failed_in_a_pipeline_on_github_is_tried_first_and_nothing_is_written_there(
    place: Callable[[str], ExampleDatabase | None], tmp_path: Path
) -> None:
    first = tried(place("pipeline"))
    now = datetime.datetime.now(datetime.UTC).isoformat().replace(":", "_")
    (tmp_path / "fetched").mkdir()
    artifact = tmp_path / "fetched" / f"{now}.zip"
    with zipfile.ZipFile(artifact, "w") as packed:
        for path in sorted((tmp_path / "pipeline").rglob("*")):
            packed.write(path, path.relative_to(tmp_path / "pipeline"))
    before = artifact.read_bytes()
    github = GitHubArtifactDatabase("owner", "repository", path=tmp_path / "fetched")
    local = DirectoryBasedExampleDatabase(tmp_path / "local")
    assert tried(MultiplexedDatabase(local, ReadOnlyDatabase(github)), SEED + 1) < min(first, 4)
    assert artifact.read_bytes() == before
    assert (tmp_path / "local").is_dir()


def test_each_machine_layer_and_bug_has_a_part_of_its_own() -> None:
    owners = {
        owner_of(machine, layer, parts)
        for machine in MACHINES
        for layer in Layer
        for parts in (POOL, BUG.parts)
    }
    assert len(owners) == len(MACHINES) * len(Layer) * 2
    whole = InMemoryExampleDatabase()
    mine, other = Apart(whole, "mine"), Apart(whole, "other")
    mine.save(b"key", b"value")
    other.save(b"key", b"another")
    assert set(mine.fetch(b"key")) == {b"value"}
    other.delete(b"key", b"value")
    mine.move(b"key", b"second", b"value")
    assert set(mine.fetch(b"second")) == {b"value"}
    assert set(mine.fetch(b"key")) == set(other.fetch(b"second")) == set()
    mine.delete(b"second", b"value")
    assert set(mine.fetch(b"second")) == set()


def test_a_machine_does_not_forget_what_another_found(
    place: Callable[[str], ExampleDatabase | None], tmp_path: Path
) -> None:
    tried(place("kept"))
    kept = {path: path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    budget = budget_of(settings(database=place("kept")), Layer.SIM, 20, 20)
    for machine in MACHINES:
        hunt(Layer.SIM, Tally(), budget, machine=machine, seeded=1)
    after = {path: path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    assert kept.items() <= after.items()


def test_places_that_are_none_are_refused_in_one_line(
    place: Callable[[str], ExampleDatabase | None],
) -> None:
    assert place("none") is None
    github = place("github:owner/repository")
    assert isinstance(github, ReadOnlyDatabase)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
        for bad, says in [
            ("", "places are"),
            ("here,,there", "places are"),
            ("here,none", "places are"),
            ("ftp://here", "places are"),
            ("github:owner", "github:OWNER/REPOSITORY"),
            ("github:owner/a/b", "github:OWNER/REPOSITORY"),
            (nobody, "refused"),
            ("redis://127.0.0.1:no/0", "redis://127.0.0.1:no/0"),
        ]:
            with pytest.raises(ValueError, match=says) as caught:
                place(bad)
            assert str(caught.value).splitlines() == [str(caught.value)]
