"""A flight recorder's log, checked as it is read: what it shows kept, broken, and cut."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.cli import command
from machines.incident import TASKS, Checked, LogError, check, config_of
from machines.mutants import BY_NAME
from model.checker import Verdict
from pool import PoolConfig
from pool import effects as do
from pool import events as told
from pool.core import Core
from pool.events import Reply
from pool.record import Head, head_line, head_of, line_of, older_of, settings_of

MEBIBYTE = 1 << 20
CONFIG = PoolConfig(size=2, queue_limit=4)


class Log:
    """The log of a pool that never waits: its core decides, and each answer comes at once."""

    def __init__(self, core: type[Core] = Core, config: PoolConfig = CONFIG) -> None:
        self.core = core(config)
        self.now = 100.0
        self.sent: list[do.SendTask] = []
        self.lines = [head_line(Head("run", 0, 0.0, self.now, settings_of(config)))]
        self.tell(told.PoolStarted())
        for worker in range(config.size):
            self.tell(told.WorkerReady(worker))

    def tell(self, event: told.Event) -> None:
        self.now += 0.001
        self.lines.append(line_of(event, self.now))
        asked = self.core.handle(event, self.now)
        self.sent += [effect for effect in asked if isinstance(effect, do.SendTask)]

    def run(self, task: int, session: int | None = None) -> None:
        self.tell(told.TaskSubmitted(task, None, 0, session))
        for sent in self.sent[:]:
            self.sent.remove(sent)
            self.tell(
                told.ResultReceived(sent.worker, sent.task, sent.attempt, Reply.RETURNED, b"")
            )

    def end(self) -> None:
        self.tell(told.ShutdownRequested(False, None))
        for worker in range(CONFIG.size):
            self.tell(told.WorkerExited(worker, 0, 0))
            self.tell(told.WorkerReaped(worker))


def written(path: Path, tasks: int, core: type[Core] = Core) -> bytes:
    log = Log(core)
    log.tell(told.SessionOpened(0))
    for task in range(tasks):
        log.run(task, 0 if task % 3 == 0 else None)
    log.end()
    path.write_bytes(b"".join(log.lines))
    return path.read_bytes()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("log") / "healthy.log", 12)


def checked(data: bytes, folder: Path) -> Checked:
    path = folder / "incident.log"
    path.write_bytes(data)
    return check(path)


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["check", *map(str, args)], standalone_mode=False)
    if result.exception is not None:
        return 2, str(result.exception)
    return int(result.return_value), result.output


def test_a_healthy_log_keeps_every_promise_that_a_log_can_decide(
    healthy: bytes, tmp_path: Path
) -> None:
    found = checked(healthy, tmp_path)
    assert found.verdict is Verdict.HOLDS
    assert set(found.verdicts.values()) == {Verdict.HOLDS}
    assert {"S1", "S3", "S5", "S7", "S8", "S9", "S11", "S12", "L1"} == set(found.verdicts)
    assert (found.events, found.cut) == (healthy.count(b"\n") - 1, "")
    code, text = run(tmp_path / "incident.log")
    assert code == 0
    assert "holds: L1, S1," in text


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_log_cut_at_any_byte_is_read_up_to_the_cut_and_says_so(
    healthy: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(healthy) - 1))
    found = checked(healthy[:at], tmp_path_factory.mktemp("cut"))
    lines = healthy[:at].count(b"\n")
    assert found.events == max(0, lines - 1)
    assert found.broken == {}
    in_a_line = not healthy[:at].endswith(b"\n")
    assert found.cut == (
        "in its first line" if lines == 0 else f"in line {lines + 1}" if in_a_line else ""
    )
    if not found.ended or found.cut:
        assert found.verdict is Verdict.UNKNOWN
        assert set(found.verdicts.values()) == {Verdict.UNKNOWN}


def test_a_cut_log_ends_the_command_with_exit_code_3(healthy: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.log").write_bytes(healthy[:-200])
    code, text = run(tmp_path / "cut.log", "--json")
    (facts,) = json.loads(text)
    assert code == 3
    assert (facts["verdict"], facts["ended"]) == ("unknown", False)
    assert facts["cut"].startswith("in line ")
    assert "cut in line" in run(tmp_path / "cut.log")[1]


def test_what_its_writer_had_reserved_is_no_cut(healthy: bytes, tmp_path: Path) -> None:
    assert checked(healthy + b"\0" * 5_000, tmp_path).verdict is Verdict.HOLDS
    torn = checked(healthy[:-30] + b"\0" * 5_000, tmp_path)
    assert torn.cut.startswith("in line ")


def test_the_older_file_belongs_to_it_and_without_it_nothing_is_known(
    healthy: bytes, tmp_path: Path
) -> None:
    head, *lines = healthy.splitlines(keepends=True)
    second = head_line(attrs.evolve(head_of(head), segment=1))
    path = tmp_path / "incident.log"
    path.write_bytes(b"".join([second, *lines[10:]]))
    assert check(path).cut.startswith("at its beginning")
    older_of(path).write_bytes(b"".join([head, *lines[:10]]))
    found = check(path)
    assert (found.verdict, found.events) == (Verdict.HOLDS, len(lines))


def test_a_broken_promise_is_told_with_the_event_that_showed_it(tmp_path: Path) -> None:
    name, promise = "one-too-many-waits", "S9"
    core = BY_NAME[name].parts.core
    path = tmp_path / "incident.log"
    log = Log(core)
    for task in range(8):
        log.tell(told.TaskSubmitted(task, None, 1))
    log.tell(told.WorkerExited(0, -9, 0))
    path.write_bytes(b"".join(log.lines))
    found = check(path, BY_NAME[name].parts)
    assert found.verdict is Verdict.VIOLATED
    assert promise in found.broken
    code, text = run(path, "--mutant", name)
    assert code == 1
    assert f"  {promise} broken at event {found.broken[promise][1]}: " in text


def test_a_task_that_resolves_again_after_it_was_forgotten_is_seen(tmp_path: Path) -> None:
    class _TwiceMuchLater(Core):
        def _task_submitted(self, event: told.TaskSubmitted) -> None:
            super()._task_submitted(event)
            if event.task == 3 * TASKS:
                outcome = do.Outcome(do.Ending.RETURNED, None, 0, 1, True, "")
                self._out.append(do.ResolveTask(0, outcome))

    path = tmp_path / "incident.log"
    written(path, 3 * TASKS + 2, _TwiceMuchLater)
    assert check(path).verdict is Verdict.HOLDS
    found = check(path, attrs.evolve(BY_NAME["never-replaced"].parts, core=_TwiceMuchLater))
    assert found.broken["S1"][0].sentence == "task 0 resolved as returned, but was never accepted"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello\n", "it is no flight recorder's log"),
        (b'{"format":1,"promise":"S1"}\n', "it is no record"),
        (b'{"format":7}\n', "it is no record"),
        (b"\x89PNG\r\n", "it is no flight recorder's log"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "incident.log"
    path.write_bytes(data)
    with pytest.raises(LogError, match=words):
        check(path)
    code, text = run(path)
    assert code == 2
    assert len(text.splitlines()) == 1
    assert run(tmp_path / "none.log")[0] == 2


def test_a_line_that_is_none_is_refused_with_its_number(healthy: bytes, tmp_path: Path) -> None:
    head, first, *others = healthy.splitlines(keepends=True)
    bad = b"".join([head, first, b'["NoSuchEvent",1]\n', *others])
    with pytest.raises(LogError, match="line 3: no line of a record"):
        checked(bad, tmp_path)


def test_the_configuration_of_a_log_is_the_one_that_its_pool_had() -> None:
    config = PoolConfig(size=3, max_overflow=1, grace=7.0, health_interval=None, task_timeout=9.0)
    head = head_of(head_line(Head("run", 0, 0.0, 0.0, settings_of(config))))
    assert settings_of(config_of(head)) == settings_of(config)


# What `getrusage` tells begins with the memory of whoever started the process.
_MEASURE = """
import sys
from pathlib import Path
from machines.incident import check
found = check(Path(sys.argv[1]))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(found.verdict, found.events, status["VmHWM"].split()[0])
"""


def peak_of(path: Path) -> tuple[str, int, int]:
    """The verdict, the number of events, and the peak of memory, in kibibytes."""
    asked = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    verdict, events, peak = asked.stdout.split()
    return verdict, int(events), int(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc tells the peak")
def test_ten_times_as_many_events_take_no_more_memory(tmp_path: Path) -> None:
    """The same holds of a million; see docs/incidents.md."""
    peaks = []
    for tasks in (3 * TASKS, 30 * TASKS):
        path = tmp_path / f"{tasks}.log"
        written(path, tasks)
        verdict, events, peak = peak_of(path)
        assert verdict == "holds"
        assert events > 2 * tasks
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 2 * MEBIBYTE // 1024
