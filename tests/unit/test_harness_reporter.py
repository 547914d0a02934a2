"""The reporter: layers, faults and the slowest of the isolated tests, and of no others."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
    import pytest
    from machines.harness import inject_failure, isolated

    @isolated("sim")
    def test_passes(isolated_instance):
        with inject_failure("crash", isolated_instance):
            pass

    @isolated("wire")
    def test_fails(isolated_pool):
        raise AssertionError

    @isolated("sim")
    def test_leaks(isolated_instance):
        import os
        os.open("/dev/null", os.O_RDONLY)

    def test_has_none():
        pass
"""
NONE = """
    def test_has_none():
        pass
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_layers_faults_and_slowest_tests_are_told(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)
    result.assert_outcomes(passed=3, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*isolated tests*",
            "sim: 2 tests, 1 error, 1 passed, * s",
            "wire: 1 tests, 1 failed, * s",
            "injected: 1 crash",
            "*s  * test_layers_*::test_*",
        ]
    )
    result.stdout.no_fnmatch_line("*s  *::test_has_none")


def test_nothing_is_told_where_nothing_is_isolated(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NONE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*isolated tests*")
