"""Exit codes: what the pool's own say, and that the others are told as they are."""

from __future__ import annotations

import pytest

from pool import exits


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "it exited"),
        (0, "it exited with code 0"),
        (-9, "it exited with code -9"),
        (70, "it exited with code 70: it got a damaged frame"),
        (71, "its pipe was closed, perhaps by the task"),
        (130, "it exited with code 130: it was interrupted, which a task had allowed"),
    ],
)
def test_exit_is_told_with_its_code_and_what_the_pools_own_codes_mean(
    code: int | None, words: str
) -> None:
    assert exits.words(code) == words
