"""The flight recorder without a pool: what is told is in the file, whatever ends its writer."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, get_args

import attrs
import pytest

from pool import events as told
from pool.config import PoolConfig
from pool.core import Core
from pool.events import Reply, Timer, TimerKind
from pool.record import (
    TEXT_MAX,
    Entry,
    Head,
    head_line,
    line_of,
    older_of,
    read_record,
    settings_of,
)
from pool.recorder import WINDOW_BYTES, Recorder
from pool.recovery import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = PoolConfig(size=2)
SMALLEST = 1 << 16

SAMPLES: tuple[told.Event, ...] = (
    told.PoolStarted(),
    told.TaskSubmitted(7),
    told.TaskSubmitted(7, 2.5),
    told.TaskSubmitted(7, None, 3),
    told.TaskSubmitted(7, None, 0, 4),
    told.CancelRequested(7),
    told.KillRequested(7),
    told.SessionOpened(4),
    told.SessionReopened(4),
    told.SessionCloseRequested(4),
    told.FallbackEnded(7, None, None, "it was shut down"),
    told.FallbackEnded(7, Reply.RAISED, None),
    told.ShutdownRequested(cancel_waiting=True, grace=1.5),
    told.WorkerReady(1),
    told.WorkerInitFailed(1, "ValueError: ä"),
    told.SpawnFailed(1, "no memory"),
    told.ResultReceived(1, 7, 2, Reply.RETURNED, 123),
    told.ResultReceived(1, 7, 2, Reply.RETURNED, 123, heavy=True),
    told.ResultReceived(1, 7, 2, Reply.EXHAUSTED, 0),
    told.TasksRecalled(1, (8, 9)),
    told.TasksRecalled(1, ()),
    told.HealthReported(1, 5, heavy=True),
    told.FrameCorrupt(1, "checksum"),
    told.WorkerExited(1, -9, 2),
    told.WorkerExited(1, None, 0),
    told.WorkerReaped(1, 2),
    told.TimerFired(Timer(TimerKind.DEADLINE, 7)),
)


def with_payload(event: told.Event) -> told.Event:
    """The event as the driver tells it: with bytes where the record has their number."""
    if isinstance(event, told.ResultReceived):
        return attrs.evolve(event, payload=b"x" * event.payload)
    return event


def record(path: Path, *events: told.Event, bytes_max: int = SMALLEST) -> Recorder:
    recorder = Recorder(path, bytes_max, CONFIG)
    for at, event in enumerate(events):
        recorder.told(with_payload(event), (), float(at))
    return recorder


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


# Lines.


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(told.Event))


def test_what_is_read_is_what_was_told_but_for_payloads(path: Path) -> None:
    record(path, *SAMPLES).close()
    assert list(read_record(path)) == [Entry(float(at), it) for at, it in enumerate(SAMPLES)]


@pytest.mark.parametrize("now", [0.0, 1e-9, 12345.678901234, 8640000.123456789])
def test_the_time_is_kept_to_the_nanosecond(now: float, path: Path) -> None:
    recorder = record(path)
    recorder.told(told.WorkerReady(0), (), now)
    recorder.told(told.TaskSubmitted(0), (), now)
    recorder.close()
    assert [entry.at for entry in read_record(path)] == pytest.approx([now] * 2, abs=1.1e-9)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_line_is_json_without_a_null_byte(event: told.Event) -> None:
    line = line_of(with_payload(event), 1.0)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\0" not in line
    assert json.loads(line)[:2] == [type(event).__name__, 1_000_000_000]


def test_no_byte_of_a_payload_is_recorded(path: Path) -> None:
    secret = b"attack at dawn"
    recorder = record(path)
    for reply in Reply:
        recorder.told(told.ResultReceived(0, 1, 1, reply, secret), (), 0.0)
        recorder.told(told.ResultReceived(0, 1, 1, reply, memoryview(secret)), (), 0.0)
        recorder.told(told.FallbackEnded(1, reply, secret), (), 0.0)
    recorder.close()
    assert secret not in path.read_bytes()
    sizes = [entry.event.payload for entry in read_record(path)]  # type: ignore[union-attr]
    assert sizes == [len(secret)] * 9


def test_a_payload_that_has_no_size_is_none(path: Path) -> None:
    recorder = record(path)
    recorder.told(told.FallbackEnded(1, Reply.RETURNED, object()), (), 0.0)
    recorder.close()
    (entry,) = read_record(path)
    assert entry.event == told.FallbackEnded(1, Reply.RETURNED, None)


def test_of_long_words_the_beginning_is_kept(path: Path) -> None:
    record(path, told.WorkerInitFailed(0, "x" * 100_000)).close()
    (entry,) = read_record(path)
    assert entry.event == told.WorkerInitFailed(0, "x" * TEXT_MAX)


# The head.


def test_the_head_says_what_the_core_goes_by(path: Path) -> None:
    config = PoolConfig(size=3, queue_limit=9, retry=RetryPolicy(seed=5))
    Recorder(path, SMALLEST, config).close()
    setting = read_record(path).head.setting
    assert (setting["size"], setting["queue_limit"], setting["retry"]["seed"]) == (3, 9, 5)
    assert setting["retry"]["strategies"]["resource"] == "backoff_retry"
    assert setting["breaker"]["failures_max"] == config.breaker.failures_max
    assert setting["fallback"] is False
    assert json.loads(json.dumps(setting)) == setting


def test_the_core_reads_no_setting_that_the_head_lacks() -> None:
    """Every field of the configuration that pure code looks at is in the head."""
    looked_at: set[str] = set()

    class Spy:
        def __init__(self, config: PoolConfig) -> None:
            self._config = config

        def __getattr__(self, name: str) -> Any:
            looked_at.add(name)
            return getattr(self._config, name)

    core = Core(Spy(PoolConfig(size=1, max_overflow=1)))  # type: ignore[arg-type]
    events = (
        told.PoolStarted(),
        told.WorkerReady(0),
        told.SessionOpened(0),
        told.TaskSubmitted(0, None, 0, 0),
        told.TaskSubmitted(1),
        told.TaskSubmitted(2),
        told.WorkerReady(1),
        told.TimerFired(Timer(TimerKind.HEALTH, 0)),
        told.ResultReceived(0, 0, 1, Reply.RETURNED, b""),
        told.WorkerExited(1, 1, 0),
        told.WorkerReaped(1),
        told.ShutdownRequested(),
    )
    for event in events:
        core.handle(event, 0.0)
    assert looked_at <= set(settings_of(PoolConfig()))


# Torn lines.


def cut_files(path: Path) -> Iterator[tuple[int, bytes]]:
    """A small record, ended at each of its bytes."""
    record(path, told.WorkerReady(0), told.TaskSubmitted(1), told.WorkerReady(1)).close()
    whole = path.read_bytes()
    for size in range(whole.index(b"\n") + 1, len(whole) + 1):
        yield size, whole[:size]


@pytest.mark.parametrize("rest", [b"", b"\0" * 100], ids=["nothing behind", "null bytes behind"])
def test_a_record_is_read_up_to_the_line_that_is_torn(rest: bytes, path: Path) -> None:
    for size, data in cut_files(path):
        path.write_bytes(data + rest)
        found = read_record(path)
        lines = data.count(b"\n") - 1
        assert [type(entry.event).__name__ for entry in found] == (
            ["WorkerReady", "TaskSubmitted", "WorkerReady"][:lines]
        )
        assert found.torn is not data.endswith(b"\n"), size


def test_a_line_whose_end_was_written_before_its_middle_is_torn(path: Path) -> None:
    record(path, told.WorkerReady(0), told.WorkerReady(1)).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + b"\0" * 4 + whole[-4:] + b"\0" * 50)
    found = read_record(path)
    assert [entry.event for entry in found] == [told.WorkerReady(0)]
    assert found.torn


def test_a_record_can_be_read_while_it_is_written(path: Path) -> None:
    recorder = record(path, told.WorkerReady(0))
    found = read_record(path)
    assert ([entry.event for entry in found], found.torn) == ([told.WorkerReady(0)], False)
    recorder.told(told.WorkerReady(1), (), 1.0)
    assert len(list(read_record(path))) == 2
    recorder.close()


# Bounds.


def submitted(path: Path) -> list[int]:
    return [entry.event.task for entry in read_record(path)]  # type: ignore[union-attr]


def fill(recorder: Recorder, path: Path) -> int:
    """How many tasks it took until a first file was full."""
    for task in range(1 << 16):
        recorder.told(told.TaskSubmitted(task), (), 0.0)
        if older_of(path).exists():
            return task + 1
    raise AssertionError("no file was ever full")


@pytest.mark.parametrize("bytes_max", [SMALLEST, SMALLEST + 5000, 1 << 20, 1 << 22])
def test_the_newest_events_remain_within_the_bound(bytes_max: int, path: Path) -> None:
    recorder = record(path, bytes_max=bytes_max)
    count = 3 * bytes_max // 30
    line = len(line_of(told.TaskSubmitted(count), float(count)))
    for task in range(count):
        recorder.told(told.TaskSubmitted(task), (), float(task))
        if task % 997 == 0:
            older = older_of(path)
            held = path.stat().st_size + (older.stat().st_size if older.exists() else 0)
            assert held <= bytes_max + 2 * line
    recorder.close()
    found = submitted(path)
    assert found == list(range(found[0], count))
    assert len(found) * line > bytes_max // 4  # never less than nearly half of it
    assert not read_record(path).complete


def test_a_record_that_was_not_bounded_is_complete(path: Path) -> None:
    recorder = record(path, bytes_max=4 * WINDOW_BYTES)
    count = fill(recorder, path)
    assert read_record(path).complete  # two files hold all of it
    assert submitted(path) == list(range(count))
    recorder.close()


def test_a_line_that_is_longer_than_a_window_is_read_as_one(path: Path) -> None:
    tasks = tuple(range(20_000))
    record(path, told.WorkerReady(0), told.TasksRecalled(0, tasks), told.WorkerReady(1)).close()
    assert [entry.event for entry in read_record(path)] == [
        told.WorkerReady(0),
        told.TasksRecalled(0, tasks),
        told.WorkerReady(1),
    ]


def test_a_writer_that_died_between_two_files_loses_nothing(path: Path) -> None:
    recorder = record(path)
    count = fill(recorder, path)
    recorder.close()
    for left in (None, b"", b"\0" * 4096, b'{"format":1,"ru' + b"\0" * 100):
        path.unlink(missing_ok=True)
        if left is not None:
            path.write_bytes(left)
        assert submitted(path) == list(range(count - 1))


def test_the_file_has_no_holes_that_a_full_disk_could_not_fill(path: Path) -> None:
    recorder = record(path, told.WorkerReady(0))
    with path.open("rb") as file:
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == path.stat().st_size > 4096
    recorder.close()


# Whose file it is.


def test_the_record_of_a_former_pool_is_kept_and_not_mixed_in(path: Path) -> None:
    record(path, told.WorkerReady(7)).close()
    record(path, told.WorkerReady(8)).close()
    assert [entry.event for entry in read_record(path)] == [told.WorkerReady(8)]
    assert read_record(path).complete
    assert [entry.event for entry in read_record(older_of(path))] == [told.WorkerReady(7)]


def test_what_a_recorder_left_before_its_first_line_does_not_replace_a_former_record(
    path: Path,
) -> None:
    record(path, told.WorkerReady(7)).close()
    os.replace(path, older_of(path))
    path.write_bytes(b"\0" * 4096)
    record(path, told.WorkerReady(8)).close()
    assert [entry.event for entry in read_record(older_of(path))] == [told.WorkerReady(7)]


@pytest.mark.parametrize("name", ["record.jsonl", "record.jsonl.1"])
def test_a_file_that_is_no_record_is_left_alone(name: str, path: Path) -> None:
    other = path.with_name(name)
    other.write_text("my thesis\n")
    with pytest.raises(FileExistsError, match=f"cannot record there: {name} is no record"):
        record(path)
    assert other.read_text() == "my thesis\n"
    assert os.listdir(path.parent) == [name]


def test_two_recorders_do_not_share_a_file(path: Path) -> None:
    first = record(path, told.WorkerReady(0))
    with pytest.raises(OSError, match=r"another pool is recording to record\.jsonl"):
        record(path)
    first.told(told.WorkerReady(1), (), 1.0)
    first.close()
    assert len(list(read_record(path))) == 2
    record(path).close()


@pytest.mark.parametrize("kind", ["folder", "pipe", "no folder"])
def test_a_path_that_cannot_be_recorded_to_is_named(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = path / "deeper"
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="cannot record there") as caught:
        record(path)
    assert caught.value.filename == str(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_file_is_where_it_was_though_the_program_changes_its_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    recorder = record(path.relative_to(tmp_path))
    monkeypatch.chdir(tmp_path / "elsewhere")
    count = fill(recorder, path)
    recorder.close()
    assert submitted(path) == list(range(count))


# The end.


def test_after_its_end_nothing_is_written_and_no_descriptor_is_left(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    recorder = record(path, told.WorkerReady(0))
    recorder.close()
    size = path.stat().st_size
    recorder.told(told.WorkerReady(1), (), 1.0)
    recorder.close()
    assert path.stat().st_size == size
    assert path.read_bytes().endswith(b"]\n")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_forked_child_lets_go_and_its_parent_goes_on(path: Path) -> None:
    recorder = record(path, told.WorkerReady(0))
    child = os.fork()
    if child == 0:
        recorder.forked()
        for _ in range(3):
            recorder.told(told.WorkerReady(66), (), 1.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    recorder.told(told.WorkerReady(1), (), 1.0)
    with pytest.raises(OSError, match="another pool is recording"):
        record(path)  # the child's end has not unlocked it
    assert [entry.event for entry in read_record(path)] == [
        told.WorkerReady(0),
        told.WorkerReady(1),
    ]
    recorder.close()


# What is no record.


HEAD = head_line(Head("run", 0, 0.0, 0.0, {}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "there is no record"),
        (b"\0" * 100, "there is no record"),
        (b"my thesis\n", "it is no record"),
        (b"my thesis", "it is no record"),
        (b"[]\n", "it is no record"),
        (b'{"format":1}\n', "it is no record"),
        (HEAD.replace(b'"format":1', b'"format":2'), "its format is 2; this reads format 1"),
    ],
    ids=str,
)
def test_a_file_that_is_no_record_is_refused_with_one_sentence(
    data: bytes, words: str, path: Path
) -> None:
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught:
        read_record(path)
    assert str(path) in str(caught.value)


def test_a_record_that_does_not_exist_is_not_found(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=path.name):
        read_record(path)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"null",
        b"[]",
        b'["Nonsense",1]',
        b'["WorkerReady"]',
        b'["WorkerReady",1]',
        b'["WorkerReady","soon",1]',
        b'["WorkerReady",1,2,3]',
        b'["TimerFired",1,["never",1]]',
        b'["ResultReceived",1,0,0,1,"shrugged",0]',
        b"[",
    ],
)
def test_a_line_that_is_no_event_is_refused_and_quoted(line: bytes, path: Path) -> None:
    path.write_bytes(HEAD + line + b"\n")
    found = read_record(path)
    with pytest.raises(ValueError, match="no line of a record") as caught:
        list(found)
    assert line.decode() in str(caught.value)
