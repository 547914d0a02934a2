"""The whole pool in bursts: long runs, many commands for each choice of Hypothesis.

Goal: as `test_pool.py`, for what takes long sequences. Method: each byte that Hypothesis draws
becomes a command that is possible there; the machine itself is `burst.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.burst import BurstMachine

if TYPE_CHECKING:
    from machines.prove import Prove


def test_no_promise_is_broken_in_long_runs(poolcheck_prove: Prove) -> None:
    """Everything at once, some six hundred commands long."""
    poolcheck_prove(BurstMachine)
