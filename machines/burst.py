"""The burst machine: one rule whose bytes each become a command that is possible.

Hypothesis pays for each rule that it chooses, not for what the rule does; so this machine does
some thirty things for the price of one, and finds what takes long sequences. Its examples do not
read as a story, and Hypothesis does not shrink them well; the trace shrinker does.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from machines.machine import Machine
from machines.menu import Menu
from machines.pool_machine import FLAVOURS, setting_of
from machines.swarm import OFF

BYTES: Final = 32
STEPS: Final = 40


class BurstMachine(Machine):
    """Everything at once, in bursts."""

    share: ClassVar[float] = 0.06
    steps: ClassVar[int | None] = STEPS

    @initialize(
        size=st.integers(1, 3),
        queue_limit=st.none() | st.integers(0, 3),
        flavour=st.sampled_from(FLAVOURS),
        off=OFF,
    )
    def start(
        self, size: int, queue_limit: int | None, flavour: dict[str, Any], off: frozenset[str]
    ) -> None:
        """A fresh pool starts."""
        self.begin(setting_of(size, queue_limit, flavour), off)
        self.menu = Menu(self._world, off)

    @rule(choices=st.binary(min_size=BYTES, max_size=BYTES))
    def burst(self, choices: bytes) -> None:
        """One thing after the other, as the bytes say."""
        run, choose = self._run, self.menu.choose
        for byte in choices:
            command = choose(byte)
            if command is not None:
                run.do(command)
                if run.violation is not None:
                    self._check()
