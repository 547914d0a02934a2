"""The standard library's executor tests that do not apply to `Pool`, and why: one literal table.

Each is run all the same and must not pass: a row that would pass is out of date, and so is one
that names no test.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Row:
    """One standard test that does not apply.

    Attributes:
        test: the class that defines it, and its name.
        reason: why it does not.
        methods: the start methods under which it does not; empty for all.
        since: the first Python that surely has it; an older one need not.
    """

    test: str
    reason: str
    methods: tuple[str, ...] = ()
    since: tuple[int, int] = (3, 11)

    def applies_to(self, group: str) -> bool:
        """Whether the row speaks of tests in this group."""
        return group in (self.methods or ("fork", "forkserver", "spawn"))


_ON_DEMAND = ("forkserver", "spawn")
_AT_ONCE = ("fork",)

NOT_APPLICABLE: tuple[Row, ...] = (
    Row(
        "ProcessPoolExecutorTest.test_killed_child",
        "one killed worker costs its own task and no other: the pool is not broken by it",
    ),
    Row(
        "ProcessPoolExecutorTest.test_max_workers_too_large",
        "the standard library asks for this on Windows alone, where the pool does not run",
    ),
    Row(
        "ProcessPoolExecutorTest.test_max_tasks_per_child_defaults_to_spawn_context",
        "a pool that recycles its workers starts them by its configured method, whichever it is",
    ),
    Row(
        "ProcessPoolExecutorTest.test_max_tasks_per_child",
        "the standard pool refuses to recycle forked workers; this one recycles them, too",
        _AT_ONCE,
    ),
    Row(
        "ProcessPoolExecutorTest.test_idle_process_reuse_one",
        "the standard library skips it where all workers are forked at once",
        _AT_ONCE,
    ),
    Row(
        "ProcessPoolExecutorTest.test_idle_process_reuse_multiple",
        "the standard library skips it where all workers are forked at once",
        _AT_ONCE,
    ),
    Row(
        "ProcessPoolExecutorTest.test_max_tasks_early_shutdown",
        "the standard library skips it with fork, which it refuses to recycle",
        _AT_ONCE,
    ),
    Row(
        "ProcessPoolExecutorTest.test_saturation",
        "its calls cannot be pickled: no process starts on demand for what never is a task",
        _ON_DEMAND,
    ),
    Row(
        "ProcessPoolShutdownTest.test_processes_terminate",
        "its calls cannot be pickled: no process starts on demand for what never is a task",
        _ON_DEMAND,
    ),
    Row(
        "ProcessPoolExecutorTest.test_python_finalization_error",
        "it forbids the standard pool's second thread; this pool has one, from its beginning",
        since=(3, 13),
    ),
)
