"""The burst machine: one rule whose bytes each become a command that is possible.

Hypothesis pays for each rule that it chooses, not for what the rule does; so this machine does
some thirty things for the price of one, and finds what takes long sequences. Its examples do not
read as a story, and Hypothesis does not shrink them well; the trace shrinker does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from machines.menu import Menu
from machines.pool_machine import WholePool

if TYPE_CHECKING:
    from machines.setting import Setting

BYTES: Final = 32
STEPS: Final = 40


class BurstMachine(WholePool):
    """Everything at once, in bursts."""

    share: ClassVar[float] = 0.06
    steps: ClassVar[int | None] = STEPS

    def begin(self, setting: Setting, off: frozenset[str] = frozenset()) -> None:
        """A fresh pool starts, and the menu with it."""
        super().begin(setting, off)
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
