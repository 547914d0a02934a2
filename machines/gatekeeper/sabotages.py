"""The sabotages: ways to break this tree, each of which one check of the gate must see.

Each is plain data: what is replaced in which file, the check that must turn red, and what it must
say. They are applied to copies only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path


class CannotApply(ValueError):
    """The tree has no such place any more; the message is one line."""


@frozen
class Edit:
    """A change of one file.

    Attributes:
        file: its path in the project's folder.
        before: what is replaced, found exactly once; empty if something is added at the end.
        after: what stands there then.
    """

    file: str
    before: str
    after: str

    def apply(self, root: Path) -> None:
        """The file below that folder is changed.

        Raises:
            CannotApply: what is to be replaced is not found exactly once.
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if not self.before:
            path.write_text(text + self.after, encoding="utf-8")
            return
        times = text.count(self.before)
        if times != 1:
            raise CannotApply(
                f"{self.file}: {self.before.strip()!r} is there {times} times, not once"
            )
        path.write_text(text.replace(self.before, self.after), encoding="utf-8")


@frozen
class Sabotage:
    """One way to break the tree.

    Attributes:
        name: as `--only` takes it.
        words: what is done, in a clause.
        check: the check that must turn red.
        says: what must be said of it.
        edits: the changes.
        rotation: which planted bugs' turn it must be, to be the gate's of that day.
    """

    name: str
    words: str
    check: str
    says: str
    edits: tuple[Edit, ...]
    rotation: int = 0

    def apply(self, root: Path) -> None:
        """It is done to the tree below that folder.

        Raises:
            CannotApply: the tree has no such place any more.
        """
        for edit in self.edits:
            edit.apply(root)


# Every so many events it waits for 30 % of the time that they took; a look at the clock for each
# would cost more than that. What lies between two measures is not counted.
_SLOWER: Final = """\
        self._now = now
        self._out = []
        self._handlers[type(event)](event)
        self._dispatch()
        if self.phase is not _OPEN:
            self._advance_phase()
        _wait_now_and_then()
        return self._out
"""
_WAITING: Final = """

_SEEN = [0, 0.0]


def _wait_now_and_then() -> None:
    import time

    _SEEN[0] += 1
    if _SEEN[0] % 64 == 0:
        now = time.process_time()
        until = now + 0.3 * min(now - _SEEN[1], 0.005)
        while time.process_time() < until:
            pass
        _SEEN[1] = time.process_time()
"""
_AS_FAST: Final = """\
        self._now = now
        self._out = []
        self._handlers[type(event)](event)
        self._dispatch()
        if self.phase is not _OPEN:
            self._advance_phase()
        return self._out
"""
_FLAKY: Final = """

def test_of_chance() -> None:
    assert int.from_bytes(__import__("os").urandom(1), "big") % 2 == 0
"""
_UNTESTED: Final = """

def was_stopped(code: int | None) -> bool:
    \"\"\"Whether it was stopped; nobody asks.\"\"\"
    if code is None:
        return False
    return code == -19
"""
_AGAINST: Final = """

def _legal() -> object:
    from model.worker import LEGAL

    return LEGAL
"""

SABOTAGES: Final[tuple[Sabotage, ...]] = (
    Sabotage(
        "pool-row",
        "a lifecycle row is changed in the pool: what raised degrades its worker",
        "transitions",
        "S8",
        (
            Edit(
                "pool/lifecycle.py",
                "Because.CHECKIN_ERROR: (_READY, ()),",
                "Because.CHECKIN_ERROR: (_DEGRADED, ()),",
            ),
        ),
    ),
    Sabotage(
        "model-row",
        "a lifecycle row is changed in the model: what raised degrades its worker",
        "transitions",
        "S8",
        (Edit("model/worker.py", '"checkin_error": "ready"', '"checkin_error": "degraded"'),),
    ),
    Sabotage(
        "blind-checker",
        "the checker of S4 finds nothing wrong with anything",
        "planted",
        "(S4): missed",
        (
            Edit(
                "model/worker_safety.py",
                """        return {
            saw.Assigned: self._assigned,
            saw.Recalled: self._holding.recalled,
""",
                """        return {}
        return {
            saw.Assigned: self._assigned,
            saw.Recalled: self._holding.recalled,
""",
            ),
        ),
    ),
    Sabotage(
        "empty-fault",
        "a worker that is to be killed is not",
        "transitions",
        "trace",
        (
            Edit(
                "machines/harm.py",
                """        self._driver.crash(body.number)
        self._book.dies(body, SIGKILLED)
""",
                "        del body\n",
            ),
        ),
    ),
    Sabotage(
        "no-processes",
        "the driver of real simulates",
        "processes",
        "walk",
        (Edit("machines/drivers/__init__.py", "Layer.REAL: RealDriver", "Layer.REAL: SimDriver"),),
    ),
    Sabotage(
        "no-replay",
        "a saved counterexample is left out of what is replayed",
        "counterexamples",
        "was not replayed on",
        (
            Edit(
                "machines/plugin.py",
                'return sorted(_folder(config).glob("*.json"))',
                'return sorted(_folder(config).glob("*.json"))[1:]',
            ),
        ),
    ),
    Sabotage(
        "hash-order",
        "which idle worker is chosen depends on hashes of texts",
        "determinism",
        "another digest under hash seed",
        (
            Edit(
                "pool/dispatch.py",
                'return idle[-1] if self.config.strategy == "lifo" else idle[0]',
                "return min(idle, key=lambda one: hash(str(one.number)))",
            ),
        ),
    ),
    Sabotage(
        "broken-arrow",
        "the pool imports the model",
        "arrows",
        "imports_against_the_arrows",
        (Edit("pool/exits.py", "", _AGAINST),),
    ),
    Sabotage(
        "less-coverage",
        "the pool's core has a branch that no test takes",
        "coverage",
        "pool/exits.py: never",
        (Edit("pool/exits.py", "", _UNTESTED),),
    ),
    Sabotage(
        "slower",
        "the core takes 30 % longer for each event",
        "pace",
        "core costs",
        (Edit("pool/core.py", _AS_FAST, _SLOWER), Edit("pool/core.py", "", _WAITING)),
    ),
    Sabotage(
        "flaky-test",
        "a test fails every other time",
        "history",
        "test_of_chance",
        (Edit("tests/unit/test_breaker.py", "", _FLAKY),),
    ),
    Sabotage(
        "no-canary",
        "the canary sings though nothing is wrong with it",
        "planted",
        "the canary was missed",
        (Edit("machines/mutants/tasks.py", "Parts(core=_Mute))", "Parts())"),),
    ),
)
BY_NAME: Final = {sabotage.name: sabotage for sabotage in SABOTAGES}
