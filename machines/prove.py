"""The proof: what each machine's test does on each layer, from its budget to its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from attrs import frozen

from machines.conclusion import conclude
from machines.drivers import Layer
from machines.hunt import budget_of, hunt
from machines.pool_machine import PoolMachine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hypothesis import settings

    from machines.hunt import Finding
    from machines.machine import Machine
    from machines.parts import Parts
    from machines.tally import Tally

# Frames and processes cost more than values: their layers get a part of the budget.
SHARE: Final = {Layer.SIM: 1.0, Layer.WIRE: 0.3, Layer.REAL: 0.05}
EXAMPLES_MIN: Final = 5


@frozen
class Prove:
    """Runs a machine on one layer, and fails the test if a promise is broken.

    Attributes:
        layer: where.
        tally: counts what was done.
        profile: the chosen Hypothesis profile, whose examples all machines share.
        parts: the pool, perhaps with a bug planted in it.
        folder: where new counterexamples are kept; None if they are only told, as they were found.
        seed: fixes Hypothesis's choices; None leaves them to its own options.
        origin: what a new counterexample says of where it came from.
    """

    layer: Layer
    tally: Tally
    profile: settings
    parts: Parts
    folder: Path | None
    seed: int | None
    origin: Mapping[str, str]

    def __call__(self, machine: type[Machine]) -> None:
        """No promise is broken, whatever the machine can think of within its share.

        Each finding is shrunk, saved, replayed on every layer, and told as a story.

        Args:
            machine: the machine's class.
        """
        examples = self.examples(machine)
        steps = machine.steps or self.profile.stateful_step_count
        budget = budget_of(self.profile, self.layer, examples, steps)
        before = self.tally.examples
        findings = hunt(
            self.layer, self.tally, budget, machine=machine, parts=self.parts, seeded=self.seed
        )
        stories = [self._story(finding) for finding in findings]
        if stories:
            pytest.fail("\n\n".join(["", *stories]), pytrace=False)
        planted = self.origin.get("mutant")
        if planted is not None and machine is PoolMachine:  # the others need not find every bug
            tried = f"{self.tally.examples - before} examples on {self.layer}"
            pytest.fail(f"the planted bug {planted} was NOT found in {tried}", pytrace=False)
        done = self.tally.examples - before
        if done < examples // 2:
            pytest.fail(f"only {done} of {examples} examples came to their end", pytrace=False)

    def _story(self, finding: Finding) -> str:
        if self.folder is None:
            return f"{finding.violation.promise}: {finding.violation.sentence}"
        return conclude(finding, self.layer, self.folder, self.parts, **self.origin)

    def examples(self, machine: type[Machine]) -> int:
        """The machine's part of the profile's examples on this layer."""
        whole = self.profile.max_examples * SHARE[self.layer]
        return max(EXAMPLES_MIN, round(whole * machine.share))
