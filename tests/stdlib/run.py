"""Runs the standard library's own executor tests against `Pool`; one group in one process.

    python tests/stdlib/run.py fork|forkserver|spawn|future [--json] [--only WORDS]

Exit codes: 0 all is as the table of those that do not apply says, 1 it is not, 2 it cannot run.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import importlib
import json
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any

import standard_tests
from attrs import asdict, define
from not_applicable import NOT_APPLICABLE, Row

GROUPS = ("fork", "forkserver", "spawn", "future")
HANG_S = 300.0  # nothing here takes as long; then say where every thread is


@define
class Ran:
    """How one standard test ended.

    Attributes:
        test: its class and name.
        key: by which it would be found in the table.
        ended: `passed`, `failed` or `skipped`.
        words: the traceback, or the reason.
    """

    test: str
    key: str
    ended: str
    words: str = ""


class Record(unittest.TestResult):
    """Gathers how each test ended; a test with several failures ends once, failed.

    Args:
        listed: the keys of the tests that do not apply.
    """

    def __init__(self, listed: set[str]) -> None:
        super().__init__()
        self.ran: dict[str, Ran] = {}
        self._listed = listed

    def stopTest(self, test: Any) -> None:  # noqa: N802 - unittest's name
        """A thread or a process that is left over is a failure, unless the test was given up."""
        super().stopTest(test)
        support = importlib.import_module("test.support")
        if key_of(test) in self._listed:  # it dropped its pools where it failed
            gc.collect()
            for thread in threading.enumerate():
                if thread.name == "pool-loop":
                    thread.join(HANG_S)
            support.reap_children()
        elif support.environment_altered:
            self.note(test, "failed", "a thread or a process was left over")
        support.environment_altered = False

    def note(self, test: Any, ended: str, words: str = "") -> None:
        known = self.ran.get(test.id())
        if known is None or known.ended != "failed":
            self.ran[test.id()] = Ran(name_of(test), key_of(test), ended, words)

    def addSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        self.note(test, "passed")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 - unittest's name
        self.note(test, "skipped", reason)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        self.note(test, "failed", self._exc_info_to_string(err, test))

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        self.note(test, "failed", self._exc_info_to_string(err, test))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: ARG002, N802 - same
        if err is not None:
            self.note(test, "failed", self._exc_info_to_string(err, test))


def name_of(test: Any) -> str:
    """The class and the name of a test; for a failed set-up of a module, what unittest says."""
    if not hasattr(test, "_testMethodName"):
        return str(test)
    return f"{type(test).__name__}.{test._testMethodName}"


def key_of(test: Any) -> str:
    """The class that defines the test, and its name, for any start method."""
    if not hasattr(test, "_testMethodName"):
        return str(test)
    return getattr(test, test._testMethodName).__qualname__


def group_of(case: type) -> str | None:
    """Which group a class of tests belongs to; None if it is of another executor."""
    if case.__name__.startswith(("ThreadPool", "InterpreterPool")):
        return None
    return getattr(case, "ctx", "future")


def suite(group: str, only: str) -> unittest.TestSuite:
    """The group's tests, in the order of their modules and names."""
    translation = importlib.import_module("translation")  # it imports them in turn
    tests = unittest.TestSuite()
    for module in translation.load():
        chosen = unittest.TestSuite()
        for case in vars(module).values():
            if not (isinstance(case, type) and issubclass(case, unittest.TestCase)):
                continue
            if case.__module__ == module.__name__ and group_of(case) == group:
                for name in unittest.defaultTestLoader.getTestCaseNames(case):
                    if only in f"{case.__name__}.{name}":
                        chosen.addTest(case(name))
        tests.addTest(chosen)
    return tests


def judged(ran: list[Ran], rows: list[Row], *, whole: bool) -> list[str]:
    """What is not as the table says."""
    wrong = []
    listed = {row.test for row in rows}
    keys = {one.key for one in ran}
    for one in ran:
        if one.ended != "passed" and one.key not in listed:
            wrong.append(f"{one.test} {one.ended}: {one.words}")
        if one.ended == "passed" and one.key in listed:
            wrong.append(f"{one.test} passes, and is listed as not applicable")
    if whole:
        expected = {row.test for row in rows if sys.version_info >= row.since}
        wrong += [f"{test} is listed, and there is no such test" for test in expected - keys]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    found = standard_tests.find()
    if found is None:
        sys.stderr.write(f"{standard_tests.HOW}\n")
        return 2
    rows = [row for row in NOT_APPLICABLE if row.applies_to(options.group)]
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    with tempfile.TemporaryDirectory() as folder:
        path = standard_tests.lay(found, Path(folder))
        if path is not None:
            sys.path.insert(0, str(path))
        importlib.import_module("test.support").verbose = False
        record = Record({row.test for row in rows})
        suite(options.group, options.only).run(record)
    ran = list(record.ran.values())
    wrong = judged(ran, rows, whole=not options.only)
    if options.json:
        sys.stdout.write(json.dumps({"ran": [asdict(one) for one in ran], "wrong": wrong}))
    else:
        lines = [f"{one.ended:8} {one.test}" for one in ran] + wrong
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
