"""The whole pool, on every layer: no promise is broken, whatever Hypothesis can think of.

Goal: find a sequence of client commands, deliveries, clock moves and faults after which the pool
has broken a promise of `model/promises.py`. Method: each example is a fresh pool; at its end
faults stop, everything is delivered, quiescence is demanded, the pool is shut down and nothing
may be left. The machine itself is `pool_machine.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.pool_machine import PoolMachine

if TYPE_CHECKING:
    from machines.prove import Prove


def test_no_promise_is_broken(poolcheck_prove: Prove) -> None:
    """Everything at once."""
    poolcheck_prove(PoolMachine)
